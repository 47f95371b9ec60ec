import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from stages.errors import InputError
from stages.images import splitting

CLASSES = ["a", "b", "c"]
NAMES = [f"{CLASSES[number % 3]}/{number}.png" for number in range(300)]
LABELS = np.arange(300) % 3
SOURCE = Path("mine")


def test_the_same_share_of_each_class_is_held_out():
    labels = np.repeat([0, 1, 2], [100, 10, 2])
    order = splitting.mix([str(number) for number in range(112)], seed=0)
    train, test = splitting.hold_out(order, labels, 0.2, CLASSES, SOURCE)
    assert ([80, 8, 1], [20, 2, 1]) == (np.bincount(labels[train]).tolist(), np.bincount(labels[test]).tolist())
    assert list(range(112)) == sorted([*train, *test])


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_each_class_is_in_both_parts(fraction):
    order = splitting.mix(NAMES, seed=0)
    for part in splitting.hold_out(order, LABELS, fraction, CLASSES, SOURCE):
        assert np.bincount(LABELS[part]).min() >= 1


def test_the_choice_follows_from_names_and_seed():
    held = [set(splitting.hold_out(splitting.mix(NAMES, seed), LABELS, 0.2, CLASSES, SOURCE)[1]) for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]
    first = splitting.mix(["a/1.png", "a/2.png", "b/1.png", "b/2.png"], seed=0)
    assert [3, 0, 2, 1] == first.tolist()  # whatever the machine


def test_the_order_is_that_of_the_names_digests():
    names = [str(number) for number in range(5000)]
    digests = [hashlib.sha256(f"7 {name}".encode()).digest() for name in names]
    assert sorted(range(5000), key=digests.__getitem__) == splitting.mix(iter(names), seed=7).tolist()


@pytest.mark.parametrize("order", [[5, 0, 99, 3, 4], [], list(range(99, -1, -1))])
def test_chosen_images_are_read_in_their_order(tmp_path, order):
    images = np.arange(100 * 6, dtype=np.uint16).astype(np.uint8).reshape(100, 2, 3)
    np.save(tmp_path / "images.npy", images)
    chosen = splitting.Chosen(np.lib.format.open_memmap(tmp_path / "images.npy", mode="r"), np.array(order, np.int64))
    assert (len(order), 2, 3) == chosen.shape
    np.testing.assert_array_equal(images[order[1:4]], chosen[1:4])


def test_an_added_picture_leaves_almost_all_others_where_they_are():
    before = splitting.hold_out(splitting.mix(NAMES, 0), LABELS, 0.2, CLASSES, SOURCE)[1]
    names, labels = [*NAMES, "a/new.png"], [*LABELS, 0]
    after = splitting.hold_out(splitting.mix(names, 0), np.array(labels), 0.2, CLASSES, SOURCE)[1]
    assert len({*after} ^ {*before}) <= 2


def test_a_class_with_one_picture_cannot_be_split():
    with pytest.raises(InputError, match=re.escape("mine: expected two images of each class") + ".*received one of b"):
        splitting.hold_out(np.arange(3), np.array([0, 0, 1]), 0.2, ["a", "b"], SOURCE)
