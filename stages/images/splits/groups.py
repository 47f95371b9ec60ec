"""Groups of pictures of one subject, such as a patient or a burst, which stay on one side of the split."""

import logging
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from stages.common.errors import InputError
from stages.common.printable import printable
from stages.images.class_names import likeness
from stages.images.problems import MAX_LINES, shorten

logger = logging.getLogger(__name__)


def name_by_path(paths: Sequence[str], pattern: str, where: str, source: Path) -> list[str]:
    """Return the names of the groups that a pattern finds in the paths of pictures.

    Args:
        paths: Paths from the dataset's folder.
        pattern: Regular expression with one group, searched in each path.
        where: File and key of the pattern, for errors.
        source: Folder of the pictures.

    Raises:
        InputError: A path does not match, or the group is empty.
    """
    expression = re.compile(pattern)
    found = [expression.search(path) for path in paths]
    names = [match[1] if match else "" for match in found]
    missing = [path for path, name in zip(paths, names, strict=True) if not name]
    if missing:
        expected = f"a pattern that finds a group in the path of each picture, such as {missing[0]}"
        received = f"{shorten(pattern)}, which finds none in {len(missing)} of {len(paths)} paths"
        raise InputError(where, expected, received, f"fix the pattern, or the names in {source}")
    return names


def merge(names: Sequence[str]) -> list[str]:
    """Return one name for each group whose names differ only in capitals, blanks or how a number is written.

    A group too large costs a few test images. A group in two parts would make the score too high.

    Args:
        names: Name of each picture's group.
    """
    alike: dict[str | Decimal, list[str]] = {}
    for name in sorted(set(names)):
        alike.setdefault(likeness(name), []).append(name)
    merged = [each for each in alike.values() if len(each) > 1]
    if merged:
        shown = ", ".join(" and ".join(map(printable, map(shorten, each))) for each in merged[:MAX_LINES])
        more = ", …" if len(merged) > MAX_LINES else ""
        logger.info("merged names that are probably of one group: %s%s", shown, more)
    first = {name: each[0] for each in alike.values() for name in each}
    return [first[name] for name in names]
