"""Straight lines that cross a picture, such as those of ruled paper in ink as dark as the pen's."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stages.images.placement.background import Grey
from stages.images.placement.masks import Mask

MAX_SLOPE = 0.07  # rows per column of a line that is level but for a rotation by 4°
SLOPES = sorted(np.linspace(-MAX_SLOPE, MAX_SLOPE, 29), key=abs)
MIN_FILL = 0.85  # fraction of the picture's width that a line fills
MIN_INK = 0.4  # of 0…1; fainter lines vanish by themselves
MAX_WIDTH = 0.06  # fraction of the picture's longer side
MAX_CROSSED = 0.5  # fraction of a line's length at which strokes cross it; the middle of an area has more

Rows = npt.NDArray[np.int64]  # (height, width)


def find_lines(mask: Mask, ink: Grey) -> Mask:
    """Return the strong straight lines of a foreground that cross the whole picture, level or upright.

    A line's pixels are those of the rows that it fills, once the mask is sheared so that the line is level. Where a
    stroke crosses it, above and below, they belong to the stroke.

    Source: C. Dalitz, M. Droettboom, B. Pranzas, I. Fujinaga, "A comparative study of staff removal algorithms", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 30, 2008.

    Args:
        mask: Foreground.
        ink: Strength of its pixels, 0…1.
    """
    return _find_level_lines(mask, ink) | _find_level_lines(mask.T, ink.T).T


def _find_level_lines(mask: Mask, ink: Grey) -> Mask:
    lines = np.zeros_like(mask)
    rim = max(1, mask.shape[1] // 16)
    if not (mask[:, :rim].any() and mask[:, -rim:].any()):
        return lines
    columns = np.arange(mask.shape[1])
    sheared_rows = (_shear(mask.shape, slope) for slope in SLOPES)
    rows = max(sheared_rows, key=lambda rows: np.count_nonzero(_is_filled(mask[rows, columns])))
    sheared, sheared_ink = mask[rows, columns], ink[rows, columns]
    for first, end in _runs(_is_filled(sheared)):
        above, below = max(first - 2, 0), min(end + 1, len(mask) - 1)
        is_crossed = sheared[above] & sheared[below]
        is_thin = end - first <= MAX_WIDTH * max(mask.shape) and is_crossed.mean() <= MAX_CROSSED
        if is_thin and np.median(sheared_ink[first:end].max(axis=0)) >= MIN_INK:
            lines[rows[above + 1 : below][:, ~is_crossed], columns[~is_crossed]] = True
    return lines & mask


def _shear(shape: tuple[int, ...], slope: float) -> Rows:
    """Return for each pixel of a sheared picture the row of the picture from which it comes."""
    height, width = shape
    shift = np.rint(slope * (np.arange(width) - width / 2)).astype(np.int64)
    return np.asarray((np.arange(height)[:, None] + shift) % height)


def _is_filled(sheared: Mask) -> Mask:
    return np.asarray(sheared.mean(axis=1) >= MIN_FILL)


def _runs(filled: Mask) -> Iterator[tuple[int, int]]:
    """Yield the first row of each run of filled rows, and the row after its last one."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], filled, [False]])))
    yield from zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True)
