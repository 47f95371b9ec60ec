"""Surroundings of a drawing: the sheet it is on, and the frame around it."""

import numpy as np

from stages.images.placement import lines, masks
from stages.images.placement.background import Colours, Grey
from stages.images.placement.masks import Mask

MIN_SHEET_AREA = 0.1  # fraction of the picture
MIN_SHEET_FILL = 0.75  # fraction of a sheet without what is drawn on it; the ring of a 0 has less
MIN_SHEET_RECTANGULARITY = 0.85  # area over that of the smallest rectangle around it; an ellipse has 0.79
MIN_SHEET_SIDE = 8  # pixels
MIN_HOLED_AREA = 0.35  # fraction of the picture; a smaller blob may be a digit with holes
MIN_HOLE_CONTRAST = 0.35  # fraction of the contrast by which a drawing differs from what is around the sheet
SHEET_EDGE = 0.03  # fraction of a sheet's longer side that is cut off, for its blurred edge and its shadow
MAX_FRAME_FILL = 0.5  # fraction of the area within a frame that it covers itself
MIN_FRAMED_SIZE = 0.45  # fraction of a frame's longer side; the dot in a 0 is smaller
BOX_EDGE = 0.15  # fraction of a box's sides, within which its lines lie
MIN_BOX_FILL = 0.7  # fraction of each side that a line fills


def find_sheet(pixels: Colours, mask: Mask) -> Colours | None:
    """Return what a sheet of paper, a card or a board shows, or None if a foreground is no such thing.

    Args:
        pixels: Picture of a sheet before a background.
        mask: Foreground of the picture.

    Returns:
        Bounding box of the sheet. Its corners outside a rotated sheet have the sheet's colour.
    """
    blob = masks.largest_component(mask)
    sheet = masks.fill_holes(blob)
    area = np.count_nonzero(sheet)
    if area < MIN_SHEET_AREA * sheet.size or np.count_nonzero(blob) < MIN_SHEET_FILL * area:
        return None
    if area < MIN_SHEET_RECTANGULARITY * _rectangle_area(sheet):
        return None
    if area < MIN_HOLED_AREA * sheet.size and _shows_background(pixels, blob, sheet):
        return None
    inside = masks.shrink(sheet, max(2, round(SHEET_EDGE * masks.longer_side(sheet))))
    if min(masks.size(inside)) < MIN_SHEET_SIDE:
        return None
    rim = inside & ~masks.shrink(inside, 2)
    return np.where(inside[..., None], pixels, np.median(pixels[rim], axis=0))[masks.bounding_box(inside)]


def find_frames(mask: Mask) -> Mask:
    """Return the parts of a foreground that are frames: rings, round or square, around something nearly as large."""
    frames = np.zeros_like(mask)
    parts = masks.components(mask)
    for ring in parts if len(parts) > 1 else []:
        if masks.longer_side(ring) < MIN_FRAMED_SIZE * masks.longer_side(mask):
            continue
        filled = masks.fill_holes(ring)
        if np.count_nonzero(ring) > MAX_FRAME_FILL * np.count_nonzero(filled):
            continue
        framed = mask & filled & ~ring
        if masks.longer_side(framed) >= MIN_FRAMED_SIZE * masks.longer_side(ring):
            frames |= ring
    return frames


def find_box(mask: Mask, ink: Grey) -> Mask:
    """Return the four lines of a box that a drawing touches, so that they are one component.

    Args:
        mask: Foreground.
        ink: Strength of its pixels, 0…1.
    """
    box = np.zeros_like(mask)
    blob = masks.largest_component(mask)
    area = masks.bounding_box(blob)
    found = lines.find_lines(blob[area], ink[area])
    drawn = blob[area] & ~masks.grow(found, 1)
    edges = [max(2, round(BOX_EDGE * side)) for side in found.shape]
    sides = [side.any(axis=0) for side in (found[: edges[0]], found[-edges[0] :])]
    sides += [side.any(axis=1) for side in (found[:, : edges[1]], found[:, -edges[1] :])]
    has_box = min(side.mean() for side in sides) >= MIN_BOX_FILL
    if has_box and masks.size(drawn)[0] >= MIN_FRAMED_SIZE * len(found):
        box[area] = masks.grow(found, 1) & ~masks.grow(drawn, 1)
    return box


def _shows_background(pixels: Colours, blob: Mask, sheet: Mask) -> bool:
    """Return True if the holes of a blob have the colour around it, as those of an 8 have."""
    drawn, around = sheet & ~masks.grow(blob, 1), masks.grow(sheet, 4) & ~masks.grow(sheet, 2)
    if not drawn.any() or not around.any():
        return False
    drawn_colour, own_colour, colour_around = (np.median(pixels[mask], axis=0) for mask in (drawn, blob, around))
    distance, contrast = (np.linalg.norm(colour - colour_around) for colour in (drawn_colour, own_colour))
    return bool(distance < MIN_HOLE_CONTRAST * contrast)


def _rectangle_area(mask: Mask) -> float:
    """Return the area of the smallest rectangle around a mask, rotated by multiples of 3°."""
    rows, columns = np.nonzero(mask)
    areas = []
    for angle in np.radians(np.arange(0, 90, 3)):
        across = columns * np.cos(angle) + rows * np.sin(angle)
        down = rows * np.cos(angle) - columns * np.sin(angle)
        areas.append((np.ptp(across) + 1) * (np.ptp(down) + 1))
    return float(min(areas))
