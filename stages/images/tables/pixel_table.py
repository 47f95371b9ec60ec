"""CSV table of pixels: a row for each image, with a column for each pixel and one for the label."""

import csv
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.console import progress
from stages.common.errors import InputError, first_line
from stages.images import class_names
from stages.images.arrays import Images, ImageSequence, Labels, Split, check_image_shape
from stages.images.catalog import Csv, Dataset
from stages.images.picture_files import labelled_pictures
from stages.images.picture_files.labelled_pictures import LabelledPicture
from stages.images.problems import LineProblems, Place, lines_of, list_names, raise_if_any, shorten
from stages.images.splits.splitting import HoldOut
from stages.images.splits.subsets import Subset
from stages.images.tables import csv_dialect, csv_files, pixel_columns, row_cells
from stages.images.tables.csv_dialect import COMMENT, CsvFile, clean
from stages.images.tables.pixel_columns import PACKED_MARKS, PixelColumns, unpack
from stages.images.tables.pixel_values import ValueRange, Values

CHUNK_ROWS = 512
CHUNK_VALUES = 1 << 19
PLANE_SAMPLE = 1000  # images
MAX_ROUGHNESS = 0.7  # of images in the wrong order, against the right one, from pixel to pixel below
BAD_VALUE = re.compile(r"could not convert string '(.*)' to \w+ at row (\d+), column (\d+)", re.DOTALL)


class Line(NamedTuple):
    """Line of a table of pixels: its place, its label, its split, its group, and the text that holds the pixels."""

    place: Place
    label: str
    split: Split | None
    group: str | None
    text: str


class NotBytesError(Exception):
    """A value is no whole number 0…255."""


def open_splits(
    dataset: Dataset, settings: Csv, source: Path, scratch: Path, hold_out: HoldOut
) -> tuple[list[str], dict[Split, tuple[ImageSequence, Labels]]]:
    """Return the classes, and the images and labels of each split, shuffled.

    Pixels are whole numbers 0…255. 0 and 1 alone, and exact fractions 0…1 or -1…1, are converted.

    Args:
        dataset: File of the dataset. It may name the classes, and sets the split if the tables have none.
        settings: Names of the tables, and height and width of the images.
        source: Folder of the tables.
        scratch: Folder for the pixels as bytes. It must exist as long as the images are read.
        hold_out: Divides the images if there are no test images.

    Returns:
        Names of the classes, label 0 first. By split, images, uint8, and labels, int32, (num_images,).

    Raises:
        InputError: A table is missing or lacks columns, some of its rows are wrong, or its pixels have another range.
    """
    check_image_shape(settings.pixels or (), f"{dataset.path}: csv.pixels")
    tables = csv_files.find(source, settings)
    readers = []
    for split, path in tables.items():
        file = csv_dialect.detect(path)
        found = pixel_columns.find(file, settings)
        csv_files.refuse_two_splits(path, split, found.split)
        readers.append(Reader(file, found, split))
    try:
        lines, span = _write(readers, scratch / "values", np.uint8)
        dtype: type[np.generic] = np.uint8
    except NotBytesError:
        lines, span = _write(readers, scratch / "values", np.float32)
        dtype = np.float32
    labels: dict[str, list[Place]] = {}
    for line in lines:
        labels.setdefault(line.label, []).append(line.place)
    names = class_names.number_names(labels, dataset.classes)
    label_problems = [] if names else class_names.problems(labels, dataset.classes, dataset.path)
    raise_if_any([*(error for reader in readers for error in reader.problems.errors()), *label_problems], source)
    limits = span.limits()
    images = _to_bytes(scratch, dtype, limits, _shape(len(lines), settings, readers))
    dataset.conversion_for((images.shape[1], images.shape[2], images.shape[3] if images.ndim == 4 else 1))
    if images.shape[3:] and not any(reader.columns.is_ordered for reader in readers):
        _refuse_planes(images, readers[0].file.path)
    listed = [
        LabelledPicture(str(index), names.get(line.label, line.label), line.split, line.group)
        for index, line in enumerate(lines)
    ]
    classes, numbers, indices = labelled_pictures.index_splits(listed, dataset, source, hold_out)
    told = [line for reader in readers for line in csv_files.describe(reader.file, reader.told())]
    told += [f"{source}: pixels {limits[0]}…{limits[1]} become 0…255"] if limits != (0, 255) else []
    csv_files.tell([*told, *class_names.describe_numbers(names)], source, tables)

    def name(index: int) -> str:
        return str(lines[index].place)

    return classes, {split: (Subset(images, some, name), numbers[some]) for split, some in indices.items()}


