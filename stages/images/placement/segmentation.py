"""Segmentation of a picture into foreground and background, by thresholds on the difference between them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.images.placement import background, masks
from stages.images.placement.background import Grey
from stages.images.placement.masks import Mask

MIN_CONTRAST = 12.0  # grey levels of 0…255 between foreground and background
MIN_SIZE = 0.04  # fraction of the picture's longer side; anything smaller is dirt
MIN_COMPONENT_INK = 0.03  # fraction of the largest component's ink; a component with less is a speck
WEAK = 0.35  # fraction of the contrast of a second object, weaker than the first one
MIN_WEAK_INK = 0.2  # fraction of the first object's ink
EDGE = 0.12  # fraction of the contrast at which the bounding box ends
HAZE = 0.04  # fraction of the contrast; anything below is background
MIN_RIVAL_CONTRAST = 0.3  # fraction of the contrast of a foreground that another one may replace
MIN_RIVAL_SIZE = 0.08  # fraction of the picture's longer side, likewise
ROUNDING = 1e-6  # fraction of the largest value by which equal ones may differ
MAX_EDGE_WIDTH = 0.25  # fraction of the foreground's longer side; a reflection or a soft shadow has wider edges


class Foreground(NamedTuple):
    """Foreground of a picture.

    Attributes:
        ink: Strength of each pixel, (height, width), 0…1, and 0 on the background.
        mask: Pixels of the foreground.
        core: Those of them that are no blurred edge.
        contrast: Grey levels between foreground and background.
        sign: 1 if the foreground is lighter than the background, -1 if darker.
    """

    ink: Grey
    mask: Mask
    core: Mask
    contrast: float
    sign: int


def find_object(grey: Grey) -> Foreground | None:
    """Return the foreground of a picture whose background is flat or smooth, or None if the picture is blank."""
    return next(_find_lighter_and_darker(grey))


def find_strokes(grey: Grey) -> Foreground | None:
    """Return the foreground as `find_object` does, but of a tightly cropped picture, too.

    A reflection or a soft shadow is returned only if there is nothing clearer.
    """
    by_ink = _find_lighter_and_darker(grey)
    found = next(by_ink)
    if found is None:
        return _find_on_corners(grey)
    if not is_blurred(found):
        return found
    other = next(by_ink)
    return other if other and can_replace(other, found) and not is_blurred(other) else found


def threshold(ink: Grey, noise: float, sign: int) -> Foreground | None:
    """Return the foreground of a picture whose background is about 0, or None if there is none.

    Args:
        ink: Grey levels above the background.
        noise: Their standard deviation on the background.
        sign: Sign of the foreground.
    """
    lowest = max(4 * noise, MIN_CONTRAST)
    if not (ink > lowest).any():
        return None
    core = ink > max(_otsu_threshold(ink[ink > lowest]), lowest)
    contrast = float(np.percentile(ink[core], 90)) if core.any() else lowest
    soft = ink > max(3 * noise, EDGE * contrast)
    mask = _without_specks(soft, core, ink)
    mask |= _weak_objects(soft & ~mask, ink > WEAK * contrast, ink, mask)
    if masks.longer_side(mask) < max(2, MIN_SIZE * max(ink.shape)):
        return None
    is_background = (soft & ~mask) | (ink < max(3 * noise, HAZE * contrast))
    return Foreground(np.where(is_background, 0, ink / ink[mask].max()), mask, core & mask, contrast, sign)


def remove(found: Foreground, removed: Mask) -> Foreground:
    """Return a foreground without some of its pixels and the specks left over, or as it is if nothing would be left."""
    core, ink = found.core & ~removed, np.where(removed, 0, found.ink)
    mask = _without_specks(found.mask & ~removed, core, ink)
    if not removed.any() or not mask.any():
        return found
    return found._replace(mask=mask, core=core & mask, ink=np.where(mask | ~found.mask, ink, 0))


def can_replace(rival: Foreground, found: Foreground) -> bool:
    """Return True if a foreground is strong and large enough beside another one to be more than a trace."""
    is_large = masks.longer_side(rival.mask) >= MIN_RIVAL_SIZE * max(rival.mask.shape)
    return is_large and rival.contrast >= MIN_RIVAL_CONTRAST * found.contrast


def edge_width(found: Foreground) -> float:
    """Return the width of a foreground's edges in pixels; that of a wide area is large, since it is seldom an edge."""
    slopes = np.hypot(*np.gradient(found.ink))[found.mask] if min(found.ink.shape) > 1 else np.ones(1)
    return 1 / max(float(np.percentile(slopes, 90)), 1e-3)


