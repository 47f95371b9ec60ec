"""CSV table of pictures: paths, classes and, optionally, splits."""

import unicodedata
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import NamedTuple

from stages.common.console import progress
from stages.common.errors import InputError
from stages.images import class_names
from stages.images.arrays import Split, split_of
from stages.images.catalog import MAX_CLASSES, Csv, Dataset
from stages.images.folders.split_folders import LIKE_SPLIT
from stages.images.picture_files.labelled_pictures import LabelledPicture
from stages.images.problems import LineProblems, Place, lines_of, list_names, raise_if_any, shorten
from stages.images.tables import columns, csv_dialect, csv_files, row_cells
from stages.images.tables.columns import Columns
from stages.images.tables.csv_dialect import COMMENT, CsvFile, Row
from stages.images.tables.picture_paths import Misfit, PicturePaths
from stages.images.tables.split_column import ZERO_OR_ONE

SAMPLE_ROWS = 1000  # looked at to find out what the columns hold


class Entry(NamedTuple):
    """Row of a table of pictures.

    Attributes:
        place: Line of the row.
        path: Path from the dataset's folder, with slashes.
        label: Label as the table writes it.
        split: Split, or None if the table names none.
        group: Group, or None if the table names none.
    """

    place: Place
    path: str
    label: str
    split: Split | None
    group: str | None


def list_pictures(source: Path, dataset: Dataset, settings: Csv) -> list[LabelledPicture]:
    """Return the pictures of one table or several, sorted by their paths.

    Args:
        source: Folder of the tables and their pictures.
        dataset: File of the dataset. It may name the classes.
        settings: Names of the tables and their columns.

    Raises:
        InputError: A table is missing, is not CSV, or lacks a column; or some of its rows are wrong.
    """
    paths, problems = PicturePaths(source), LineProblems()
    labels: dict[str, list[Place]] = {}
    entries: dict[str, Entry] = {}
    told = []
    tables = csv_files.find(source, settings)
    for split, path in tables.items():
        file = csv_dialect.detect(path)
        found = columns.find(file, settings, paths.is_file, list(islice(file.rows(), SAMPLE_ROWS)))
        csv_files.refuse_two_splits(path, split, found.split)
        reader = Reader(file, found, paths, problems)
        with progress(f"checking the paths in {path}", None):
            for entry in reader.read(split, labels):
                _add(entry, entries, problems)
        told += csv_files.describe(file, [*found.told, *reader.told()])
    names = class_names.number_names(labels, dataset.classes)
    label_problems = [] if names else class_names.problems(labels, dataset.classes, dataset.path)
    raise_if_any([*problems.errors(), *label_problems], source)
    _check_number(labels, tables, settings)
    by_folder, folders_told = _splits_of_folders(entries, next(iter(tables.values())))
    told += [*folders_told, *_describe_paths(paths), *class_names.describe_numbers(names)]
    beside = paths.beside(entries)
    if beside:
        told.append(f"left out: {len(beside)} pictures that the table does not list, the first {source / beside[0]}")
    csv_files.tell(told, source, tables)
    return sorted(
        LabelledPicture(
            path,
            names.get(entry.label, entry.label),
            by_folder.get(path, entry.split),
            entry.group,
        )
        for path, entry in entries.items()
    )


