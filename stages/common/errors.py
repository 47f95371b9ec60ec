"""The error that a person can fix, and the part of a library's error worth showing."""

import re
from pathlib import Path

from stages.common.printable import printable

LONGEST_REASON = 200  # characters of a library's message
LONGEST_PART = 1000  # characters of a file's path, or of another part of an error


class InputError(Exception):
    """Input that does not fit: a file, a key, an option or a picture.

    Args:
        where: File, key or option at fault, as the person would find it. Line breaks in it are escaped.
        expected: Values that would fit.
        received: Value found instead.
        next_step: Remedy, as an imperative.
    """

    def __init__(self, where: object, expected: str, received: object, next_step: str) -> None:
        parts = (printable(where), *map(_one_line, (expected, received, next_step)))
        super().__init__("{}: expected {}, received {}; {}".format(*(_shorten(part, LONGEST_PART) for part in parts)))


def first_line(error: BaseException, wrapping: re.Pattern[str] | None = None) -> str:
    """Return the first line of an error's message that says something, shortened, or the name of the error's type.

    Args:
        error: Error of a library, whose message may have many lines.
        wrapping: Text that says nothing and is removed from each line.
    """
    lines = (wrapping.sub("", line) if wrapping else line for line in str(error).splitlines())
    line = next(filter(None, map(str.strip, lines)), type(error).__name__)
    return _shorten(line, LONGEST_REASON)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _one_line(part: object) -> str:
    """Return a path with escapes, and any other text with blanks in place of line breaks."""
    return printable(part) if isinstance(part, Path) else printable(re.sub(r"\s*[\r\n]\s*", " ", str(part)).strip())
