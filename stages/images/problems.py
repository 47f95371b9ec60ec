"""Problems of a dataset, reported together, so that a person can mend them in one go."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stages.common.errors import InputError

MAX_SHOWN = 20
MAX_LINES = 3  # of a table, named in an error
MAX_NAMES = 5  # named in an error
MAX_LENGTH = 60  # characters of a name or a cell in an error

logger = logging.getLogger(__name__)


class Place(NamedTuple):
    """Line of a table."""

    table: Path
    line: int

    def __str__(self) -> str:
        return f"{self.table}:{self.line}"


class LineProblems:
    """Problems of a table's lines. Many lines with the same problem become one error."""

    def __init__(self) -> None:
        self._by_kind: dict[tuple[str, str], list[tuple[Place, str]]] = {}

    def add(self, place: Place, expected: str, received: str, next_step: str = "fix the line") -> None:
        """Note the problem of a line."""
        self._by_kind.setdefault((expected, next_step), []).append((place, received))

    def errors(self) -> list[InputError]:
        """Return the errors, in the order of their first lines."""
        errors: list[tuple[Place, InputError]] = []
        for (expected, next_step), lines in self._by_kind.items():
            if len(lines) <= MAX_LINES:
                errors += [(place, InputError(place, expected, received, next_step)) for place, received in lines]
            else:
                place, received = lines[0]
                others = lines_of([place for place, _ in lines[1:]])
                errors.append((place, InputError(place, expected, f"{received}, and the like in {others}", next_step)))
        return [error for _, error in sorted(errors, key=lambda both: both[0])]


def raise_if_any(problems: list[InputError], source: Path) -> None:
    """Raise if there are problems; of several, the first twenty are logged before.

    Args:
        problems: Problems, in the order of the report.
        source: Folder or file of the data, named if there are several.

    Raises:
        InputError: There is at least one problem.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    for problem in problems[:MAX_SHOWN]:
        logger.error("error: %s", problem)
    hidden = f" ({len(problems) - MAX_SHOWN} of them not shown)" if len(problems) > MAX_SHOWN else ""
    raise InputError(source, "data without a mistake", f"{len(problems)} mistakes{hidden}", "mend them all")


def lines_of(places: Sequence[Place]) -> str:
    """Return lines of a table in words: "line 3", "lines 3, 5 and 7", "lines 3, 5, 7 and 12 more"."""
    in_one_table = len({place.table for place in places}) == 1
    words = [str(place.line) if in_one_table else f"{place.table.name}:{place.line}" for place in places[:MAX_LINES]]
    noun = "lines" if len(places) > 1 else "line"
    return f"{noun} {_joined(words, len(places))}"


def list_names(names: Sequence[str]) -> str:
    """Return some names, and the number of the others: "a, b and 780 more"."""
    return _joined([shorten(name) for name in names[:MAX_NAMES]], len(names))


def shorten(text: str) -> str:
    """Return a text, or its first characters and an ellipsis."""
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def _joined(words: list[str], total: int) -> str:
    if total > len(words):
        words = [*words, f"{total - len(words)} more"]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "none"
