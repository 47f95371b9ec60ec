"""Images side by side, each with a caption of a few lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stages.images.arrays import Images, Labels
from stages.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = 1.3  # inches from one image to the next
SIDE = 0.9  # inches of an image's longer side
LINE = 0.16  # inches of a line of text
COLUMNS = 6
LONGEST_NAME = 15  # characters of a class name below an image
REDUCED_SIDE = 100  # pixels that a reduced image keeps at least on its longer side; more would not be visible


@dataclass(frozen=True)
class LabelledImages:
    """Images of a split, with their labels and the names of the classes.

    Attributes:
        images: uint8, (N, height, width, 1 or 3), 0…255, as mapped.
        labels: Integers, (N,), 0…num_classes - 1.
        classes: Names of the classes, label 0 first.
    """

    images: Images
    labels: Labels
    classes: Sequence[str]


@contextmanager
def new_sheet(path: Path, title: str, note: str, inches: tuple[float, float]) -> Iterator["Axes"]:
    """Yield axes that cover the figure below its title, in inches from the upper left corner.

    The arguments are those of `style.new_figure`.
    """
    width, height = inches
    with style.new_figure(path, title, note, inches) as figure:
        axes = figure.add_axes((0, 0, 1, height / (height + style.HEAD)))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        axes.set_autoscale_on(False)
        yield axes


def draw_gallery(
    path: Path, title: str, note: str, images: Images, captions: Sequence[Sequence[tuple[str, str]]]
) -> None:
    """Draw images in rows of COLUMNS, each with its caption below.

    Args:
        path: PNG file to write.
        title: Title of the plot.
        note: One line below the title.
        images: uint8, (N, height, width, 1 or 3), 0…255.
        captions: Lines of each image, N, each a text and its colour.
    """
    lines = max((len(caption) for caption in captions), default=0)
    height = image_height(images, SIDE)
    row_height = height + lines * LINE + 0.22
    rows = -(-len(images) // COLUMNS)
    with new_sheet(path, title, note, (COLUMNS * CELL + 0.2, rows * row_height + 0.02)) as axes:
        for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
            row, column = divmod(number, COLUMNS)
            x, y = 0.1 + (column + 0.5) * CELL, row * row_height
            draw_image(axes, image, x, y + height / 2, SIDE)
            for line, (text, colour) in enumerate(caption):
                axes.text(x, y + height + 0.06 + line * LINE, text, color=colour, ha="center", va="top", fontsize=8)


def image_height(images: Images, side: float) -> float:
    """Return the height in inches of images whose longer side is `side` inches long."""
    return float(side * images.shape[1] / max(images.shape[1:3]))


def draw_image(axes: "Axes", image: Images, x: float, y: float, side: float) -> None:
    """Draw one image.

    Args:
        axes: Axes of a sheet.
        image: uint8, (height, width, 1 or 3), 0…255.
        x: Inches from the left to the middle of the image.
        y: Inches from the top to the middle of the image.
        side: Length of the image's longer side, in inches.
    """
    height, width = (side * pixels / max(image.shape[:2]) / 2 for pixels in image.shape[:2])
    pixels = Image.fromarray(np.asarray(image[..., 0] if image.shape[2] == 1 else image))
    pixels = pixels.reduce(max(1, max(image.shape[:2]) // REDUCED_SIDE))
    extent = (x - width, x + width, y + height, y - height)
    axes.imshow(np.asarray(pixels), vmin=0, vmax=255, extent=extent, aspect="auto")


def draw_frame(axes: "Axes", image: Images, x: float, y: float, side: float) -> None:
    """Draw a frame around an image; the arguments are those of `draw_image`."""
    height, width = (side * pixels / max(image.shape[:2]) / 2 for pixels in image.shape[:2])
    left, right, upper, lower = x - width, x + width, y - height, y + height
    axes.plot(
        [left, right, right, left, left], [upper, upper, lower, lower, upper], color=style.VERMILLION, linewidth=2
    )
