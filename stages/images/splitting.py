"""A part of the images held out to test on: the same share of each class, and always the same images."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.images.arrays import Images, Labels
from stages.images.catalog import Dataset
from stages.images.rows import read_rows

Numbers = npt.NDArray[np.int64]


class Chosen:
    """Some images of a memory map, in an order of their own, `arrays.Rows`."""

    def __init__(self, images: Images, numbers: Numbers) -> None:
        self._images, self._numbers = images, numbers
        self.shape = (len(numbers), *images.shape[1:])

    def __getitem__(self, some: slice) -> Images:
        """Return some of the images, uint8, 0…255."""
        ascending, places = np.unique(self._numbers[some], return_inverse=True)
        return read_rows(self._images, ascending)[places]


def mix(names: Iterable[str], seed: int) -> Numbers:
    """Return an order in which images of all classes are mixed, as the numbers of the names, int64, (num_names,).

    It follows from each name and the seed alone: wherever a name is added or taken away, the others stay in order.
    """
    digests = (hashlib.sha256(f"{seed} {name}".encode()).digest() for name in names)
    beginnings = np.fromiter((int.from_bytes(digest[:8]) for digest in digests), np.uint64)  # enough to tell them apart
    return np.argsort(beginnings, kind="stable")


def hold_out(
    order: Numbers, labels: Labels, fraction: float, classes: list[str], source: Path
) -> tuple[Numbers, Numbers]:
    """Return which images are to train on and which to test on, each in the given order.

    Args:
        order: Numbers of all images, (num_images,); the first of each class are held out.
        labels: Of the images by their number, (num_images,).
        fraction: Share of each class to hold out, 0…1; at least one image, and not the last one.
        classes: What the labels mean.
        source: What the images are read from, named in errors.

    Raises:
        InputError: A class has only one image.
    """
    counts = np.bincount(labels, minlength=len(classes))
    lonely = [name for name, count in zip(classes, counts, strict=True) if count == 1]
    if lonely:
        expected = "two images of each class, one of them to test on"
        raise InputError(source, expected, f"one of {', '.join(lonely)}", "add some, or make a test split yourself")
    to_hold = np.clip(np.rint(fraction * counts).astype(np.int64), 1, counts - 1)
    in_order = labels[order]
    held = np.zeros(len(order), np.bool_)
    for label, count in enumerate(to_hold):
        held[np.flatnonzero(in_order == label)[: max(count, 0)]] = True
    return order[~held], order[held]


def refuse_settings(dataset: Dataset, description: Path) -> None:
    """Refuse what a dataset's file says of a choice that is not made, since its data have test images.

    Raises:
        InputError: It says something.
    """
    for key in ("test_fraction", "split_seed"):
        if key in dataset.model_fields_set:
            expected = f"no {key}, since the data have test images of their own"
            raise InputError(description, expected, key, "take it out, or the test images")
