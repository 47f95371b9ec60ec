"""Test images held out from data without a test split: the same fraction of each class, and always the same images."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.common.errors import InputError
from stages.images.arrays import Images, Labels
from stages.images.catalog import Dataset
from stages.images.rows import read_rows

Indices = npt.NDArray[np.int64]


class Subset:
    """Images of a memory map in any order, an `arrays.ImageSequence`.

    Args:
        images: Memory map of a whole file, uint8, (num_images, …).
        indices: Indices of the images, int64, (num_indices,), 0…num_images - 1.
    """

    def __init__(self, images: Images, indices: Indices) -> None:
        self._images, self._indices = images, indices
        self.shape = (len(indices), *images.shape[1:])

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        rows, inverse = np.unique(self._indices[some], return_inverse=True)
        return read_rows(self._images, rows)[inverse]


def hash_permutation(names: Iterable[str], seed: int) -> Indices:
    """Return a random permutation that depends on the names and the seed alone.

    Adding or removing a name leaves the others in their order.

    Args:
        names: Names of the images, such as their paths.
        seed: Seed of the permutation.

    Returns:
        Indices of the names, int64, (num_names,).
    """
    digests = (hashlib.sha256(f"{seed} {name}".encode()).digest() for name in names)
    keys = np.fromiter((int.from_bytes(digest[:8]) for digest in digests), np.uint64)  # 64 bits hardly ever collide
    return np.argsort(keys, kind="stable")


def stratified_split(
    order: Indices, labels: Labels, fraction: float, classes: list[str], source: Path
) -> tuple[Indices, Indices]:
    """Return the indices of the training images and of the test images, each in the given order.

    Args:
        order: Permutation of all images, (num_images,). The first ones of each class are held out.
        labels: Labels by index, integers, (num_images,).
        fraction: Fraction of each class to hold out, 0…1; at least one image, and at most all but one.
        classes: Names of the classes, label 0 first.
        source: Folder or file of the data, for errors.

    Raises:
        InputError: A class has only one image.
    """
    counts = np.bincount(labels, minlength=len(classes))
    single = [name for name, count in zip(classes, counts, strict=True) if count == 1]
    if single:
        expected = "two images of each class, one of them to test on"
        raise InputError(source, expected, f"one of {', '.join(single)}", "add some, or make a test split yourself")
    test_counts = np.clip(np.rint(fraction * counts).astype(np.int64), 1, counts - 1)
    ordered_labels = labels[order]
    held_out = np.zeros(len(order), np.bool_)
    for label, count in enumerate(test_counts):
        held_out[np.flatnonzero(ordered_labels == label)[: max(count, 0)]] = True
    return order[~held_out], order[held_out]


def refuse_split_settings(dataset: Dataset) -> None:
    """Refuse `test_fraction` and `split_seed` in the file of a dataset whose data have test images.

    Raises:
        InputError: The file sets one of them.
    """
    for key in ("test_fraction", "split_seed"):
        if key in dataset.model_fields_set:
            expected = f"no {key}, since the data have test images of their own"
            raise InputError(dataset.path, expected, key, "take it out, or the test images")
