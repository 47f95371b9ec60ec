"""Cells of a row that say its split and its group, read alike in tables of pictures and of pixels."""

from stages.images import class_names
from stages.images.arrays import Split
from stages.images.problems import LineProblems, Place, shorten
from stages.images.tables import split_column


def read_split(cell: str, flag: Split | None, place: Place, problems: LineProblems) -> Split | None:
    """Return the split that a cell stands for; if it stands for none, add a problem.

    Args:
        cell: Cell of the column of splits.
        flag: Split of the rows with a 1, from `split_column.flag_of`, if the cells are 0 or 1.
        place: Line of the row.
        problems: Problems of the table.
    """
    split = split_column.read(cell, flag)
    if split is None:
        problems.add(place, "the split train, validation or test", repr(shorten(cell)))
    return split


def read_group(cell: str, kind: str, place: Place, problems: LineProblems) -> str:
    """Return the group that a cell names; if it names none, add a problem.

    Args:
        cell: Cell of the column of groups.
        kind: What has a group: "picture" or "image".
        place: Line of the row.
        problems: Problems of the table.
    """
    if class_names.is_missing(cell):
        received = repr(cell) if cell else "an empty cell"
        problems.add(place, f"the group of the {kind}", received, "fill it; a name of its own will do")
    return cell
