"""CSV files of a dataset: those to read, those that nobody reads, and lines for the log on how they are read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from stages.common.errors import InputError
from stages.images.arrays import Split, split_of
from stages.images.catalog import Csv
from stages.images.findings import log_line
from stages.images.problems import list_names
from stages.images.tables.csv_dialect import ENCODING_NAMES, CsvFile

SUFFIXES = (".csv", ".tsv")

Tables = Mapping[Split | None, Path]  # by the split of all their rows; None if the rows say it, or none is set


def find(source: Path, settings: Csv) -> Tables:
    """Return the paths of a dataset's tables.

    Args:
        source: Folder of the tables.
        settings: Names of the tables.

    Raises:
        InputError: The folder or a table is missing.
    """
    names: dict[Split, str | None] = {"test": settings.test_file, "validation": settings.validation_file}
    others: dict[Split | None, Path] = {split: source / name for split, name in names.items() if name}
    tables: dict[Split | None, Path] = {"train" if others else None: source / settings.file, **others}
    next_step = "fix `csv` in the dataset's file, or its `source` in params.yaml"
    if source.is_file():
        next_step = (
            f"set the dataset's `source` in params.yaml to {source.parent}, and `file` under `csv` to {source.name}"
        )
        raise InputError(source, "the folder of the table", "a file", next_step)
    for path in tables.values():
        if not path.is_file():
            present = sorted(file.name for file in source.glob("*") if file.suffix.lower() in SUFFIXES)
            received = f"none of this name, but {list_names(present)}" if present else "none"
            next_step = f"set `file` under `csv` to {present[0]}" if len(present) == 1 else next_step
            raise InputError(path, "a table of pictures", received, next_step)
    return tables


def refuse_two_splits(path: Path, split: Split | None, column: int | None) -> None:
    """Refuse a column of splits in a table whose rows are all of one split.

    Raises:
        InputError: There are both.
    """
    if split and column is not None:
        expected = f"no column of splits, since all its rows are of the split {split}"
        raise InputError(path, expected, f"one (column {column + 1})", "remove it, or test_file and validation_file")


def refuse_no_rows(path: Path, num_rows: int) -> None:
    """Refuse a table without rows.

    Raises:
        InputError: There is no row below the header.
    """
    if not num_rows:
        raise InputError(path, "a row for each picture", "none", "add them")


def describe(file: CsvFile, told: Sequence[str]) -> list[str]:
    """Return lines for the log: how a table is read, if that was found out rather than named.

    Args:
        file: The table.
        told: What was found out about its columns and rows.
    """
    words = [*file.told(), *told]
    lines = [f"{file.path}: {'; '.join(words)}"] if words else []
    if file.legacy_words:
        name = ENCODING_NAMES[file.encoding]
        words_read = ", ".join(file.legacy_words)
        lines.append(
            f"warning: {file.path} is not UTF-8; read as {name}: {words_read}; if these are wrong, save it as UTF-8"
        )
    return lines


def tell(lines: Sequence[str], source: Path, tables: Tables) -> None:
    """Log how tables are read, and which tables in their folder are not.

    Args:
        lines: Lines for the log. A warning begins with "warning: ".
        source: Folder of the tables.
        tables: Tables that are read.
    """
    for line in [*lines, *_unread(source, tables)]:
        log_line(line)


def _unread(source: Path, tables: Tables) -> list[str]:
    """Return a line for each table that seems to be one of test or validation images, and is not read."""
    lines = []
    for path in sorted(source.glob("*")):
        if path.suffix.lower() in SUFFIXES and path not in tables.values():
            splits = {split_of(word) for word in re.split(r"[\W_]+", path.stem)} & {"test", "validation"}
            lines += [
                f"warning: {path} is not read; if it has labels, name it under `csv` as {split}_file"
                for split in splits
            ]
    return lines
