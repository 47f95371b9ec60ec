"""Columns of a table of pictures: which of them holds paths, classes and splits."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import PurePosixPath

from stages.common.errors import InputError
from stages.common.yaml_files import did_you_mean
from stages.images.arrays import Split, split_of
from stages.images.catalog import Csv
from stages.images.picture_files.formats import SUFFIXES
from stages.images.problems import list_names
from stages.images.tables import split_column
from stages.images.tables.column_words import LABEL_WORDS, NO_NAME, PATH_WORDS, word
from stages.images.tables.csv_dialect import COMMENT, CsvFile, Row
from stages.images.tables.split_column import ZERO_OR_ONE

NAME_THEM = "name the table's under `csv` in the dataset's file"
MIN_PIXELS = 16  # in a table of pixels
SAMPLE_FILES = 10  # rows


@dataclass(frozen=True)
class Columns:
    """Columns to read, by their index from 0.

    Attributes:
        header: Names of all columns, or None if the table has no header line.
        width: Number of columns.
        path: Column of the paths.
        label: Column of the class names, or None if each class has a column.
        classes: Names of the classes by their columns, in a one-hot table.
        split: Column of the splits, or None.
        flag: Split of the rows with a 1 or true in that column, if it holds these in place of names. Or None.
        group: Column of the groups, or None.
        first_row: Number of rows before the first one with data: comments and the header.
        told: What was found rather than named, in words.
    """

    header: list[str] | None
    width: int
    path: int
    label: int | None
    classes: dict[int, str]
    split: int | None
    flag: Split | None
    group: int | None
    first_row: int
    told: tuple[str, ...]

    @property
    def needed(self) -> list[int]:
        """Columns to read, in ascending order."""
        columns = (self.path, self.label, self.split, self.group, *self.classes)
        return sorted(column for column in columns if column is not None)


def find(file: CsvFile, settings: Csv, is_file: Callable[[str], bool], sample: Sequence[Row]) -> Columns:
    """Return the columns of a table of pictures.

    A column that the dataset's file does not name is known by a usual name, in any capitals. Without one for the paths,
    the only column that leads to files holds them. Without one for the labels, the only other column holds them, or
    each other column stands for a class if all cells are 0 or 1.

    Args:
        file: The table.
        settings: Names of the columns.
        is_file: Function that returns True if a cell is the path of a file.
        sample: The first rows of the table, at least one.

    Raises:
        InputError: A column is missing, or several could be meant.
    """
    return _Finder(file, settings, is_file, sample).find()


def square_side(num_pixels: int) -> int:
    """Return the side of a square of so many pixels, or of a third of them, which are colours; 0 if there is none."""
    if num_pixels < 1:
        return 0
    return next(
        (side for side in (isqrt(num_pixels), isqrt(num_pixels // 3)) if num_pixels in (side**2, 3 * side**2)), 0
    )


class _Finder:
    def __init__(self, file: CsvFile, settings: Csv, is_file: Callable[[str], bool], sample: Sequence[Row]) -> None:
        self._file, self._settings, self._is_file = file, settings, is_file
        self._told: list[str] = []
        start = self._header_row(sample)
        self._has_header = not self._is_data(sample[start].cells)
        self._header = [name.lstrip(f"{COMMENT} ") if i == 0 else name for i, name in enumerate(sample[start].cells)]
        self._first_row = start + self._has_header
        rows = [row.cells for row in sample[self._first_row :] if len(row.cells) == len(self._header)]
        self._rows = [cells for cells in rows if cells != self._header]

    def find(self) -> Columns:
        if not self._has_header:
            return self._without_header()
        path = self._named("path", PATH_WORDS, self._holds_files)
        group = None if self._settings.group is None else self._exact(self._settings.group)
        label, classes = self._label_columns([path, group])
        split, flag = self._split_column([path, label, group, *classes])
        self._tell_unread([path, label, group, split, *classes])
        return Columns(
            header=self._header,
            width=len(self._header),
            path=path,
            label=label,
            classes=classes,
            split=split,
            flag=flag,
            group=group,
            first_row=self._first_row,
            told=tuple(self._told),
        )

    def _tell_unread(self, read: Sequence[int | None]) -> None:
        unread = [
            name for column, name in enumerate(self._header) if column not in read and not NO_NAME.fullmatch(name)
        ]
        self._told += [f"not read: {list_names(unread)}"] if unread else []

    def _header_row(self, sample: Sequence[Row]) -> int:
        """Return the index of the first row that is no comment; a header may begin with the mark of one."""
        for index, (row, following) in enumerate(zip(sample, [*sample[1:], None], strict=True)):
            words = {word(cell) for cell in row.cells}
            is_header = words & PATH_WORDS and following and len(following.cells) == len(row.cells) > 1
            if not row.cells[0].startswith(COMMENT) or is_header or self._is_file(row.cells[0]):
                return index
        raise self._error("the columns path and label", "nothing but comments")

    def _is_data(self, cells: list[str]) -> bool:
        """Return True if a cell is a picture's path rather than a column's name."""
        suffixes = (PurePosixPath(cell.replace("\\", "/")).suffix.lower() for cell in cells)
        if any(suffix in SUFFIXES for suffix in suffixes):
            return True
        return not {word(cell) for cell in cells} & PATH_WORDS and any(map(self._is_file, filter(None, cells)))

    def _without_header(self) -> Columns:
        """Return the columns of a table without a header line, which its cells tell."""
        width = len(self._header)
        rows = [self._header, *self._rows]
        paths = [column for column in range(width) if self._is_data([self._header[column]])]
        splits = [column for column in range(width) if all(split_of(row[column]) for row in rows)]
        labels = [column for column in range(width) if column not in (*paths, *splits)]
        are_named = self._settings.model_fields_set & {"path", "label", "split", "group"}
        if are_named or (len(paths), len(labels)) != (1, 1) or len(splits) > 1:
            raise self._error("a header line that names the columns path and label", list_names(self._header))
        self._told.append(f"no header line: paths in column {paths[0] + 1}, classes in column {labels[0] + 1}")
        self._told += [f"splits in column {column + 1}" for column in splits]
        return Columns(
            header=None,
            width=width,
            path=paths[0],
            label=labels[0],
            classes={},
            split=splits[0] if splits else None,
            flag=None,
            group=None,
            first_row=self._first_row,
            told=tuple(self._told),
        )

    def _label_columns(self, taken: Sequence[int | None]) -> tuple[int | None, dict[int, str]]:
        """Return the column of the class names, or the columns of classes in a one-hot table."""
        label = self._settings.label
        if not isinstance(label, str):
            return None, {self._exact(name): name for name in label}
        if "label" in self._settings.model_fields_set or self._candidates("label", LABEL_WORDS):
            return self._named("label", LABEL_WORDS), {}
        others = [
            column
            for column, name in enumerate(self._header)
            if column not in taken
            and not NO_NAME.fullmatch(name)
            and not self._holds_splits(column)
            and not (word(name).startswith("is") and self._flag_of(column))
        ]
        if len(others) == 1:
            self._told.append(f"classes in column '{self._header[others[0]]}'")
            return others[0], {}
        cells = [row[column].lower() for row in self._rows for column in others]
        if others and cells and all(cell in ZERO_OR_ONE for cell in cells):
            classes = {column: self._header[column] for column in others}
            self._refuse_repeated(list(classes.values()))
            self._told.append(f"one column for each of {len(others)} classes ({list_names(list(classes.values()))})")
            return None, classes
        raise self._missing(label)

    def _split_column(self, taken: Sequence[int | None]) -> tuple[int | None, Split | None]:
        """Return the column of splits, and the split that its cells deny or affirm if they do not name it.

        It is the one that the dataset's file names, or the only one whose cells are all splits, or such as is_test.
        """
        name = self._settings.split
        if "split" in self._settings.model_fields_set or name in self._header:
            column = self._exact(name)
            return column, self._flag_of(column)
        others = [column for column in range(len(self._header)) if column not in taken]
        found = [column for column in others if self._holds_splits(column) or self._flag_of(column)]
        if len(found) > 1:
            names = list_names([self._header[column] for column in found])
            raise self._error("one column of splits", f"{names}", "say which with `split` under `csv`")
        if found:
            self._told.append(f"splits in column '{self._header[found[0]]}'")
        return (found[0], self._flag_of(found[0])) if found else (None, None)

    def _holds_splits(self, column: int) -> bool:
        return split_column.holds_splits(self._header[column], self._cells(column), self._file.column(column))

    def _flag_of(self, column: int) -> Split | None:
        return split_column.flag_of(self._header[column], self._cells(column)) if self._rows else None

    def _cells(self, column: int) -> list[str]:
        return [row[column] for row in self._rows]

    def _holds_files(self, column: int) -> bool:
        return any(map(self._is_file, self._cells(column)[:SAMPLE_FILES]))

    def _named(self, key: str, words: set[str], is_likely: Callable[[int], bool] | None = None) -> int:
        """Return the column of paths or labels: the one that the dataset's file names, or one with a usual name."""
        name = getattr(self._settings, key)
        if key in self._settings.model_fields_set:
            return self._exact(name)
        candidates = self._candidates(key, words)
        likely = [column for column in candidates if is_likely and is_likely(column)]
        candidates = likely if len(candidates) > 1 and len(likely) == 1 else candidates
        if not candidates and is_likely:
            candidates = [column for column in range(len(self._header)) if is_likely(column)]
        if not candidates:
            raise self._missing(name)
        if len(candidates) > 1:
            names = list_names([self._header[column] for column in candidates])
            raise self._error(f"one column {name}", f"several that could be it: {names}", NAME_THEM)
        if self._header[candidates[0]] != name:
            self._told.append(f"{'paths' if key == 'path' else 'classes'} in column '{self._header[candidates[0]]}'")
        return candidates[0]

    def _candidates(self, key: str, words: set[str]) -> list[int]:
        """Return the columns of the default name, or else those of the usual names."""
        name = getattr(self._settings, key)
        same = [column for column, each in enumerate(self._header) if word(each) == word(name)]
        return same or [column for column, each in enumerate(self._header) if word(each) in words]

    def _exact(self, name: str) -> int:
        """Return the only column of a name."""
        name = unicodedata.normalize("NFC", name.strip())
        found = [i for i, each in enumerate(self._header) if unicodedata.normalize("NFC", each) == name]
        if not found:
            raise self._missing(name)
        if len(found) > 1:
            columns = " and ".join(str(column + 1) for column in found)
            raise self._error(f"one column {name}", f"columns {columns} of that name", "rename one of them")
        return found[0]

    def _refuse_repeated(self, names: list[str]) -> None:
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if repeated:
            raise self._error("one column for each class", f"several of {list_names(repeated)}", "rename one of them")

    def _missing(self, name: str) -> InputError:
        """Return the error of a table that lacks a column."""
        keys = [
            key
            for key in ("path", "label", "split", "group")
            if key in ("path", "label", *self._settings.model_fields_set)
        ]
        wanted = [getattr(self._settings, key) for key in keys]
        names = ", ".join(each if isinstance(each, str) else list_names(each) for each in wanted)
        expected = f"the columns {names}"
        received = f"{list_names(self._header)}, and so no '{name}'{did_you_mean(name, self._header)}"
        side = square_side(len(self._header) - 1)
        if side**2 >= MIN_PIXELS:
            return self._error(expected, received, f"if these are pixels, set pixels: [{side}, {side}] under `csv`")
        return self._error(expected, received)

    def _error(self, expected: str, received: str, next_step: str = NAME_THEM) -> InputError:
        return InputError(self._file.path, expected, received, next_step)
