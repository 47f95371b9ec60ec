"""A sheet of samples: what the images of a dataset look like, a row a class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.images.arrays import Images, Labels
from stages.pictures import look, tiles

PER_CLASS = 12
CELL, SIDE = 0.56, 0.5  # inches from an image to the next, and of an image


def draw(path: Path, dataset: str, images: Images, labels: Labels, classes: Sequence[str]) -> None:
    """Draw the first training images of each class.

    Args:
        path: The PNG file.
        dataset: The dataset's name.
        images: uint8, (N, height, width, 1 or 3), 0…255, as mapped.
        labels: Integers, (N,), 0…len(classes) - 1.
        classes: What each label means; of more than `look.MOST_CLASSES`, the first are shown.
    """
    shown = list(classes[: look.MOST_CLASSES])
    names = 0.3 + 0.075 * max(len(look.short(name)) for name in shown)  # inches
    row_height = max(tiles.height_of(images, SIDE) + CELL - SIDE, tiles.LINE)
    note = "training images of each class"
    if len(shown) < len(classes):
        note = f"training images of the first {len(shown)} of {len(classes)} classes"
    inches = (names + PER_CLASS * CELL + look.MARGIN, len(shown) * row_height + look.MARGIN / 2)
    with tiles.sheet(path, look.title(dataset, "samples"), note, inches) as axes:
        for label, name in enumerate(shown):
            y = (label + 0.5) * row_height
            axes.text(names - 0.1, y, look.short(name), ha="right", va="center")
            for column, index in enumerate(np.flatnonzero(labels == label)[:PER_CLASS]):
                tiles.put(axes, images[index], names + (column + 0.5) * CELL, y, SIDE)
