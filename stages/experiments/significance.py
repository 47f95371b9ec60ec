"""Statistical significance of a difference between means over seeds."""

import math
from statistics import fmean, stdev

# Student's t, two-sided at 95 %, for 1…30 degrees of freedom; for more, it is slightly lower than the last.
STUDENT_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def margin(before: list[float], after: list[float]) -> float | None:
    """Return half the width of the 95 % interval of the difference between two means.

    Student's t for two samples of equal variance. One value on one side is enough if the other side has two.

    Args:
        before: One value per seed, such as an accuracy.
        after: Values to compare with them.

    Returns:
        Margin, or None if neither side has two values, so that the spread between seeds is unknown.

    Source:
        Student: The probable error of a mean, Biometrika 6, 1908.
    """
    freedom = len(before) + len(after) - 2
    if freedom < 1 or not before or not after:
        return None
    squares = sum((value - fmean(sample)) ** 2 for sample in (before, after) for value in sample)
    error = math.sqrt(squares / freedom * (1 / len(before) + 1 / len(after)))
    return STUDENT_T[min(freedom, len(STUDENT_T)) - 1] * error


def deviation(values: list[float]) -> float | None:
    """Return the standard deviation of a sample, or None if it has fewer than two values."""
    return stdev(values) if len(values) > 1 else None