class Reader:
    """Rows of a table, read as pictures with labels.

    Args:
        file: The table.
        found: Columns to read.
        paths: Files that the paths mean.
        problems: Takes the problems of wrong rows.
    """

    def __init__(self, file: CsvFile, found: Columns, paths: PicturePaths, problems: LineProblems) -> None:
        self._file, self._columns, self._paths, self._problems = file, found, paths, problems
        self._comments: list[Place] = []
        self._headers: list[Place] = []
        self._short: list[Place] = []

    def read(self, split: Split | None, labels: dict[str, list[Place]]) -> Iterator[Entry]:
        """Yield the pictures of the right rows, and note the problems of the others.

        Args:
            split: Split of all rows, or None if a column may name it.
            labels: Takes the lines of each label, in Unicode's form NFC.

        Raises:
            InputError: There is no row.
        """
        count = 0
        for row in islice(self._file.rows(), self._columns.first_row, None):
            count += 1
            place = Place(self._file.path, row.line)
            cells = self._cells(place, row)
            label = self._label(place, cells) if cells else None
            if label is not None:
                labels.setdefault(label, []).append(place)
            if label:
                path, row_split = self._path(place, cells), self._split(place, cells) or split
                group = self._group(place, cells)
                if path is not None:
                    yield Entry(place, path, label, row_split, group)
        csv_files.refuse_no_rows(self._file.path, count)

    def told(self) -> list[str]:
        """Return the rows that are left out, in words."""
        told = [
            f"{len(places)} {noun}{'s' if len(places) > 1 else ''} left out ({lines_of(places)})"
            for noun, places in (("comment", self._comments), ("repeated header", self._headers))
            if places
        ]
        return told + ([f"cells missing at the end of {lines_of(self._short)}"] if self._short else [])

    def _cells(self, place: Place, row: Row) -> list[str]:
        """Return the cells of a row, or none if it is a comment or has another number of cells than the header."""
        cells, found = row.cells, self._columns
        if cells == found.header:
            self._headers.append(place)
            return []
        path = cells[found.path] if len(cells) > found.path else ""
        if cells[0].startswith(COMMENT) and not self._paths.is_file(path):
            self._comments.append(place)
            return []
        expected = f"{found.width} cells, as in the {'header' if found.header else 'first line'}"
        if any(cells[found.width :]):
            next_step = "put a cell that holds the separator into quotes, or leave the surplus out"
            self._problems.add(place, expected, f"{len(cells)} ({list_names(cells)})", next_step)
            return []
        if len(cells) < found.width:
            num_needed = len(found.needed)
            if found.needed != list(range(num_needed)) or len(cells) < num_needed:
                self._problems.add(place, expected, f"{len(cells)} ({list_names(cells)})", "add what is missing")
                return []
            self._short.append(place)
        return cells

    def _label(self, place: Place, cells: list[str]) -> str | None:
        """Return the label of a row; None, and a problem noted, if a one-hot row has none or several."""
        found = self._columns
        if found.label is not None:
            return unicodedata.normalize("NFC", cells[found.label])
        values = {name: ZERO_OR_ONE.get(cells[column].lower()) for column, name in found.classes.items()}
        expected = "a 1 for one class, and 0 for the others"
        wrong = next((name for name, value in values.items() if value is None), None)
        if wrong is not None:
            cell = next(cells[column] for column, name in found.classes.items() if name == wrong)
            self._problems.add(place, expected, f"{shorten(cell)!r} for {shorten(wrong)}")
            return None
        chosen = [name for name, value in values.items() if value]
        if len(chosen) == 1:
            return unicodedata.normalize("NFC", chosen[0])
        received = f"{len(chosen)} ({list_names(chosen)})" if chosen else "0 alone"
        next_step = "leave out pictures of no class or of several: a network here gives one class to each"
        self._problems.add(place, expected, received, next_step)
        return None

    def _path(self, place: Place, cells: list[str]) -> str | None:
        """Return the path of a row's picture; None, and a problem noted, if there is no such file."""
        written = cells[self._columns.path]
        if not written:
            self._problems.add(place, "the path of a picture", "an empty cell")
            return None
        path = self._paths.find(written)
        if isinstance(path, Misfit):
            self._problems.add(place, *path)
            return None
        return path

    def _split(self, place: Place, cells: list[str]) -> Split | None:
        if self._columns.split is None:
            return None
        return row_cells.read_split(cells[self._columns.split], self._columns.flag, place, self._problems)

    def _group(self, place: Place, cells: list[str]) -> str | None:
        if self._columns.group is None:
            return None
        return row_cells.read_group(cells[self._columns.group], "picture", place, self._problems)


def _check_number(labels: dict[str, list[Place]], tables: csv_files.Tables, settings: Csv) -> None:
    """Refuse a column of one label alone, or of so many that they are hardly classes."""
    if not 2 <= len(labels) <= MAX_CLASSES:
        column = f" in column '{settings.label}'" if isinstance(settings.label, str) else ""
        expected = f"2…{MAX_CLASSES} classes{column}"
        next_step = "name the column of classes with `label` under `csv`"
        raise InputError(
            next(iter(tables.values())), expected, f"{len(labels)}: {list_names(sorted(labels))}", next_step
        )


def _add(entry: Entry, entries: dict[str, Entry], problems: LineProblems) -> None:
    """Add a picture to those of the rows before, or note that it was there already."""
    first = entries.setdefault(entry.path, entry)
    if first is entry:
        return
    received = f"{shorten(entry.path)} a second time, after line {first.place.line}"
    if first.place.table != entry.place.table:
        received = f"{shorten(entry.path)} a second time, after {first.place}"
    if first.label != entry.label:
        received += f", as {shorten(entry.label)!r} after {shorten(first.label)!r}"
    problems.add(entry.place, "each picture once", received, "remove one of the lines")


def _splits_of_folders(entries: dict[str, Entry], table: Path) -> tuple[dict[str, Split], list[str]]:
    """Return the splits by paths, if one level of their folders is all splits and no row names another; and lines.

    It need not be the first level: images/train/1.png.
    """
    if any(entry.split for entry in entries.values()):
        return {}, []
    for level in zip_longest(*(path.split("/")[:-1] for path in entries), fillvalue=""):
        names = sorted({name for name in level if name})
        splits = {name: split for name in names if (split := split_of(name))}
        are_several = len(set(splits.values())) > 1
        where = f"{table}: the folders {list_names(names)} of the paths are"
        if are_several and len(splits) == len(set(level)):
            return {path: splits[name] for path, name in zip(entries, level, strict=True)}, [f"{where} splits"]
        if are_several or (len(names) > 1 and all(LIKE_SPLIT.search(name.casefold()) for name in names)):
            next_step = "if they are splits, write them into a column of the table"
            return {}, [f"warning: {where} not all read as splits; {next_step}"]
    return {}, []


def _describe_paths(paths: PicturePaths) -> list[str]:
    return [f"{count} paths converted: {change}" for change, count in sorted(paths.converted.items())]
