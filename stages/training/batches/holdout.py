"""Training and validation examples: a fixed random subset of the training images may be held out."""

from pathlib import Path

import numpy as np

from stages.common.errors import InputError
from stages.images import arrays
from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows
from stages.model.recipe import Recipe

MAX_BYTES_IN_MEMORY = 1 << 30
HOLD_OUT_SEED = 0  # never the run's seed: runs are compared on the same held-out images

Examples = tuple[Images | FileRows, Labels]


def load_examples(folder: Path, recipe: Recipe, on_disk: bool = False) -> tuple[Examples, Examples | None]:
    """Return the training examples, and the validation examples if the recipe asks for some.

    Images of more than a gigabyte stay on the disk, as `FileRows`.

    Args:
        folder: Folder of the dataset's arrays.
        recipe: Recipe whose `training.validation` is "none", "test", "folder", or a number of training images to hold
            out. They are chosen at random, but always the same.
        on_disk: Leave the images on the disk, however few they are.

    Raises:
        InputError: More images are to be held out than there are, the dataset has no validation images, or an array is
            damaged.
    """
    images, labels = arrays.read_split(folder, "train")
    on_disk = on_disk or images.nbytes > MAX_BYTES_IN_MEMORY
    validation = recipe.training.validation
    if isinstance(validation, int):
        return _hold_out(images, labels, recipe, on_disk)
    examples = FileRows(images) if on_disk else images, labels
    if validation == "none":
        return examples, None
    if validation == "folder" and arrays.read_info(folder).validation is None:
        expected = "none, test or a number of training images to hold out, since the data have no validation images"
        next_step = "edit the recipe, or add a folder validation beside train and run preprocess again"
        raise InputError(f"{recipe.path}: training.validation", expected, validation, next_step)
    images, labels = arrays.read_split(folder, "test" if validation == "test" else "validation")
    return examples, (FileRows(images) if on_disk else images, labels)


def _hold_out(images: Images, labels: Labels, recipe: Recipe, on_disk: bool) -> tuple[Examples, Examples]:
    count = int(recipe.training.validation)
    if count >= len(images):
        where, expected = f"{recipe.path}: training.validation", f"fewer than the {len(images)} training images"
        raise InputError(where, expected, count, "hold out fewer")
    order = np.random.Generator(np.random.PCG64(HOLD_OUT_SEED)).permutation(len(images))
    held_out, kept = np.sort(order[:count]), np.sort(order[count:])
    if on_disk:
        return (FileRows(images, kept), labels[kept]), (FileRows(images, held_out), labels[held_out])
    return (images[kept], labels[kept]), (images[held_out], labels[held_out])
