"""Everything that is wrong with a dataset, said at once, so that it can be mended at once."""

from pathlib import Path

from stages.console import say
from stages.errors import InputError

SHOWN = 20


def stop_if_any(problems: list[InputError], source: Path) -> None:
    """Say what is wrong, the first twenty lines of it, and stop; go on if nothing is.

    Args:
        problems: What is wrong, in the order in which it is said.
        source: What the dataset is read from.

    Raises:
        InputError: There is at least one problem.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    for problem in problems[:SHOWN]:
        say(f"error: {problem}")
    unseen = f" ({len(problems) - SHOWN} of them not shown)" if len(problems) > SHOWN else ""
    raise InputError(source, "data without a mistake", f"{len(problems)} mistakes{unseen}", "mend them all")
