"""Objects in a foreground of several parts: two digits, or one of several strokes, and the details beside them."""

import numpy as np

from stages.images.placement import masks
from stages.images.placement.background import Grey
from stages.images.placement.masks import Mask

MIN_GAP = 0.11  # fraction of the taller object's height between two objects; strokes of one digit are closer
MIN_HEIGHT_RATIO = 0.5  # of two objects; the bar of a 5 is less high than its rest
MIN_OBJECT_INK = 0.06  # fraction of all ink; anything with less is a detail
MAX_STACKED_WIDTH = 1.25  # times the height; halves of one digit, one above the other, are wider
FAINT = 0.22  # of 0…1; ink of faint lines, which may join two objects
MIN_DETAIL_GAP = 0.25  # fraction of the largest part's height; the dot of an i is closer
MIN_MAIN_INK = 0.6  # fraction of all ink; a drawing of many parts has no main one


def has_several_objects(mask: Mask, ink: Grey) -> bool:
    """Return True if a foreground falls into two objects of about one height, well apart.

    Its parts are joined from the nearest to the farthest, until only two are left (single-linkage clustering). The
    strokes of one digit are nearer to each other, or differ more in height.

    Source: P. Sneath, "The application of computers to taxonomy", Journal of General Microbiology 17, 1957.

    Args:
        mask: Foreground.
        ink: Strength of its pixels, 0…1.
    """
    return _falls_apart(mask, ink) or _falls_apart(mask & (ink > FAINT), ink)


def find_details(mask: Mask, ink: Grey) -> Mask:
    """Return the parts of a foreground that are far from the largest one and much lower: small print, or a hole."""
    details = np.zeros_like(mask)
    main, *others = masks.components(mask)
    radius = round(MIN_DETAIL_GAP * masks.size(main)[0] / 2)
    for part in _join(mask, radius) if others else []:
        if (part & main).any():
            if ink[part].sum() < MIN_MAIN_INK * ink[mask].sum():
                return np.zeros_like(mask)
        elif masks.size(part)[0] < MIN_HEIGHT_RATIO * masks.size(main)[0]:
            details |= part
    return details


def _falls_apart(mask: Mask, ink: Grey) -> bool:
    min_ink = MIN_OBJECT_INK * float(ink[mask].sum())
    if sum(ink[part].sum() >= min_ink for part in masks.components(mask)) < 2:
        return False
    for radius in range(int(np.ceil(MIN_GAP * masks.size(mask)[0] / 2)), 0, -1):
        objects = [part for part in _join(mask, radius) if ink[part].sum() >= min_ink]
        if len(objects) > 1:
            taller, other = sorted(objects, key=lambda part: -masks.size(part)[0])[:2]
            return 2 * radius + 1 >= MIN_GAP * masks.size(taller)[0] and _are_alike(taller, other)
    return False


def _join(mask: Mask, radius: int) -> list[Mask]:
    """Return the parts of a mask, those joined that are at most twice `radius` pixels apart."""
    return [part & mask for part in masks.components(masks.grow(mask, radius))]


def _are_alike(taller: Mask, other: Mask) -> bool:
    """Return True if two parts may be objects of one kind."""
    sizes = masks.size(taller), masks.size(other)
    common_rows = np.count_nonzero(taller.any(axis=1) & other.any(axis=1))
    is_stacked = common_rows < 0.25 * sizes[1][0]
    if is_stacked and max(width / height for height, width in sizes) > MAX_STACKED_WIDTH:
        return False  # halves of one digit
    return sizes[1][0] >= MIN_HEIGHT_RATIO * sizes[0][0]
