"""How much of a difference the draw of the dice explains: the mean over seeds, and what lies beyond its noise."""

import math
from statistics import fmean, stdev

# What Student's t exceeds in one case of twenty, either side, by degrees of freedom from 1; beyond 30 a little less.
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def margin(before: list[float], after: list[float]) -> float | None:
    """Return how far a difference of two means may be off, at 95 %: half the width of its interval.

    Student's t for two samples that vary alike, so one value on one side will do if the other has two.

    Args:
        before: One value a seed, such as an accuracy.
        after: The same of what it is compared with.

    Returns:
        The margin, or None if neither side has two values, so that nothing says how much a seed changes.

    Source:
        Student: The probable error of a mean, Biometrika 6, 1908.
    """
    freedom = len(before) + len(after) - 2
    if freedom < 1 or not before or not after:
        return None
    squares = sum((value - fmean(side)) ** 2 for side in (before, after) for value in side)
    error = math.sqrt(squares / freedom * (1 / len(before) + 1 / len(after)))
    return STUDENT[min(freedom, len(STUDENT)) - 1] * error


def deviation(values: list[float]) -> float | None:
    """Return the standard deviation of a sample, or None if it has fewer than two values."""
    return stdev(values) if len(values) > 1 else None
