"""Which images train the network, and which validate it."""

from pathlib import Path
from typing import Any

import numpy as np

from stages.errors import InputError
from stages.images import arrays
from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows

IN_MEMORY_BYTES = 1 << 30
HELD_OUT_SEED = 0  # never the run's seed: runs are compared on the same held-out images

Examples = tuple[Images | FileRows, Labels]


def split(data: Path, validation: Any, recipe: Path, on_disk: bool = False) -> tuple[Examples, Examples | None]:
    """Return the training examples and the validation examples, if the recipe asks for some.

    Images of more than a gigabyte stay on the disk, `FileRows`.

    Args:
        data: Folder of a dataset's arrays.
        validation: "none", "test", or how many training images to hold out, chosen at random but always the same.
        recipe: The recipe's file, named in errors.
        on_disk: Leave the images on the disk however few they are.

    Raises:
        InputError: More is held out than there is, or an array is damaged.
    """
    images, labels = arrays.read_split(data, "train")
    on_disk = on_disk or images.nbytes > IN_MEMORY_BYTES
    if validation == "none" or validation == "test":
        train = FileRows(images) if on_disk else images, labels
        if validation == "none":
            return train, None
        images, labels = arrays.read_split(data, "test")
        return train, (FileRows(images) if on_disk else images, labels)
    if validation >= len(images):
        raise InputError(
            f"{recipe}: training.validation",
            f"fewer than the {len(images)} training images",
            validation,
            "hold out fewer",
        )
    order = np.random.Generator(np.random.PCG64(HELD_OUT_SEED)).permutation(len(images))
    held_out, kept = np.sort(order[:validation]), np.sort(order[validation:])
    if on_disk:
        return (FileRows(images, kept), labels[kept]), (FileRows(images, held_out), labels[held_out])
    return (images[kept], labels[kept]), (images[held_out], labels[held_out])
