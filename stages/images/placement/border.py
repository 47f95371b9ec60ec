"""Structures that run off a picture, such as ruled lines, a table or a shadow, told from the drawing between them."""

from typing import NamedTuple

import numpy as np

from stages.images.placement import background, masks, segmentation
from stages.images.placement.background import Grey
from stages.images.placement.masks import Mask
from stages.images.placement.segmentation import Foreground

LONG_CONTACT = 0.3  # fraction of one side of the picture; a digit that runs off the picture touches less
MOST_OF_BORDER = 0.45  # fraction of the border that a background touches, but hardly a foreground
MIN_SOLID_AREA = 0.15  # fraction of the picture; a sheet of paper has more, and most digits have less
MAX_DRAWN_AREA = 0.3  # fraction of a sheet that is covered by the drawing on it
MIN_DISTINCTNESS_GAIN = 1.3  # times the distinctness of a foreground, for another one
HOLE_LEVEL = 0.25  # fraction of the contrast up to which a hole may differ from the background
MIN_HEIGHT_RATIO, MAX_SIDE_RATIO = 0.5, 1.5  # of a second object that runs off the picture, to the first one
MAX_STROKES_AREA, MAX_BAR_WIDTH = 0.6, 0.4  # of strokes in their bounding box; of a 1, which fills it, to its height
MIN_INK = 0.35  # of 0…1; ruled lines are fainter than a second object


class _Contact(NamedTuple):
    """Contact of a foreground with the border of its picture.

    Attributes:
        fractions: Fraction of each side that it touches.
        has_corner: True if it covers a corner.
    """

    fractions: list[float]
    has_corner: bool

    @property
    def longest(self) -> float:
        """Greatest of the fractions."""
        return max(self.fractions)


def remove_structures(grey: Grey, found: Foreground) -> Foreground:
    """Return the drawing in a picture without the structures that run off the picture.

    Within the border, lighter and darker objects are found by flooding. One of them replaces the foreground, if that
    has contact with the border, or is so large that it may be a sheet, and if the object is no mere hole in it.

    Args:
        grey: Picture.
        found: Foreground that was found before.

    Returns:
        Foreground of the drawing, or `found` if that is the drawing itself.
    """
    contact = _contact(found.mask)
    if not contact.longest and not _is_solid(found):
        return found
    rivals = [rival for sign in (found.sign, -found.sign) if (rival := _find_within_border(grey, sign))]
    better = [rival for rival in rivals if segmentation.can_replace(rival, found) and _is_better(rival, found, grey)]
    best = max(better, key=lambda rival: (not _is_solid(rival), _distinctness(rival)), default=found)
    return found if best.sign == found.sign and _leaves_object(best, found) else best


def _find_within_border(grey: Grey, sign: int) -> Foreground | None:
    """Return what rises above the levels to which light (sign 1) or darkness (-1) floods a picture from its border."""
    risen = sign * grey - background.flood_from_border(sign * grey)
    return segmentation.threshold(risen, min(1.4826 * float(np.median(risen)), background.noise(grey)), sign)


def _is_better(rival: Foreground, found: Foreground, grey: Grey) -> bool:
    if rival.sign == found.sign:
        return _is_remainder(rival, found, _contact(found.mask))
    return _lies_on(rival, found, grey) and not _is_hole(rival, found)


def _is_remainder(rival: Foreground, found: Foreground, contact: _Contact) -> bool:
    """Return True if a foreground of the same sign is another one without a table, a shadow, lines or a faint sheet."""
    if contact.has_corner and contact.longest >= LONG_CONTACT:
        return True
    rest = found.mask & ~masks.grow(rival.mask, 1)
    keeps_most = np.count_nonzero(rival.mask & found.core) >= 0.5 * np.count_nonzero(found.core)
    is_larger = masks.longer_side(masks.largest_component(rival.mask)) > masks.longer_side(rest)
    return bool(keeps_most or is_larger) and (contact.longest > 0 or _is_clearer(rival, found))


def _leaves_object(rival: Foreground, found: Foreground) -> bool:
    """Return True if what a foreground leaves of another one is a second object that runs off the picture."""
    rest = masks.largest_component(found.mask & ~masks.grow(rival.mask, 1))
    contact = _contact(rest)
    if np.count_nonzero(contact.fractions) != 1 or contact.longest >= LONG_CONTACT:
        return False
    height, width = masks.size(rest)
    is_alike = height >= MIN_HEIGHT_RATIO * masks.size(rival.mask)[0] and max(
        height, width
    ) <= MAX_SIDE_RATIO * masks.longer_side(rival.mask)
    is_drawn = width < MAX_BAR_WIDTH * height or np.count_nonzero(rest) < MAX_STROKES_AREA * height * width
    return bool(is_alike and is_drawn and np.median(found.ink[rest]) >= MIN_INK)


def _lies_on(rival: Foreground, found: Foreground, grey: Grey) -> bool:
    """Return True if a foreground of the other sign is a drawing, and the one found before its paper or a light."""
    contact = _contact(found.mask)
    if np.mean(contact.fractions) >= MOST_OF_BORDER or segmentation.is_blurred(found):
        return True
    is_small = np.count_nonzero(rival.mask) <= MAX_DRAWN_AREA * np.count_nonzero(found.mask)
    if is_small and _is_clearer(rival, found):
        return True
    outside = ~found.mask & ~masks.shrink(np.ones_like(found.mask), 1)
    if not outside.any() or not (_is_solid(found) or contact.longest >= LONG_CONTACT):
        return False
    level = float(np.median(grey[rival.core]) - np.median(grey[outside]))
    return rival.sign * level >= HOLE_LEVEL * rival.contrast  # the hole of a 0 is like the background


def _is_hole(rival: Foreground, found: Foreground) -> bool:
    """Return True if a foreground is enclosed by the strokes of another one."""
    enclosed = masks.fill_holes(found.core) & ~found.core
    is_enclosed = np.count_nonzero(rival.core & enclosed) >= 0.5 * np.count_nonzero(rival.core)
    return bool(is_enclosed and found.core.mean() < MIN_SOLID_AREA)


def _contact(mask: Mask) -> _Contact:
    fractions = [float(side.mean()) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1])]
    has_corner = bool(mask[[0, 0, -1, -1], [0, -1, 0, -1]].any())
    return _Contact(fractions, has_corner)


def _is_solid(found: Foreground) -> bool:
    return bool(found.mask.mean() >= MIN_SOLID_AREA)


def _is_clearer(rival: Foreground, found: Foreground) -> bool:
    return _distinctness(rival) >= MIN_DISTINCTNESS_GAIN * _distinctness(found)


def _distinctness(found: Foreground) -> float:
    """Return the size of a foreground's largest component over the width of its edges."""
    return masks.longer_side(masks.largest_component(found.mask)) / segmentation.edge_width(found)
