"""Problems of a dataset, reported together, so that a person can mend them in one go."""

import logging
from pathlib import Path

from stages.common.errors import InputError

MAX_SHOWN = 20

logger = logging.getLogger(__name__)


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
