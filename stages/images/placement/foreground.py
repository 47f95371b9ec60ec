"""Foreground of a picture: separated from its background, cut out, and placed in an image as the dataset's own were.

Most limits are fractions of the picture's size or contrast, so that neither matters much.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.images.catalog import Placement
from stages.images.placement import background, border, lines, masks, objects, segmentation, strokes, surroundings
from stages.images.placement.background import Colours, Grey
from stages.images.placement.segmentation import Foreground

MAX_SIDE = 128  # pixels; a larger picture is reduced before the search
MAX_SHEETS = 3  # within each other: a note on a page on a table
ONE_OF_THEM = "crop the picture to one of them"
MIN_SPREAD = 100  # grey levels from the 5th to the 95th percentile of a picture that is not blank, light removed


class ForegroundError(ValueError):
    """A picture without a foreground that can be placed.

    Args:
        expected: Picture that could be placed.
        received: Kind of picture found instead.
        next_step: Remedy, as an imperative.
    """

    def __init__(self, expected: str, received: str, next_step: str) -> None:
        super().__init__(f"expected {expected}, received {received}")
        self.expected, self.received, self.next_step = expected, received, next_step


def place(picture: Image.Image, size: tuple[int, int], placement: Placement) -> npt.NDArray[np.uint8]:
    """Cut out the foreground of a picture, scale it and place it on black.

    MNIST's digits were fitted into 20 × 20 pixels with soft edges, aspect ratio kept, and then centred by mass in
    28 × 28.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", 1998.

    Args:
        picture: Picture in grey or colour, mode L or RGB, of any size, light on dark or dark on light.
        size: Height and width of the image, in pixels.
        placement: Size and position of the foreground. With the centre "mass", it is pen strokes: their sheet, ruled
            lines and frames are left out, their width and sharpness are adapted, and they are centred by their ink.
            With "box", it is any object, and its bounding box is centred.

    Returns:
        uint8, `size`, 0…255, light on black.

    Raises:
        ForegroundError: The picture is blank, or shows several objects of about the same size.
    """
    pixels = _reduce(picture)
    is_drawn = placement.centre == "mass"
    found = find_drawing(pixels) if is_drawn else segmentation.find_object(background.to_grey(pixels))
    if found is None:
        raise _nothing_found(pixels)
    if is_drawn and not placement.separate_parts:
        if objects.has_several_objects(found.mask, found.ink):
            raise ForegroundError("one object", "two or more of about the same size", ONE_OF_THEM)
        found = segmentation.remove(found, objects.find_details(found.mask, found.ink))
    foreground = found.ink[masks.bounding_box(found.mask)]
    if is_drawn:
        foreground = strokes.saturate(strokes.scale(strokes.normalize(foreground, placement.fit), placement.fit))
        y, x = _centre_of_mass(foreground)
        return _paste(foreground, (y - 0.5, x - 0.5), size)  # on average in MNIST, the middle of pixel 14 of 0…27
    foreground = strokes.scale(foreground, placement.fit)
    return _paste(foreground / foreground.max(), (foreground.shape[0] / 2, foreground.shape[1] / 2), size)


def find_drawing(pixels: Colours, max_sheets: int = MAX_SHEETS) -> Foreground | None:
    """Return the foreground of a picture of pen strokes, or None if the picture is blank.

    A sheet before a background is searched anew. Structures that run off the picture are removed: the table, the
    shadow or ruled lines. So are frames.

    Args:
        pixels: Colours of the picture. On a sheet, the foreground has the size of the sheet's bounding box.
        max_sheets: Number of sheets within each other that are searched.
    """
    grey = background.to_grey(pixels)
    found = segmentation.find_strokes(grey)
    if found is None:
        return None
    for mask in (found.core, found.mask) if max_sheets else ():
        sheet = surroundings.find_sheet(pixels, mask)
        drawing = None if sheet is None else find_drawing(sheet, max_sheets - 1)
        if drawing and segmentation.can_replace(drawing, found):
            return drawing
    found = segmentation.remove(found, lines.find_lines(found.mask, found.ink))
    found = border.remove_structures(grey, found)
    return _remove_frames(found)


def _remove_frames(found: Foreground) -> Foreground:
    for mask in (found.mask, found.core):
        frames = surroundings.find_frames(mask)
        if frames.any():
            framed = masks.grow(found.core & ~masks.grow(frames, 1), 2)
            found = segmentation.remove(found, frames | (found.mask & ~framed))
    return segmentation.remove(found, surroundings.find_box(found.mask, found.ink))


def _nothing_found(pixels: Colours) -> ForegroundError:
    grey, expected = background.to_grey(pixels), "an object on a plain background"
    if np.ptp(np.percentile(grey - background.fit_surface(grey), [5, 95])) > MIN_SPREAD:
        return ForegroundError(expected, "a picture without a plain border", "leave some background around the object")
    return ForegroundError(expected, "a blank picture", "draw it darker, or crop the picture nearer to it")


def _paste(foreground: Grey, middle: tuple[float, float], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return a black image with a foreground whose `middle`, row and column, lies as near as can be to its middle."""
    image = np.zeros(size, np.uint8)
    top, left = (
        int(np.clip(np.floor(image_side / 2 - own_middle + 0.5), 0, image_side - side))
        for image_side, side, own_middle in zip(size, foreground.shape, middle, strict=True)
    )
    image[top : top + foreground.shape[0], left : left + foreground.shape[1]] = np.rint(255 * foreground)
    return image


def _reduce(picture: Image.Image) -> Colours:
    """Return the colours of a picture, reduced to a longer side of at most MAX_SIDE."""
    width, height = picture.size
    if max(width, height) > MAX_SIDE:
        factor = MAX_SIDE / max(width, height)
        reduced = (max(1, round(width * factor)), max(1, round(height * factor)))
        picture = picture.resize(reduced, Image.Resampling.BOX)
    return np.asarray(picture.convert("RGB"), dtype=np.float64)


def _centre_of_mass(foreground: Grey) -> tuple[float, float]:
    """Return the row and column of the centre of mass, measured in pixels from the upper left corner."""
    rows, columns = (np.arange(side) + 0.5 for side in foreground.shape)
    return (
        float(rows @ foreground.sum(axis=1) / foreground.sum()),
        float(columns @ foreground.sum(axis=0) / foreground.sum()),
    )
