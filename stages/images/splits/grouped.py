"""Groups of images, of which some are held out whole."""

from math import fsum

import numpy as np
import numpy.typing as npt

from stages.images.arrays import Labels
from stages.images.splits.subsets import Indices


class Groups:
    """Groups of images, and how many images of each class they have.

    Args:
        order: Permutation of the images.
        roots: First image of each image's group.
        group_order: Permutation of the groups, by their first images.
        labels: Labels of the images.

    Attributes:
        numbers: Place in the order of the group of each image, in the order of the images, int64.
        count: Number of groups.
    """

    def __init__(self, order: Indices, roots: Indices, group_order: Indices, labels: Labels) -> None:
        places = np.empty(len(roots), np.int64)
        places[group_order] = np.arange(len(group_order))
        self.numbers, self.count = places[roots[order]], len(group_order)
        keys, self._counts = np.unique(self.numbers << 32 | labels[order].astype(np.int64), return_counts=True)
        self._labels = keys & 0xFFFFFFFF
        self._starts = np.searchsorted(keys >> 32, np.arange(self.count + 1))

    def counts(self, number: int) -> list[tuple[int, int]]:
        """Return the labels of a group, each with the number of its images."""
        some = slice(self._starts[number], self._starts[number + 1])
        return list(zip(self._labels[some].tolist(), self._counts[some].tolist(), strict=True))

    def totals(self, num_classes: int) -> list[int]:
        """Return the number of images of each class."""
        totals = np.zeros(num_classes, np.int64)
        np.add.at(totals, self._labels, self._counts)
        result: list[int] = totals.tolist()
        return result

    def with_label(self, label: int) -> list[int]:
        """Return the groups with images of a class."""
        places = np.flatnonzero(self._labels == label)
        numbers: list[int] = (np.searchsorted(self._starts, places, side="right") - 1).tolist()
        return numbers

    def num_groups(self, label: int) -> int:
        """Return the number of groups with images of a class."""
        return int((self._labels == label).sum())


def hold_out(groups: Groups, wanted: Indices) -> npt.NDArray[np.bool_] | int:
    """Return True for the groups to hold out, or the label of a class that cannot be divided.

    Groups are held out in their order, each if that brings the number of test images nearer to what is wanted, summed
    over its classes. Groups of one image are thus held out just as `stratified_split` does.

    Args:
        groups: The groups, in their order.
        wanted: Number of images of each class to hold out, (num_classes,).
    """
    missing = wanted.tolist()
    left = groups.totals(len(wanted))
    is_held_out = np.zeros(groups.count, np.bool_)

    def gain(number: int) -> float:
        """Return how much nearer the test images come to what is wanted; fsum is exact on every machine."""
        return fsum((2 * missing[label] - n) * n / int(wanted[label]) ** 2 for label, n in groups.counts(number))

    def leaves_training_images(number: int) -> bool:
        return all(left[label] > n for label, n in groups.counts(number))

    def take(number: int) -> None:
        is_held_out[number] = True
        for label, n in groups.counts(number):
            missing[label] -= n
            left[label] -= n

    for number in range(groups.count):
        if gain(number) > 0 and leaves_training_images(number):
            take(number)
    for label in np.flatnonzero(wanted > 0).tolist():
        if missing[label] == wanted[label]:  # none so far: every group of the class is larger than what is wanted
            fit = [number for number in groups.with_label(label) if leaves_training_images(number)]
            if not fit:
                return int(label)
            take(max(fit, key=gain))
    return is_held_out