class Reader:
    """Rows of a table of pixels.

    Args:
        file: The table.
        columns: Columns to read.
        split: Split of all rows, or None if a column may name it.

    Attributes:
        problems: Problems of wrong rows.
    """

    def __init__(self, file: CsvFile, columns: PixelColumns, split: Split | None) -> None:
        self.file, self.columns, self._split = file, columns, split
        self._separator = None if file.separator == " " else file.separator
        self._clear()

    def chunks(self, dtype: type[np.generic]) -> Iterator[tuple[list[Line], Values]]:
        """Yield some rows at a time, without the text of their pixels, and their pixels.

        Args:
            dtype: np.uint8, or another one for values that are no whole numbers 0…255.

        Yields:
            Rows, and uint8 or float64, (num_rows, num_values).

        Raises:
            NotBytesError: `dtype` is np.uint8, and a value does not fit.
            InputError: A value is no number, a cell holds too few or too many pixels, or there is no row.
        """
        self._clear()
        with progress(f"reading {self.file.path}", self.file.path.stat().st_size, "bytes") as advance:
            lines = self._lines()
            while some := list(islice(lines, CHUNK_ROWS)):
                yield [line._replace(text="") for line in some], self._parse(some, dtype)
                advance(sum(len(line.text) for line in some))
        csv_files.refuse_no_rows(self.file.path, self._count)

    def told(self) -> list[str]:
        """Return what was found rather than named, and how many rows are left out, in words."""
        told = list(self.columns.told)
        if self._comments:
            told.append(f"{len(self._comments)} comments left out ({lines_of(self._comments)})")
        return told

    def _clear(self) -> None:
        self.problems = LineProblems()
        self._comments: list[Place] = []
        self._count = 0

    def _lines(self) -> Iterator[Line]:
        """Yield the right rows, and note the problems of the others."""
        columns, start = self.columns, self.columns.start
        labels: dict[str, str] = {}  # so that equal labels are one object
        blank = f"{self.file.separator} \t\r\n"
        for number, text in enumerate(islice(self.file.lines(), start - self.file.first_line, None), start):
            place = Place(self.file.path, number)
            if text.startswith(COMMENT):
                self._comments.append(place)
            elif text.strip(blank):
                self._count += 1
                cells = self._cells(place, text)
                split = self._split_of(place, cells) if cells else None
                group = self._group_of(place, cells) if cells else None
                if cells and (split or columns.split is None) and (group or columns.group is None):
                    label = unicodedata.normalize("NFC", clean(cells[columns.label]))
                    pixels = cells[columns.pixels[0]] if columns.is_packed else text
                    yield Line(place, labels.setdefault(label, label), split, group, pixels)

    def _cells(self, place: Place, text: str) -> list[str]:
        """Return the cells of a row, or none if it has too few or too many."""
        if '"' in text:
            [cells] = csv.reader([text], delimiter=self.file.separator, skipinitialspace=True)
        else:
            cells = text.split(self._separator)
        width = self.columns.width
        if len(cells) < width or any(map(clean, cells[width:])):
            received = f"{len(cells)} ({list_names([clean(cell) for cell in cells])})"
            self.problems.add(place, f"{width} cells, as in the first line", received)
            return []
        return cells

    def _split_of(self, place: Place, cells: list[str]) -> Split | None:
        if self.columns.split is None:
            return self._split
        return row_cells.read_split(clean(cells[self.columns.split]), self.columns.flag, place, self.problems)

    def _group_of(self, place: Place, cells: list[str]) -> str | None:
        if self.columns.group is None:
            return None
        return row_cells.read_group(clean(cells[self.columns.group]), "image", place, self.problems)

    def _parse(self, lines: Sequence[Line], dtype: type[np.generic]) -> Values:
        """Return the pixels of some rows, uint8 or float64, (num_rows, num_values)."""
        is_packed = self.columns.is_packed
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # that a fraction was read as a whole number, in old versions of NumPy
                values: Values = np.loadtxt(
                    self._numbers(lines, dtype),
                    dtype=np.uint8 if dtype == np.uint8 else np.float64,
                    delimiter=None if is_packed else self._separator,
                    usecols=None if is_packed else self.columns.pixels,
                    quotechar='"',
                    comments=None,
                    ndmin=2,
                )
        except (ValueError, DeprecationWarning, UserWarning) as error:  # UserWarning: no value in any row
            if dtype == np.uint8:
                raise NotBytesError from error
            raise self._bad_value(lines, error) from error
        if values.shape != (len(lines), self.columns.num_values):  # NumPy leaves out a row without a value
            raise self._bad_value(lines, ValueError(f"{values.shape} values for {len(lines)} images"))
        return values

    def _numbers(self, lines: Sequence[Line], dtype: type[np.generic]) -> list[str]:
        """Return the texts of some rows, with blanks around packed pixels, and with decimal points for commas."""
        if self.columns.is_packed:
            return [line.text.translate(PACKED_MARKS) for line in lines]
        if dtype == np.uint8 or self.file.separator == ",":
            return [line.text for line in lines]
        return [line.text.replace(",", ".") for line in lines]

    def _bad_value(self, lines: Sequence[Line], error: Exception) -> InputError:
        """Return the error of a value that is no number, or of a row with another number of values."""
        found = BAD_VALUE.match(str(error))
        if not found:
            counts = [len(unpack(line.text)) for line in lines] if self.columns.is_packed else []
            for line, count in zip(lines, counts, strict=False):
                if count != self.columns.num_values:
                    expected = f"{self.columns.num_values} pixels in column {self.columns.pixels[0] + 1}"
                    return InputError(line.place, expected, count, "fix the line")
            return InputError(self.file.path, "numbers 0…255 in each row", first_line(error), "write the table again")
        value, row, column = found[1], int(found[2]), int(found[3])
        where = f"column {self.columns.pixels[0] + 1}" if self.columns.is_packed else f"column {column}"
        received = f"{shorten(value)!r} in {where}" if value else f"an empty cell in {where}"
        return InputError(lines[row].place, "pixels as numbers 0…255", received, "fix the line")


