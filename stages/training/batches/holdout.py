"""Training and validation examples: a fixed random subset of the training images may be held out."""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.common.errors import InputError
from stages.images import arrays
from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows
from stages.model.recipe import Recipe

MAX_BYTES_IN_MEMORY = 1 << 30
HOLD_OUT_SEED = 0  # never the run's seed: runs are compared on the same held-out images

logger = logging.getLogger(__name__)

Examples = tuple[Images | FileRows, Labels]
Indices = npt.NDArray[np.int64]


def load_examples(folder: Path, recipe: Recipe, on_disk: bool = False) -> tuple[Examples, Examples | None]:
    """Return the training examples, and the validation examples if the recipe asks for some.

    Images of more than a gigabyte stay on the disk, as `FileRows`.

    Args:
        folder: Folder of the dataset's arrays.
        recipe: Recipe whose `training.validation` is "none", "test", "folder", or a number of training images to hold
            out. They are chosen at random, but always the same. Copies and groups are held out whole, or not at all.
        on_disk: Leave the images on the disk, however few they are.

    Raises:
        InputError: More images are to be held out than there are, or fewer than a group has; the dataset has no
            validation images; or an array is damaged.
    """
    images, labels = arrays.read_split(folder, "train")
    info = arrays.read_info(folder)
    if info.validation and recipe.training.validation != "folder":
        line = "%s: training.validation: %s, so the %d validation images are not used; `folder` would use them"
        logger.info(line, recipe.path, recipe.training.validation, info.validation.images)
    on_disk = on_disk or images.nbytes > MAX_BYTES_IN_MEMORY
    validation = recipe.training.validation
    if isinstance(validation, int):
        held_out, kept = _choose(labels, arrays.read_groups(folder, len(labels)), recipe)
        if on_disk:
            return (FileRows(images, kept), labels[kept]), (FileRows(images, held_out), labels[held_out])
        return (images[kept], labels[kept]), (images[held_out], labels[held_out])
    examples = FileRows(images) if on_disk else images, labels
    if validation == "none":
        return examples, None
    if validation == "folder" and info.validation is None:
        expected = "none, test or a number of training images to hold out, since the data have no validation images"
        next_step = "edit the recipe, or add a folder validation beside train and run preprocess again"
        raise InputError(f"{recipe.path}: training.validation", expected, validation, next_step)
    images, labels = arrays.read_split(folder, "test" if validation == "test" else "validation")
    return examples, (FileRows(images) if on_disk else images, labels)


def _choose(labels: Labels, groups: Labels | None, recipe: Recipe) -> tuple[Indices, Indices]:
    """Return the indices of the images to hold out, and of the others, both ascending."""
    count = int(recipe.training.validation)
    where = f"{recipe.path}: training.validation"
    if count >= len(labels):
        raise InputError(where, f"fewer than the {len(labels)} training images", count, "hold out fewer")
    order = np.random.Generator(np.random.PCG64(HOLD_OUT_SEED)).permutation(len(labels))
    if groups is None:
        return np.sort(order[:count]), np.sort(order[count:])
    is_held_out = _hold_out_groups(order, labels, groups, count)
    num_held_out = int(is_held_out.sum())
    if not num_held_out:
        expected = "a number of images that leaves copies and groups whole, and some of each class to train on"
        raise InputError(where, expected, count, "hold out more, or validate on pictures of their own")
    if num_held_out < count:
        logger.warning(
            "warning: %s: %d images held out in place of %d, since copies and groups stay whole",
            where, num_held_out, count,
        )  # fmt: skip
    return np.flatnonzero(is_held_out), np.flatnonzero(~is_held_out)


def _hold_out_groups(order: Indices, labels: Labels, groups: Labels, count: int) -> npt.NDArray[np.bool_]:
    """Return True for the images of the first groups that fit into `count` and leave images of their classes.

    Args:
        order: Permutation of the images, (num_images,).
        labels: Labels, integers, (num_images,).
        groups: Number of each image's group, integers from 0, (num_images,).
        count: Number of images to hold out, at most.
    """
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    is_held_out, left = np.zeros(len(labels), np.bool_), np.bincount(labels)
    for group in dict.fromkeys(groups[order].tolist()):
        some = members[group]
        remaining = left - np.bincount(labels[some], minlength=len(left))
        if len(some) <= count and remaining[labels[some]].all():
            is_held_out[some], left, count = True, remaining, count - len(some)
        if not count:
            break
    return is_held_out
