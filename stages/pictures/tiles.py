"""Images side by side, each with a few words below."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stages.images.arrays import Images
from stages.pictures import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = 1.3  # inches from an image to the next
SIDE = 0.9  # inches of an image's longer side
LINE = 0.16  # inches of a line of words
COLUMNS = 6
LONGEST_NAME = 15  # letters of a class name below an image
ENOUGH_PIXELS = 100  # of an image's longer side; more would not be seen


@contextmanager
def sheet(path: Path, title: str, note: str, inches: tuple[float, float]) -> Iterator["Axes"]:
    """Yield all of a picture below its title as axes whose units are inches, from the upper left corner."""
    width, height = inches
    with look.picture(path, title, note, inches) as figure:
        axes = figure.add_axes((0, 0, 1, height / (height + look.HEAD)))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        axes.set_autoscale_on(False)
        yield axes


def gallery(path: Path, title: str, note: str, images: Images, words: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Draw images in rows of COLUMNS, each with lines of words below.

    Args:
        path: The PNG file.
        title: Whose picture it is, and its kind.
        note: What is seen, in a line.
        images: uint8, (N, height, width, 1 or 3), 0…255.
        words: For each image its lines, each with its colour.
    """
    lines = max((len(each) for each in words), default=0)
    tall = height_of(images, SIDE)
    row_height = tall + lines * LINE + 0.22
    rows = -(-len(images) // COLUMNS)
    with sheet(path, title, note, (COLUMNS * CELL + 0.2, rows * row_height + 0.02)) as axes:
        for number, (image, below) in enumerate(zip(images, words, strict=True)):
            row, column = divmod(number, COLUMNS)
            x, y = 0.1 + (column + 0.5) * CELL, row * row_height
            put(axes, image, x, y + tall / 2, SIDE)
            for line, (text, colour) in enumerate(below):
                axes.text(x, y + tall + 0.06 + line * LINE, text, color=colour, ha="center", va="top", fontsize=8)


def height_of(images: Images, side: float) -> float:
    """Return how many inches high images are whose longer side is `side` inches long."""
    return float(side * images.shape[1] / max(images.shape[1:3]))


def put(axes: "Axes", image: Images, x: float, y: float, side: float) -> None:
    """Draw one image of (height, width, 1 or 3) with its middle at x, y and its longer side `side` inches long."""
    height, width = (side * pixels / max(image.shape[:2]) / 2 for pixels in image.shape[:2])
    pixels = Image.fromarray(np.asarray(image[..., 0] if image.shape[2] == 1 else image))
    pixels = pixels.reduce(max(1, max(image.shape[:2]) // ENOUGH_PIXELS))
    extent = (x - width, x + width, y + height, y - height)
    axes.imshow(np.asarray(pixels), vmin=0, vmax=255, extent=extent, aspect="auto")
