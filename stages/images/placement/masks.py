"""Masks of pictures: connected components, holes, and growing and shrinking by pixels."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Mask = npt.NDArray[np.bool_]  # (height, width)
Labels = npt.NDArray[np.int64]  # (height, width): number of a component, or 0


def connected_components(mask: Mask) -> Labels:
    """Return a number for each connected component of a mask, diagonals included, and 0 elsewhere."""
    labels = np.zeros(mask.shape, np.int64)
    if not mask.any():
        return labels
    box = bounding_box(mask)
    inside = mask[box]
    numbers = np.where(inside, np.arange(1, inside.size + 1).reshape(inside.shape), 0)
    while True:
        spread = np.where(inside, _largest_neighbours(numbers), 0)
        spread = np.concatenate([[0], spread.ravel()])[spread]  # jump to the number of the pixel it points at
        if np.array_equal(spread, numbers):
            labels[box] = numbers
            return labels
        numbers = spread


def _largest_neighbours(numbers: Labels) -> Labels:
    """Return the largest number in the 3 × 3 pixels around each pixel."""
    columns = numbers.copy()
    np.maximum(columns[1:], numbers[:-1], out=columns[1:])
    np.maximum(columns[:-1], numbers[1:], out=columns[:-1])
    square = columns.copy()
    np.maximum(square[:, 1:], columns[:, :-1], out=square[:, 1:])
    np.maximum(square[:, :-1], columns[:, 1:], out=square[:, :-1])
    return square


def components(mask: Mask) -> list[Mask]:
    """Return each connected component of a mask as a mask, the largest first."""
    numbers = connected_components(mask)
    found, counts = np.unique(numbers[mask], return_counts=True)
    return [numbers == number for number in found[np.argsort(-counts, kind="stable")]]


def largest_component(mask: Mask) -> Mask:
    """Return the largest connected component of a mask, or an empty mask."""
    numbers = connected_components(mask)
    counts = np.bincount(numbers.ravel())
    counts[0] = 0
    return np.asarray(mask & (numbers == counts.argmax()))


def fill_holes(mask: Mask) -> Mask:
    """Return a mask together with the pixels from which it bars the way to the border."""
    filled = mask.copy()
    if mask.any():
        box = bounding_box(mask)
        outside = connected_components(np.pad(~mask[box], 1, constant_values=True))
        filled[box] = (outside != outside[0, 0])[1:-1, 1:-1]
    return filled


def grow(mask: Mask, radius: int) -> Mask:
    """Return the pixels at most `radius` pixels from a mask, diagonal steps included."""
    picture = Image.fromarray(mask.astype(np.uint8))
    for _ in range(radius):
        picture = picture.filter(ImageFilter.MaxFilter(3))
    return np.asarray(picture, dtype=bool)


def shrink(mask: Mask, radius: int) -> Mask:
    """Return the pixels of a mask that are more than `radius` pixels from its outside and from the border."""
    return ~grow(np.pad(~mask, radius, constant_values=True), radius)[radius:-radius, radius:-radius]


def bounding_box(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and columns of a mask's bounding box, which must not be empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def size(mask: Mask) -> tuple[int, int]:
    """Return the height and width of a mask's bounding box in pixels, or zeros."""
    if not mask.any():
        return 0, 0
    rows, columns = bounding_box(mask)
    return rows.stop - rows.start, columns.stop - columns.start


def longer_side(mask: Mask) -> int:
    """Return the longer side of a mask's bounding box in pixels, or 0."""
    return max(size(mask))
