"""Surroundings of a drawing: the sheet it is on, the frame around it, and other objects beside it."""

import numpy as np
import numpy.typing as npt

from stages.images import masks
from stages.images.background import Colours, Grey
from stages.images.masks import Mask

MIN_SHEET_AREA = 0.1  # fraction of the picture
MIN_SHEET_FILL = 0.75  # fraction of a sheet without what is drawn on it; the ring of a 0 has less
MIN_SHEET_RECTANGULARITY = 0.85  # area over that of the smallest rectangle around it; an ellipse has 0.79
MIN_HOLED_AREA = 0.35  # fraction of the picture; a smaller blob may be a digit with holes
SHEET_EDGE = 0.03  # fraction of a sheet's longer side that is cut off, for its blurred edge and its shadow
MAX_FRAME_FILL = 0.5  # fraction of the area within a frame that it covers itself
MIN_FRAMED_SIZE = 0.45  # fraction of a frame's longer side; the dot in a 0 is smaller
MIN_GAP = 0.11  # fraction of the taller object's height between two objects; strokes of one digit are closer
MIN_HEIGHT_RATIO = 0.5  # of two objects; the bar of a 5 is less high than its rest
MAX_LINE_SLOPE = 0.07  # rows per column of a line that is level but for a rotation by 4°
MIN_LINE_FILL = 0.85  # fraction of the picture's width that a line fills
MAX_CROSSED = 0.5  # fraction of a line's length that is crossed; there is more in the middle of an area
MIN_LINE_INK = 0.4  # of 0…1; fainter lines vanish by themselves
MAX_LINE_WIDTH = 0.06  # fraction of the picture's longer side
MIN_DETAIL_GAP = 0.25  # fraction of the largest part's height; the dot of an i is closer
MAX_STACKED_WIDTH = 1.25  # times the height; halves of one digit, one above the other, are wider
MIN_MAIN_INK = 0.6  # fraction of all ink; a drawing of many parts has no main one
MIN_OBJECT_INK = 0.1  # fraction of all ink; anything with less is a detail


def find_sheet(pixels: Colours, core: Mask) -> Colours | None:
    """Return what a sheet of paper, a card or a board shows, or None if the foreground is no such thing.

    Args:
        pixels: Picture of a sheet before a background.
        core: Foreground of the picture without its blurred edges.

    Returns:
        Bounding box of the sheet. Its corners outside a rotated sheet have the sheet's colour.
    """
    blob = masks.largest_component(core)
    if np.count_nonzero(blob) < MIN_SHEET_FILL * np.prod(masks.size(blob)) * 0.5:
        return None
    sheet = masks.fill_holes(blob)
    area = np.count_nonzero(sheet)
    if area < MIN_SHEET_AREA * sheet.size or np.count_nonzero(blob) < MIN_SHEET_FILL * area:
        return None
    if area < MIN_SHEET_RECTANGULARITY * _rectangle_area(sheet):
        return None
    if area < MIN_HOLED_AREA * sheet.size and _shows_background(pixels, blob, sheet):
        return None
    inside = masks.shrink(sheet, max(2, round(SHEET_EDGE * masks.longer_side(sheet))))
    if min(masks.size(inside)) < 8:
        return None
    rim = inside & ~masks.shrink(inside, 2)
    return np.where(inside[..., None], pixels, np.median(pixels[rim], axis=0))[masks.bounding_box(inside)]


def _shows_background(pixels: Colours, blob: Mask, sheet: Mask) -> bool:
    """Return True if the holes of a blob have the colour around it, as those of an 8 have."""
    drawn, around = sheet & ~masks.grow(blob, 1), masks.grow(sheet, 4) & ~masks.grow(sheet, 2)
    if not drawn.any() or not around.any():
        return False
    drawn_colour, own_colour, colour_around = (np.median(pixels[mask], axis=0) for mask in (drawn, blob, around))
    distance, contrast = (np.linalg.norm(colour - colour_around) for colour in (drawn_colour, own_colour))
    return bool(distance < 0.35 * contrast)


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


def find_lines(mask: Mask, ink: Grey) -> Mask:
    """Return the strong straight lines of a foreground that cross the whole picture, level or upright.

    A line's pixels are those of the rows that it fills, once the mask is sheared so that the line is level. Where a
    stroke crosses it, above and below, they belong to the stroke.

    Source: C. Dalitz et al., "A comparative study of staff removal algorithms", IEEE Transactions on Pattern Analysis
    and Machine Intelligence 30, 2008.
    """
    return _level_lines(mask, ink) | _level_lines(mask.T, ink.T).T


