"""Test images held out from data without a test split: the same fraction of each class, and always the same images."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.common.errors import InputError
from stages.images.arrays import Images, Labels
from stages.images.catalog import Dataset
from stages.images.problems import list_names
from stages.images.rows import read_rows

Indices = npt.NDArray[np.int64]
Pairs = npt.NDArray[np.int64]  # (num_pairs, 2)

NO_PAIRS: Pairs = np.zeros((0, 2), np.int64)
SPLIT_YOURSELF = "add some, or make a test split yourself"


def number_of(index: int) -> str:
    """Return the number of an image in its file, from 1."""
    return f"image {index + 1}"


class Subset:
    """Images of a memory map in any order, an `arrays.ImageSequence`.

    Args:
        images: Memory map of a whole file, uint8, (num_images, …).
        indices: Indices of the images, int64, (num_indices,), 0…num_images - 1.
        name: Function that returns the name of an image by its index. By default, this is its number.
    """

    def __init__(self, images: Images, indices: Indices, name: Callable[[int], str] = number_of) -> None:
        self._images, self._indices, self._name = images, indices, name
        self.shape = (len(indices), *images.shape[1:])

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        rows, inverse = np.unique(self._indices[some], return_inverse=True)
        return read_rows(self._images, rows)[inverse]

    def name(self, index: int) -> str:
        """Return the name of an image."""
        return self._name(int(self._indices[index]))


class Part(NamedTuple):
    """Memory map of a whole file, uint8, (num_images, …), and the names of its images by their indices."""

    images: Images
    name: Callable[[int], str]


class Joined:
    """Images of several memory maps in any order, an `arrays.ImageSequence`.

    Args:
        parts: Memory maps, one after another.
        positions: Indices into the images of all parts, int64, (num_positions,).
    """

    def __init__(self, parts: Sequence[Part], positions: Indices) -> None:
        self._parts, self.positions = parts, positions
        self._starts = np.cumsum([0, *(len(part.images) for part in parts)])
        self.shape = (len(positions), *parts[0].images.shape[1:])

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        positions = self.positions[some]
        read = np.empty((len(positions), *self.shape[1:]), np.uint8)
        for part, start, end in zip(self._parts, self._starts, self._starts[1:], strict=False):
            is_here = (positions >= start) & (positions < end)
            read[is_here] = Subset(part.images, positions[is_here] - start)[:]
        return read

    def name(self, index: int) -> str:
        """Return the name of an image."""
        position = self.positions[index]
        part = int(np.searchsorted(self._starts, position, side="right")) - 1
        return self._parts[part].name(int(position - self._starts[part]))


@dataclass(frozen=True)
class Pool:
    """Images to be divided into training and test images.

    Attributes:
        names: Names of all images, such as their paths.
        labels: Labels of all images, integers, (num_images,).
        classes: Names of the classes, label 0 first.
        groups: Names of the images' groups, each of which stays on one side of the split. Or None.
        indices: Indices of the images to divide, int64, if these are not all.
    """

    names: Sequence[str] | npt.NDArray[np.str_]
    labels: Labels
    classes: list[str]
    groups: Sequence[str] | None = None
    indices: Indices | None = None

    @property
    def all_indices(self) -> Sequence[int]:
        """Indices of the images to divide."""
        return range(len(self.names)) if self.indices is None else self.indices.tolist()


class NoSplitError(InputError):
    """The groups of a class cannot be divided between training and test images.

    Args:
        label: Label of the class.
        num_groups: Number of groups with images of the class.
        name: Name of the class.
        source: Folder or file of the data.
    """

    def __init__(self, label: int, num_groups: int, name: str, source: Path) -> None:
        self.label = label
        expected = "groups that leave pictures of each class to train on, and others to test on"
        received = f"{num_groups} group{'s' if num_groups > 1 else ''} with pictures of {name}"
        received += ", which hang together with other classes" if num_groups > 1 else ""
        super().__init__(source, expected, received, SPLIT_YOURSELF)


class HoldOut:
    """Division of a pool of images, of which some are held out as test images.

    Args:
        dataset: File of the dataset, which sets the fraction of test images and the seed of their choice.
        source: Folder or file of the data, for errors.

    Attributes:
        crowded: Names of the classes whose copies are divided nevertheless, since there are no other images of them.
        groups: Name of each image's group, in the order in which the images are read, split after split. Or None.
    """

    def __init__(self, dataset: Dataset, source: Path) -> None:
        self._dataset, self._source = dataset, source
        self._pool: Pool | None = None
        self._split: tuple[Indices, Indices] | None = None
        self.crowded: list[str] = []
        self.groups: list[str] | None = None

    @property
    def is_used(self) -> bool:
        """True if images were held out."""
        return self._split is not None

    def split(self, pool: Pool) -> tuple[Indices, Indices]:
        """Return the indices of the training images and of the test images, shuffled.

        Raises:
            InputError: A class has only one image, or the groups allow no split.
        """
        self._pool = pool
        self._split = self._divide(pool, NO_PAIRS)
        return self._split

    def split_again(self, equal: Pairs, near: Pairs) -> tuple[Indices, Indices] | None:
        """Return another split, which leaves copies on one side, or None if there are no copies or nothing to divide.

        Args:
            equal: Pairs of equal images, as positions in the training images followed by the test images.
            near: Pairs of nearly equal images.

        Returns:
            Positions of the new training images and of the new test images.

        Raises:
            InputError: The groups and the copies allow no split.
        """
        if self._pool is None or self._split is None:
            return None
        indices = np.concatenate(self._split)
        equal, near = (indices[pairs[(pairs < len(indices)).all(axis=1)]] for pairs in (equal, near))
        if not len(equal) and not len(near):
            return None
        split = self._divide_copies(self._pool, equal, near)
        if all(np.array_equal(now, before) for now, before in zip(split, self._split, strict=True)):
            return None
        positions = np.empty(len(self._pool.names), np.int64)
        positions[indices] = np.arange(len(indices))
        return positions[split[0]], positions[split[1]]

    def _divide_copies(self, pool: Pool, equal: Pairs, near: Pairs) -> tuple[Indices, Indices]:
        """Return training and test images without common copies, apart from classes that have nothing but copies."""
        while True:
            try:
                return self._divide(pool, np.concatenate([equal, near]))
            except NoSplitError as error:
                is_of_class = [(pool.labels[pairs] == error.label).any(axis=1) for pairs in (equal, near)]
                if is_of_class[1].any():
                    near = near[~is_of_class[1]]
                elif is_of_class[0].any():
                    equal = equal[~is_of_class[0]]
                else:
                    raise
                self.crowded = sorted({*self.crowded, pool.classes[error.label]})

    def _divide(self, pool: Pool, links: Pairs) -> tuple[Indices, Indices]:
        order = hash_permutation(pool.names, self._dataset.split_seed)
        if pool.indices is not None:
            order = order[np.isin(order, pool.indices)]
        fraction = self._dataset.test_fraction
        if pool.groups is None and not len(links):
            return stratified_split(order, pool.labels, fraction, pool.classes, self._source)
        roots = connect(len(pool.names), np.concatenate([links, _link(pool.groups, pool.all_indices)]))
        group_order = order[roots[order] == order]  # of the first images of the groups
        if pool.groups is not None:
            names = [pool.groups[root] for root in group_order.tolist()]
            group_order = group_order[hash_permutation(names, self._dataset.split_seed)]
        groups = _Groups(order, roots, group_order, pool.labels)
        wanted = _count_test_images(order, pool.labels, fraction, pool.classes, self._source)
        is_test = _hold_out_groups(groups, wanted)
        if isinstance(is_test, int):
            raise NoSplitError(is_test, groups.num_groups(is_test), pool.classes[is_test], self._source)
        is_test = is_test[groups.numbers]
        return order[~is_test], order[is_test]


def hash_permutation(names: Iterable[str], seed: int) -> Indices:
    """Return a random permutation that depends on the names and the seed alone.

    Adding or removing a name leaves the others in their order.

    Args:
        names: Names of the images, such as their paths.
        seed: Seed of the permutation.

    Returns:
        Indices of the names, int64, (num_names,).
    """
    # a file name that is not UTF-8 gives the bytes it has on the disk
    digests = (hashlib.sha256(f"{seed} {name}".encode(errors="surrogateescape")).digest() for name in names)
    keys = np.fromiter((int.from_bytes(digest[:8]) for digest in digests), np.uint64)  # 64 bits hardly ever collide
    return np.argsort(keys, kind="stable")


def stratified_split(
    order: Indices, labels: Labels, fraction: float, classes: list[str], source: Path
) -> tuple[Indices, Indices]:
    """Return the indices of the training images and of the test images, each in the given order.

    Args:
        order: Permutation of all images, or of some, (num_images,). The first ones of each class are held out.
        labels: Labels by index, integers, (num_images,).
        fraction: Fraction of each class to hold out, 0…1; at least one image, and at most all but one.
        classes: Names of the classes, label 0 first.
        source: Folder or file of the data, for errors.

    Raises:
        InputError: A class has only one image.
    """
    test_counts = _count_test_images(order, labels, fraction, classes, source)
    ordered_labels = labels[order]
    held_out = np.zeros(len(order), np.bool_)
    for label, count in enumerate(test_counts):
        held_out[np.flatnonzero(ordered_labels == label)[: max(count, 0)]] = True
    return order[~held_out], order[held_out]


def connect(count: int, pairs: Pairs) -> Indices:
    """Return the connected components of a graph.

    Args:
        count: Number of nodes.
        pairs: Nodes that are linked, int64, (num_pairs, 2), 0…count - 1.

    Returns:
        The smallest node of each node's component, int64, (count,).
    """
    roots = np.arange(count)
    while True:
        ends = roots[pairs]
        if (ends[:, 0] == ends[:, 1]).all():
            return roots
        np.minimum.at(roots, ends.max(axis=1), ends.min(axis=1))
        while not np.array_equal(roots, roots[roots]):
            roots = roots[roots]


def connect_groups(roots: Indices, groups: Sequence[str] | None) -> Indices:
    """Return the connected components of images that are copies or of one group.

    Args:
        roots: First copy of each image, int64, (num_images,).
        groups: Names of the images' groups, or None.

    Returns:
        The smallest image of each image's component, int64, (num_images,).
    """
    copies = np.stack([np.arange(len(roots)), roots], axis=1)
    return connect(len(roots), np.concatenate([copies, _link(groups, range(len(roots)))]))


def refuse_split_settings(dataset: Dataset) -> None:
    """Refuse `test_fraction` and `split_seed` in the file of a dataset whose data have test images.

    Raises:
        InputError: The file sets one of them.
    """
    for key in ("test_fraction", "split_seed"):
        if key in dataset.model_fields_set:
            expected = f"no {key}, since the data have test images of their own"
            raise InputError(dataset.path, expected, key, "take it out, or the test images")


def _count_test_images(order: Indices, labels: Labels, fraction: float, classes: list[str], source: Path) -> Indices:
    """Return the number of images of each class to hold out, (num_classes,)."""
    counts = np.bincount(labels[order], minlength=len(classes))
    single = [name for name, count in zip(classes, counts, strict=True) if count == 1]
    if single:
        expected = "two images of each class, one of them to test on"
        raise InputError(source, expected, f"one of {list_names(single)}", SPLIT_YOURSELF)
    test_counts: Indices = np.clip(np.rint(fraction * counts).astype(np.int64), 1, counts - 1)
    return test_counts


class _Groups:
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


def _hold_out_groups(groups: _Groups, wanted: Indices) -> npt.NDArray[np.bool_] | int:
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

    def hold_out(number: int) -> None:
        is_held_out[number] = True
        for label, n in groups.counts(number):
            missing[label] -= n
            left[label] -= n

    for number in range(groups.count):
        if gain(number) > 0 and leaves_training_images(number):
            hold_out(number)
    for label in np.flatnonzero(wanted > 0).tolist():
        if missing[label] == wanted[label]:  # none so far: every group of the class is larger than what is wanted
            fit = [number for number in groups.with_label(label) if leaves_training_images(number)]
            if not fit:
                return int(label)
            hold_out(max(fit, key=gain))
    return is_held_out


def _link(groups: Sequence[str] | None, indices: Sequence[int]) -> Pairs:
    """Return pairs that link the images of each group, each with the first one.

    Args:
        groups: Names of all images' groups, or None.
        indices: Indices of the images to link.
    """
    if groups is None:
        return NO_PAIRS
    first: dict[str, int] = {}
    links = [(index, first.setdefault(groups[index], index)) for index in indices]
    return np.array(links, np.int64).reshape(-1, 2)
