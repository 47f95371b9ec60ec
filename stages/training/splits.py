"""Which images train the network, and which validate it."""

from pathlib import Path
from typing import Any

import numpy as np

from stages.errors import InputError
from stages.images import arrays
from stages.images.arrays import Images, Labels

HELD_OUT_SEED = 0  # never the run's seed: runs are compared on the same held-out images

Examples = tuple[Images, Labels]


def split(data: Path, validation: Any, recipe: Path) -> tuple[Examples, Examples | None]:
    """Return the training examples and the validation examples, if the recipe asks for some.

    Args:
        data: Folder of a dataset's arrays.
        validation: "none", "test", or how many training images to hold out, chosen at random but always the same.
        recipe: The recipe's file, named in errors.

    Raises:
        InputError: More is held out than there is, or an array is damaged.
    """
    images, labels = arrays.read_split(data, "train")
    if validation == "none":
        return (images, labels), None
    if validation == "test":
        return (images, labels), arrays.read_split(data, "test")
    if validation >= len(images):
        raise InputError(
            f"{recipe}: training.validation",
            f"fewer than the {len(images)} training images",
            validation,
            "hold out fewer",
        )
    order = np.random.Generator(np.random.PCG64(HELD_OUT_SEED)).permutation(len(images))
    held_out, kept = np.sort(order[:validation]), np.sort(order[validation:])
    return (images[kept], labels[kept]), (images[held_out], labels[held_out])
