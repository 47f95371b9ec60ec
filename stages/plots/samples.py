"""Samples of a dataset, one row per class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.images.arrays import Images, Labels
from stages.plots import style, tiles

PER_CLASS = 12
CELL, SIDE = 0.56, 0.5  # inches from one image to the next, and of an image


def draw(path: Path, dataset: str, images: Images, labels: Labels, classes: Sequence[str]) -> None:
    """Draw the first training images of each class.

    Args:
        path: PNG file to write.
        dataset: Name of the dataset, for the title.
        images: uint8, (N, height, width, 1 or 3), 0…255, as mapped.
        labels: Integers, (N,), 0…num_classes - 1.
        classes: Names of the classes, label 0 first. Of more than `style.MOST_CLASSES`, the first are drawn.
    """
    drawn = list(classes[: style.MOST_CLASSES])
    name_width = 0.3 + 0.075 * max(len(style.shortened(name)) for name in drawn)  # inches
    row_height = max(tiles.image_height(images, SIDE) + CELL - SIDE, tiles.LINE)
    note = "training images of each class"
    if len(drawn) < len(classes):
        note = f"training images of the first {len(drawn)} of {len(classes)} classes"
    inches = (name_width + PER_CLASS * CELL + style.MARGIN, len(drawn) * row_height + style.MARGIN / 2)
    with tiles.new_sheet(path, style.title(dataset, "samples"), note, inches) as axes:
        for label, name in enumerate(drawn):
            y = (label + 0.5) * row_height
            axes.text(name_width - 0.1, y, style.shortened(name), ha="right", va="center")
            for column, index in enumerate(np.flatnonzero(labels == label)[:PER_CLASS]):
                tiles.draw_image(axes, images[index], name_width + (column + 0.5) * CELL, y, SIDE)
