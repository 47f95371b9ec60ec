import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from stages.common.errors import InputError
from stages.images import splitting

CLASSES = ["a", "b", "c"]
NAMES = [f"{CLASSES[number % 3]}/{number}.png" for number in range(300)]
LABELS = np.arange(300) % 3
SOURCE = Path("mine")


def test_the_same_fraction_of_each_class_is_held_out():
    labels = np.repeat([0, 1, 2], [100, 10, 2])
    order = splitting.hash_permutation([str(number) for number in range(112)], seed=0)
    train, test = splitting.stratified_split(order, labels, 0.2, CLASSES, SOURCE)
    assert (np.bincount(labels[train]).tolist(), np.bincount(labels[test]).tolist()) == ([80, 8, 1], [20, 2, 1])
    assert sorted([*train, *test]) == list(range(112))


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_each_class_is_in_both_splits(fraction):
    order = splitting.hash_permutation(NAMES, seed=0)
    for indices in splitting.stratified_split(order, LABELS, fraction, CLASSES, SOURCE):
        assert np.bincount(LABELS[indices]).min() >= 1


def test_the_split_depends_on_names_and_seed_alone():
    held = [
        set(splitting.stratified_split(splitting.hash_permutation(NAMES, seed), LABELS, 0.2, CLASSES, SOURCE)[1])
        for seed in (0, 0, 1)
    ]
    assert held[0] == held[1] != held[2]
    first = splitting.hash_permutation(["a/1.png", "a/2.png", "b/1.png", "b/2.png"], seed=0)
    assert first.tolist() == [3, 0, 2, 1]  # on every machine


def test_the_order_is_that_of_the_names_digests():
    names = [str(number) for number in range(5000)]
    digests = [hashlib.sha256(f"7 {name}".encode()).digest() for name in names]
    assert splitting.hash_permutation(iter(names), seed=7).tolist() == sorted(range(5000), key=digests.__getitem__)


@pytest.mark.parametrize("order", [[5, 0, 99, 3, 4], [], list(range(99, -1, -1))])
def test_a_subset_is_read_in_its_own_order(tmp_path, order):
    images = np.arange(100 * 6, dtype=np.uint16).astype(np.uint8).reshape(100, 2, 3)
    np.save(tmp_path / "images.npy", images)
    subset = splitting.Subset(np.lib.format.open_memmap(tmp_path / "images.npy", mode="r"), np.array(order, np.int64))
    assert subset.shape == (len(order), 2, 3)
    np.testing.assert_array_equal(subset[1:4], images[order[1:4]])


def test_an_added_picture_leaves_almost_all_others_where_they_are():
    before = splitting.stratified_split(splitting.hash_permutation(NAMES, 0), LABELS, 0.2, CLASSES, SOURCE)[1]
    names, labels = [*NAMES, "a/new.png"], [*LABELS, 0]
    after = splitting.stratified_split(splitting.hash_permutation(names, 0), np.array(labels), 0.2, CLASSES, SOURCE)[1]
    assert len({*after} ^ {*before}) <= 2


def test_a_class_with_one_picture_cannot_be_split():
    with pytest.raises(InputError, match=re.escape("mine: expected two images of each class") + ".*received one of b"):
        splitting.stratified_split(np.arange(3), np.array([0, 0, 1]), 0.2, ["a", "b"], SOURCE)