def _level_lines(mask: Mask, ink: Grey) -> Mask:
    height, width = mask.shape
    columns = np.arange(width)
    lines = np.zeros_like(mask)
    rim = max(1, width // 16)
    if not (mask[:, :rim].any() and mask[:, -rim:].any()):
        return lines
    best: tuple[int, npt.NDArray[np.int64]] = (0, columns)
    for slope in np.linspace(-MAX_LINE_SLOPE, MAX_LINE_SLOPE, 29):
        shift = np.rint(slope * (columns - width / 2)).astype(np.int64)
        rows = (np.arange(height)[:, None] + shift) % height
        filled = mask[rows, columns].mean(axis=1) >= MIN_LINE_FILL
        if filled.sum() > best[0]:
            best = int(filled.sum()), shift
    if not best[0]:
        return lines
    rows = (np.arange(height)[:, None] + best[1]) % height
    sheared = mask[rows, columns]
    filled = sheared.mean(axis=1) >= MIN_LINE_FILL
    edges = np.flatnonzero(np.diff(np.concatenate([[False], filled, [False]])))
    for first, end in edges.reshape(-1, 2):
        if end - first > MAX_LINE_WIDTH * max(mask.shape):
            continue
        above, below = max(first - 2, 0), min(end + 1, height - 1)
        crossed = sheared[above] & sheared[below]
        if crossed.mean() > MAX_CROSSED or np.median(ink[rows, columns][first:end].max(axis=0)) < MIN_LINE_INK:
            continue
        lines[rows[above + 1 : below][:, ~crossed], columns[~crossed]] = True
    return lines & mask


def find_details(mask: Mask, ink: Grey) -> Mask:
    """Return the parts of a foreground that are far from the largest one and much lower: small print, or a hole."""
    details = np.zeros_like(mask)
    main, *others = masks.components(mask)
    radius = round(MIN_DETAIL_GAP * masks.size(main)[0] / 2)
    if not others:
        return details
    for part in masks.components(masks.grow(mask, radius)):
        part &= mask
        if (part & main).any():
            if ink[part].sum() < MIN_MAIN_INK * ink[mask].sum():
                return np.zeros_like(mask)
        elif masks.size(part)[0] < MIN_HEIGHT_RATIO * masks.size(main)[0]:
            details |= part
    return details


def has_several_objects(mask: Mask, ink: Grey) -> bool:
    """Return True if a foreground falls into two objects of about one height, well apart.

    Its parts are joined from the nearest to the farthest, until only two are left (single-linkage clustering). The
    strokes of one digit are nearer to each other, or differ more in height.

    Source: P. Sneath, "The application of computers to taxonomy", Journal of General Microbiology 17, 1957.

    Args:
        mask: Foreground.
        ink: Weight of each pixel, 0…1.
    """
    total = float(ink[mask].sum())
    if sum(ink[part].sum() >= MIN_OBJECT_INK * total for part in masks.components(mask)) < 2:
        return False
    for radius in range(int(np.ceil(MIN_GAP * masks.size(mask)[0] / 2)), 0, -1):
        parts = [part & mask for part in masks.components(masks.grow(mask, radius))]
        objects = [part for part in parts if ink[part].sum() >= MIN_OBJECT_INK * total]
        if len(objects) > MAX_STACKED_WIDTH:
            first, second = sorted(objects, key=lambda part: -masks.size(part)[0])[:2]
            return 2 * radius + 1 >= MIN_GAP * masks.size(first)[0] and _are_alike(first, second)
    return False


def _are_alike(first: Mask, second: Mask) -> bool:
    """Return True if two parts may be objects of one kind, `first` the taller one."""
    (height, width), (second_height, second_width) = masks.size(first), masks.size(second)
    common_rows = np.count_nonzero(first.any(axis=1) & second.any(axis=1))
    if common_rows < 0.25 * second_height and max(width / height, second_width / second_height) > MAX_STACKED_WIDTH:
        return False  # one above the other, and wide: halves of a digit
    return second_height >= MIN_HEIGHT_RATIO * height


def _rectangle_area(mask: Mask) -> float:
    """Return the area of the smallest rectangle around a mask, rotated by multiples of 3°."""
    rows, columns = np.nonzero(mask)
    areas = []
    for angle in np.radians(np.arange(0, 90, 3)):
        across = columns * np.cos(angle) + rows * np.sin(angle)
        down = rows * np.cos(angle) - columns * np.sin(angle)
        areas.append((np.ptp(across) + 1) * (np.ptp(down) + 1))
    return float(min(areas))
