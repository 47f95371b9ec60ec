"""Test images held out from data without a test split: the same fraction of each class, and always the same images."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.common.errors import InputError
from stages.images.arrays import Labels
from stages.images.catalog import Dataset
from stages.images.problems import list_names
from stages.images.splits import components, grouped
from stages.images.splits.components import NO_PAIRS, Pairs
from stages.images.splits.subsets import Indices

SPLIT_YOURSELF = "add some, or make a test split yourself"


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
        received += ", which are linked to other classes" if num_groups > 1 else ""
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
        roots = components.connect(
            len(pool.names), np.concatenate([links, components.link(pool.groups, pool.all_indices)])
        )
        group_order = order[roots[order] == order]  # of the first images of the groups
        if pool.groups is not None:
            names = [pool.groups[root] for root in group_order.tolist()]
            group_order = group_order[hash_permutation(names, self._dataset.split_seed)]
        groups = grouped.Groups(order, roots, group_order, pool.labels)
        wanted = _count_test_images(order, pool.labels, fraction, pool.classes, self._source)
        is_test = grouped.hold_out(groups, wanted)
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
