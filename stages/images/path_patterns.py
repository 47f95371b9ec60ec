"""Patterns on paths: regular expressions that cannot take long."""

import re

from stages.common.yaml_files import misfit

MAX_LENGTH = 60  # characters of a pattern in an error
MAX_PATTERN = 200  # characters
MAX_REPETITIONS = 3  # each may multiply the time by the length of a path
LITERALS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")  # escaped characters and sets, in which signs mean themselves
REPEATED_BRACKETS = re.compile(r"\)(?:[*+]|\{)")
REPETITIONS = re.compile(r"[*+]|\{\d*,\d*\}")


def check_pattern(pattern: str) -> str:
    r"""Return a pattern on paths, if it is one regular expression with one group in round brackets.

    Repeated brackets, such as (\w+)*, are refused: they may take years on a long path.

    Raises:
        PydanticCustomError: It is none.
    """
    expected = r"a regular expression with one group in round brackets, such as '([^/_]+)_\d+\.jpg'"
    try:
        num_groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise misfit(expected, f"{_shorten(pattern)} ({error})") from error
    signs = LITERALS.sub("x", pattern)
    if num_groups != 1:
        raise misfit(expected, f"{_shorten(pattern)}, with {num_groups or 'none'}")
    if REPEATED_BRACKETS.search(signs) or re.search(r"\(\?P=|\\[1-9]", pattern):
        raise misfit(f"{expected}, without repeated brackets or references to a group", _shorten(pattern))
    if len(pattern) > MAX_PATTERN or len(REPETITIONS.findall(signs)) > MAX_REPETITIONS:
        received = f"{_shorten(pattern)}, of {len(pattern)} characters"
        raise misfit(f"{expected}, of at most {MAX_PATTERN} characters and {MAX_REPETITIONS} times * or +", received)
    return pattern


def _shorten(pattern: str) -> str:
    return pattern if len(pattern) <= MAX_LENGTH else f"{pattern[: MAX_LENGTH - 1]}…"