def is_blurred(found: Foreground) -> bool:
    """Return True if the edges of a foreground are so wide that it is hardly an object."""
    return edge_width(found) > MAX_EDGE_WIDTH * masks.longer_side(found.mask)


def _find_lighter_and_darker(grey: Grey) -> Iterator[Foreground | None]:
    """Yield what is lighter and what is darker than the background, that of more ink first; None if it is nothing."""
    difference = grey - background.fit_surface(grey)
    noise = min(1.4826 * float(np.median(np.abs(difference))), background.noise(grey))
    lowest = max(4 * noise, MIN_CONTRAST)
    total = {sign: float(sign * difference[sign * difference > lowest].sum()) for sign in (1, -1)}
    for sign in sorted(total, key=lambda sign: -total[sign]):
        yield threshold(np.clip(sign * difference, 0, None), noise, sign)


def _find_on_corners(grey: Grey) -> Foreground | None:
    """Return the foreground of a picture that is cropped so tightly that only its corners show the background."""
    corners = np.sort(grey[[0, 0, -1, -1], [0, -1, 0, -1]])
    level = np.median(corners)
    if np.count_nonzero(np.abs(corners - level) <= MIN_CONTRAST) < 3:
        return None
    sign = 1 if np.median(grey) > level else -1
    return threshold(np.clip(sign * (grey - level), 0, None), background.noise(grey), sign)


def _otsu_threshold(values: npt.NDArray[np.float64]) -> float:
    """Return the threshold that maximizes the variance between the values below and above it; 0 if all are equal.

    Args:
        values: Positive numbers.

    Source: N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions SMC 9, 1979.
    """
    if np.ptp(values) < ROUNDING * values.max():
        return 0.0
    counts, edges = np.histogram(values, bins=64)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    sums = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(edges[1 + np.argmax(np.nan_to_num(between))])


def _weak_objects(soft: Mask, core: Mask, ink: Grey, mask: Mask) -> Mask:
    """Return the components of `soft` that are objects about as large as those of `mask`, within the border."""
    weak = _without_specks(soft, core, ink, MIN_WEAK_INK * float(ink[mask].sum()))
    found = np.zeros_like(weak)
    for part in masks.components(weak):
        touches = any(side.any() for side in (part[0], part[-1], part[:, 0], part[:, -1]))
        if not touches and masks.longer_side(part) <= 2 * masks.longer_side(mask):
            found |= part
    return found


def _without_specks(soft: Mask, core: Mask, ink: Grey, min_ink: float = 0) -> Mask:
    """Return the connected components of `soft`, without those that miss `core`, are small, or have little ink."""
    numbers = masks.connected_components(soft)
    weights = np.bincount(numbers.ravel(), weights=(ink * soft).ravel(), minlength=soft.size + 1)
    weights[0] = 0
    weights[np.bincount(numbers.ravel(), minlength=soft.size + 1) < MIN_SIZE * max(soft.shape)] = 0
    weights[np.bincount(numbers.ravel(), weights=core.ravel(), minlength=soft.size + 1) == 0] = 0
    if not weights.any():
        return np.zeros_like(soft)
    kept: Mask = weights >= max(MIN_COMPONENT_INK * weights.max(), min_ink, 1e-9)
    return np.asarray(kept[numbers])
