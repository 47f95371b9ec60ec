"""Columns of a table of pixels: which of them holds the label, and in which order the pixels stand."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from stages.common.errors import InputError
from stages.common.yaml_files import did_you_mean
from stages.images.arrays import Split, split_of
from stages.images.catalog import MAX_CLASSES, Csv
from stages.images.problems import list_names
from stages.images.tables import split_column
from stages.images.tables.column_words import LABEL_WORDS, NO_NAME, word
from stages.images.tables.columns import square_side
from stages.images.tables.csv_dialect import COMMENT, CsvFile, Row, clean

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?|nan", re.IGNORECASE)
DIGITS = re.compile(r"\d{1,18}")  # of the number of a row or column
PACKED_MARKS = str.maketrans("[](),;", "      ")  # around and between the pixels in one cell, as in a list of Python
PACKED_WORDS = {"pixels", "image", "pixelvalues"}  # names of a column that holds all pixels of an image
ROW_WORDS = {"id", "imageid", "index", "rowid"}  # names of a column of row numbers
SAMPLE_ROWS = 20


@dataclass(frozen=True)
class PixelColumns:
    """Columns to read, by their index from 0.

    Attributes:
        start: Line of the first row with data, or before.
        width: Number of columns.
        label: Column of the labels.
        split: Column of the splits, or None.
        flag: Split of the rows with a 1 in that column, if it holds these in place of names. Or None.
        group: Column of the groups, or None.
        pixels: Columns of the pixels, from the upper left, row by row; a single one may hold them all.
        num_values: Values of an image: its pixels, times their channels.
        channels: Values of a pixel: 1 or 3.
        is_ordered: True if the columns' names give the order of the pixels.
        told: What was found rather than named, in words.
    """

    start: int
    width: int
    label: int
    split: int | None
    flag: Split | None
    group: int | None
    pixels: tuple[int, ...]
    num_values: int
    channels: int
    is_ordered: bool
    told: tuple[str, ...]

    @property
    def is_packed(self) -> bool:
        """True if one column holds all pixels of an image, with blanks between them."""
        return len(self.pixels) == 1


def find(file: CsvFile, settings: Csv) -> PixelColumns:
    """Return the columns of a table of pixels, with a header line or without.

    Args:
        file: The table.
        settings: Height and width of the images, and names of columns. Unless `channels` is set, the number of columns
            tells grey from colour.

    Raises:
        InputError: There are too few or too many columns, none of labels, or several that could be it.
    """
    return _Finder(file, settings).find()


class _Finder:
    def __init__(self, file: CsvFile, settings: Csv) -> None:
        self._file, self._settings = file, settings
        height, width = settings.pixels or (1, 1)
        grey = height * width
        by_number = {grey: 1, 3 * grey: 3}
        if "channels" in settings.model_fields_set:
            by_number = {grey * settings.channels: settings.channels}
        self._channels_of = by_number
        self._told: list[str] = []
        self._is_ordered = False
        self._flag: Split | None = None
        self._group: int | None = None

    def find(self) -> PixelColumns:
        sample = list(islice(self._file.rows(), SAMPLE_ROWS))
        first = next(
            (index for index, row in enumerate(sample) if not self._is_comment(row, sample[index + 1 :])), None
        )
        if first is None:
            raise self._error("rows of numbers", "nothing but comments")
        width = max((index + 1 for row in sample[first:] for index, cell in enumerate(row.cells) if cell), default=1)
        header, *data = [Row(row.line, row.cells[:width]) for row in sample[first:]]
        has_header = _is_header(header.cells)
        if not has_header:
            data.insert(0, header)
        if not data:
            raise self._error("a row for each image", "none", "add them")
        start, rows = data[0].line, [row.cells for row in data]
        if has_header and not all(map(NUMBER.fullmatch, header.cells)):
            names = [name.lstrip(f"{COMMENT} ") if column == 0 else name for column, name in enumerate(header.cells)]
            label, split, pixels = self._named_columns(names, rows)
        else:
            if not has_header:
                self._told.append("no header line")
            elif _are_numbered_again(header.cells):
                self._told.append("the first line left out, a row that pandas took for a header")
            label, split, pixels = self._unnamed_columns(rows, start)
        count = len(pixels) if len(pixels) > 1 else self._packed_count(rows, pixels[0])
        return PixelColumns(
            start=start,
            width=len(header.cells),
            label=label,
            split=split,
            flag=self._flag,
            group=self._group,
            pixels=tuple(pixels),
            num_values=count,
            channels=self._channels_of[count],
            is_ordered=self._is_ordered,
            told=tuple(self._told),
        )

    def _is_comment(self, row: Row, following: Sequence[Row]) -> bool:
        """Return True if a row is a comment; a header may begin with the mark of one."""
        is_header = following and len(following[0].cells) == len(row.cells) > 1
        return row.cells[0].startswith(COMMENT) and not is_header

    def _named_columns(self, names: list[str], rows: list[list[str]]) -> tuple[int, int | None, list[int]]:
        """Return the columns of label, split and pixels of a table with a header."""
        rows = [row for row in rows if len(row) == len(names)]
        split = self._split_column(names, rows)
        self._group = None if self._settings.group is None else self._exact(names, self._settings.group)
        unnamed = [column for column, name in enumerate(names) if NO_NAME.fullmatch(name)]
        columns = [column for column in range(len(names)) if column not in (*unnamed, split, self._group)]
        packed = [column for column in columns if word(names[column]) in PACKED_WORDS]
        if len(packed) == 1 and rows and len(unpack(rows[0][packed[0]])) > 1:
            others = [column for column in columns if column not in packed]
            return self._label_column(names, others, is_only=len(others) == 1), split, packed
        label = self._label_column(names, columns)
        pixels = [column for column in columns if column != label]
        no_pixels = [
            column
            for column in pixels
            if word(names[column]) in ROW_WORDS or (rows and not NUMBER.fullmatch(rows[0][column]))
        ]
        if len(pixels) not in self._channels_of and len(pixels) - len(no_pixels) in self._channels_of:
            pixels = [column for column in pixels if column not in no_pixels]
            unnamed += no_pixels
        if len(pixels) not in self._channels_of:
            raise self._wrong_number(len(pixels), names)
        if unnamed:
            left_out = list_names([names[column] or f"number {column + 1}" for column in unnamed])
            self._told.append(f"no pixels in column {left_out}")
        return label, split, self._in_order(pixels, names)

    def _split_column(self, names: list[str], rows: list[list[str]]) -> int | None:
        cells = [[row[column] for row in rows] for column in range(len(names))] if rows else []
        flags = [split_column.flag_of(name, each) for name, each in zip(names, cells, strict=False)]
        if "split" in self._settings.model_fields_set:
            found = [self._exact(names, self._settings.split)]
        else:
            found = [
                column
                for column, each in enumerate(cells)
                if split_column.holds_splits(names[column], each, self._file.column(column))
            ]
            found += [column for column, flag in enumerate(flags) if flag]
        if len(found) > 1:
            raise self._error("one column of splits", list_names([names[column] for column in found]))
        if not found:
            return None
        if names[found[0]] != self._settings.split:
            self._told.append(f"splits in column '{names[found[0]]}'")
        self._flag = flags[found[0]] if flags else None
        return found[0]

    def _label_column(self, names: list[str], columns: list[int], is_only: bool = False) -> int:
        """Return the column of labels: the one that is named, or has a usual name, or a name unlike all others.

        Args:
            names: Names of all columns.
            columns: Columns that may hold the labels.
            is_only: True if there is only one such column, and none of pixels.
        """
        label = self._settings.label if isinstance(self._settings.label, str) else ""
        if "label" in self._settings.model_fields_set:
            return self._exact(names, label)
        found = [column for column in columns if word(names[column]) == word(label)]
        found = found or [column for column in columns if word(names[column]) in LABEL_WORDS]
        if not found:
            patterns = {column: DIGITS.sub("", names[column]).casefold() for column in columns}
            counts = Counter(patterns.values())
            found = [column for column in columns if counts[patterns[column]] == 1 and len(columns) > 2]
            found = columns if is_only else found
            is_odd = is_only or (len(found) == 1 and len(columns) - 1 in self._channels_of)
            self._told += [f"labels in column '{names[found[0]]}'"] if is_odd else []
            found = found if is_odd else []
        if len(found) == 1:
            return found[0]
        if not found and len(columns) in self._channels_of:
            raise self._no_labels(len(columns))
        received = list_names([names[column] for column in found]) if found else f"{list_names(names)}"
        expected = f"one column of labels, named {label}"
        raise self._error(expected, received, "name it with `label` under `csv` in the dataset's file")

    def _unnamed_columns(self, rows: list[list[str]], start: int) -> tuple[int, int | None, list[int]]:
        """Return the columns of label, split and pixels of a table without a header."""
        width = len(rows[0])
        if self._settings.model_fields_set & {"label", "split", "group"}:
            expected = "a header line, since `label`, `split` or `group` is set"
            raise self._error(expected, "none", "add it, or leave them out")
        if width in self._channels_of:
            raise self._no_labels(width)
        splits = [column for column in range(width) if all(len(row) > column and split_of(row[column]) for row in rows)]
        others = [column for column in range(width) if column not in splits]
        packed = [column for column in others if len(unpack(rows[0][column])) > 1]
        if len(packed) == 1 and len(others) == 2 and len(splits) < 2:
            pixels = packed
        elif len(others) - 1 in self._channels_of and len(splits) < 2:
            side = 0 if self._is_label_first(others, start) else -1
            pixels = [column for column in others if column != others[side]]
        else:
            raise self._wrong_number(width - 1, rows[0])
        [label] = [column for column in others if column not in pixels]
        self._told.append(f"labels in column {label + 1} of {width}")
        return label, splits[0] if splits else None, pixels

    def _is_label_first(self, columns: list[int], start: int) -> bool:
        """Return True if the first of some columns holds labels, False if the last one does.

        Labels are words, or whole numbers that follow one another and not all alike.

        Raises:
            InputError: Both columns could hold labels, or neither.
        """
        first, last = columns[0], columns[-1]
        separator = None if self._file.separator == " " else self._file.separator
        values: tuple[set[str], set[str]] = (set(), set())
        for line in islice(self._file.lines(), start - self._file.first_line, None):
            cells = line.split(separator)
            if len(cells) > last and clean(cells[first]) and len(values[0]) + len(values[1]) <= 2 * MAX_CLASSES:
                values[0].add(clean(cells[first]).strip('"'))
                values[1].add(clean(cells[last]).strip('"'))
        ranks = [_label_rank(cells) for cells in values]
        if ranks[0] == ranks[1]:
            received = "two columns that could be it, the first and the last" if ranks[0] else "none"
            raise self._error("a column of labels at one end", received, "write a header line with the name label")
        return ranks[0] > ranks[1]

    def _in_order(self, pixels: list[int], names: list[str]) -> list[int]:
        """Return the columns of pixels row by row, if the numbers or colours in their names give another order."""
        patterns = [DIGITS.sub("#", names[column]).casefold() for column in pixels]
        numbers = [tuple(int(number) for number in DIGITS.findall(names[column])) for column in pixels]
        size = len(pixels) // 3
        if (
            self._channels_of[len(pixels)] == 3
            and [len(set(patterns[i * size : (i + 1) * size])) for i in range(3)] == [1] * 3
        ):
            planes = [patterns[i * size].strip("#_- ")[:1] for i in range(3)]
            if planes == ["r", "g", "b"]:
                self._told.append("pixels in three planes of red, green and blue")
                self._is_ordered = True
                return [pixels[plane * size + pixel] for pixel in range(size) for plane in range(3)]
        columns_first = [each[::-1] for each in numbers]  # such as 1x1, 2x1, 3x1, …: x before y
        is_known = len(set(patterns)) == 1 and len(set(numbers)) == len(pixels)
        if is_known and sorted(numbers) != numbers and sorted(columns_first) != columns_first:
            self._told.append("pixels in the order of the numbers in their names")
            return [pixels[index] for index in sorted(range(len(pixels)), key=lambda index: numbers[index])]
        return pixels

    def _packed_count(self, rows: list[list[str]], column: int) -> int:
        count = next((len(unpack(row[column])) for row in rows if len(row) > column), 0)
        if count not in self._channels_of:
            raise self._wrong_number(count, [f"the {count} numbers in column {column + 1}"])
        self._told.append(f"all pixels of an image in column {column + 1}")
        return count

    def _exact(self, names: list[str], name: str) -> int:
        """Return the only column of a name."""
        found = [column for column, each in enumerate(names) if each == clean(name)]
        if len(found) == 1:
            return found[0]
        expected = f"one column '{name}'{did_you_mean(name, names)}"
        raise self._error(expected, f"{len(found)} among {list_names(names)}")

    def _no_labels(self, count: int) -> InputError:
        received = f"{count} columns of pixels alone"
        next_step = "name a table with labels, as train.csv often is"
        return self._error("a column of labels beside the pixels", received, next_step)

    def _wrong_number(self, count: int, names: list[str]) -> InputError:
        """Return the error of a table with another number of pixels, with the size that would fit."""
        height, width = self._settings.pixels or (0, 0)
        grey, side = height * width, square_side(count)
        numbers = " or ".join(
            f"{number} in {'grey' if channels == 1 else 'colour'}" for number, channels in self._channels_of.items()
        )
        next_step = "fix `pixels` or the table"
        if count in (grey, 3 * grey):
            next_step = f"set channels: {count // grey}, or leave it out"
        elif count == 4 * grey:
            next_step = "if the fourth value of each pixel is transparency, leave it out"
        elif side > 1:
            next_step = f"if they are all pixels, set pixels: [{side}, {side}]"
        expected = f"{numbers} for {height} × {width} pixels, beside the label"
        return self._error(expected, f"{count}: {list_names(names)}", next_step)

    def _error(
        self, expected: str, received: str, next_step: str = "fix the header, or `csv` in the dataset's file"
    ) -> InputError:
        return InputError(self._file.path, expected, received, next_step)


def unpack(cell: str) -> list[str]:
    """Return the pixels that stand in one cell, with blanks between them, or as a list of Python."""
    return cell.translate(PACKED_MARKS).split()


def _is_header(cells: list[str]) -> bool:
    """Return True if the cells of a first row are names: fewer than all but two are numbers, or they number columns."""
    numbers = [cell for cell in cells if NUMBER.fullmatch(cell)]
    if not numbers or len(numbers) < len(cells) - 2:
        return not any(len(unpack(cell)) > 2 for cell in cells)
    first = int(numbers[0]) if DIGITS.fullmatch(numbers[0]) else 0
    is_count = numbers == [str(first + index) for index in range(len(numbers))]
    return len(numbers) > 2 and (is_count or _are_numbered_again(cells))


def _are_numbered_again(names: list[str]) -> bool:
    """Return True if pandas made names of a row by numbering the repeated cells: 0, 0.1, 0.2, 254, 254.1."""
    counts: Counter[str] = Counter()
    for name in names:
        first = name.split(".")[0]
        if name != (f"{first}.{counts[first]}" if counts[first] else first):
            return False
        counts[first] += 1
    return len(counts) < len(names)


def _label_rank(cells: set[str]) -> int:
    """Return how much the values of a column look like labels: 0 not at all, 1 if need be, 2 as labels do."""
    if not 2 <= len(cells) <= MAX_CLASSES:
        return 0
    if not all(map(NUMBER.fullmatch, cells)):
        return 2
    numbers = sorted(float(cell.replace(",", ".")) for cell in cells)
    if not all(map(float.is_integer, numbers)):
        return 0
    follow = numbers[0] in (0, 1) and numbers == [numbers[0] + index for index in range(len(numbers))]
    return 2 if follow else 1
