"""Column of a table that says the split of each row: by its name, or by 0 and 1 in a column such as is_test."""

from collections.abc import Iterable, Sequence

from stages.images.arrays import Split, split_of
from stages.images.tables.column_words import SPLIT_COLUMNS, word

ZERO_OR_ONE = {"0": 0, "0.0": 0, "0,0": 0, "false": 0, "1": 1, "1.0": 1, "1,0": 1, "true": 1}


def holds_splits(name: str, sample: Sequence[str], cells: Iterable[str]) -> bool:
    """Return True if the cells are splits, of several names, or if one is and the column has a usual name.

    Args:
        name: Name of the column.
        sample: First cells of the column.
        cells: All its cells, which are read only if the first ones are all of one split, as in sorted tables.
    """
    splits = {split_of(cell) for cell in sample}
    if word(name) in SPLIT_COLUMNS:
        return bool(splits - {None})
    if None in splits or len(splits) != 1:
        return None not in splits and len(splits) > 1
    return any(split_of(cell) not in {None, *splits} for cell in cells if cell != name)


def flag_of(name: str, cells: Iterable[str]) -> Split | None:
    """Return the split of the rows with a 1 in a column such as is_test, whose cells are all 0 or 1."""
    split = split_of(word(name).removeprefix("is"))
    return split if split and all(cell.lower() in ZERO_OR_ONE for cell in cells) else None


def read(cell: str, flag: Split | None) -> Split | None:
    """Return the split that a cell stands for, or None.

    Args:
        cell: Cell of the column.
        flag: Split of the rows with a 1, from `flag_of`, if the cells are 0 or 1.
    """
    value = ZERO_OR_ONE.get(cell.lower()) if flag else None
    if value is None:
        return split_of(cell)
    return flag if value else "test" if flag == "train" else "train"