def _write(readers: Sequence[Reader], path: Path, dtype: type[np.generic]) -> tuple[list[Line], ValueRange]:
    """Write the values of all tables to a file, row after row; return the rows and the range of the values."""
    rows: list[Line] = []
    span = ValueRange()
    with path.open("wb") as file:
        for reader in readers:
            for lines, values in reader.chunks(dtype):
                with np.errstate(over="ignore", invalid="ignore"):  # the range of the values tells
                    file.write(np.ascontiguousarray(values, dtype).data)
                span.add(values, [line.place for line in lines])
                rows += lines
    return rows, span


def _shape(num_images: int, settings: Csv, readers: Sequence[Reader]) -> tuple[int, ...]:
    """Return the shape of all images: (num_images, height, width), or with 3 channels behind."""
    channels = {reader.columns.channels for reader in readers}
    if len(channels) > 1:
        raise InputError(readers[-1].file.path, "colour in all tables, or in none", "both", "use tables of one kind")
    return (num_images, *(settings.pixels or ()), *((3,) if channels == {3} else ()))


def _to_bytes(scratch: Path, dtype: type[np.generic], limits: tuple[int, int], shape: tuple[int, ...]) -> Images:
    """Return all images as a memory map, uint8, 0…255; write them as bytes before, if they are not.

    Args:
        scratch: Folder of the values.
        dtype: Type of the values.
        limits: Values of black and white.
        shape: (num_images, height, width), or with 3 channels behind.
    """
    if dtype == np.uint8 and limits == (0, 255):
        return np.memmap(scratch / "values", np.uint8, mode="r", shape=shape)
    black, white = limits
    with (scratch / "values").open("rb") as values, (scratch / "pixels").open("wb") as pixels:
        while (chunk := np.fromfile(values, dtype, CHUNK_VALUES)).size:  # a memory map would count as memory
            scaled = (chunk.astype(np.float64) - black) * (255 / (white - black))
            pixels.write(np.rint(scaled).astype(np.uint8).data)
    return np.memmap(scratch / "pixels", np.uint8, mode="r", shape=shape)


def _refuse_planes(images: Images, path: Path) -> None:
    """Refuse images in colour that look smoother if their values are read as planes of red, green and blue.

    Args:
        images: uint8, (num_images, height, width, 3).
        path: The table, for errors.

    Raises:
        InputError: They do.
    """
    some = np.asarray(images[:PLANE_SAMPLE], np.int16)
    count, height, width, channels = some.shape
    planes = some.reshape(count, channels, height, width)
    if height > 1 and np.abs(np.diff(planes, axis=2)).mean() < MAX_ROUGHNESS * np.abs(np.diff(some, axis=1)).mean():
        expected, received = "the three values of each pixel side by side", "planes of one colour each, by their look"
        next_step = "name the columns r0, r1, … g0, … b0, …, or write the values in the other order"
        raise InputError(path, expected, received, next_step)
