"""Samples of a dataset, one row per class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.images.arrays import Images, Labels
from stages.plots import style, tiles

PER_CLASS = 12
PLAIN_NAME = "of one colour"
CELL, SIDE = 0.56, 0.5  # inches from one image to the next, and of an image


def draw(
    path: Path, dataset: str, images: Images, labels: Labels, classes: Sequence[str], plain: Sequence[int] = ()
) -> None:
    """Draw the first training images of each class, and those that show one colour in a row of their own.

    Args:
        path: PNG file to write.
        dataset: Name of the dataset, for the title.
        images: uint8, (N, height, width, 1 or 3), 0…255, as mapped.
        labels: Integers, (N,), 0…num_classes - 1.
        classes: Names of the classes, label 0 first. Of more than `style.MOST_CLASSES`, the first are drawn.
        plain: Indices of the images that show one colour. They are framed wherever they are drawn.
    """
    drawn = list(classes[: style.MOST_CLASSES])
    rows = [(name, np.flatnonzero(labels == label)) for label, name in enumerate(drawn)]
    rows += [(PLAIN_NAME, np.asarray(plain))] if len(plain) else []
    name_width = 0.3 + 0.075 * max(len(style.shortened(name)) for name, _ in rows)  # inches
    row_height = max(tiles.image_height(images, SIDE) + CELL - SIDE, tiles.LINE)
    note = "training images of each class"
    if len(drawn) < len(classes):
        note = f"training images of the first {len(drawn)} of {len(classes)} classes"
    if len(plain):
        note += f"; framed: {len(plain)} that show one colour"
    inches = (name_width + PER_CLASS * CELL + style.MARGIN, len(rows) * row_height + style.MARGIN / 2)
    with tiles.new_sheet(path, style.title(dataset, "samples"), note, inches) as axes:
        framed = set(plain)
        for number, (name, indices) in enumerate(rows):
            y = (number + 0.5) * row_height
            axes.text(name_width - 0.1, y, style.shortened(name), ha="right", va="center")
            for column, index in enumerate(indices[:PER_CLASS].tolist()):
                x = name_width + (column + 0.5) * CELL
                tiles.draw_image(axes, images[index], x, y, SIDE)
                if index in framed:
                    tiles.draw_frame(axes, images[index], x, y, SIDE)
