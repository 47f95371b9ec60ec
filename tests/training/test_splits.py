import random
from pathlib import Path

import numpy as np
import pytest

from stages.errors import InputError
from stages.images import arrays
from stages.images.arrays import Images
from stages.images.rows import FileRows
from stages.training import splits

DATA, RECIPE = Path("data/processed/tiny"), Path("recipes/mlp.yaml")

pytestmark = pytest.mark.usefixtures("preprocessed")


def pictures(images: Images) -> list[bytes]:
    return [image.tobytes() for image in images]


def test_without_validation_all_training_images_are_trained_on():
    (images, labels), validation = splits.split(DATA, "none", RECIPE)

    assert (len(images), len(labels), validation) == (200, 200, None)


def test_validation_on_the_test_images_leaves_the_training_images_whole():
    (images, _), validation = splits.split(DATA, "test", RECIPE)

    assert validation is not None
    assert len(images) == 200
    for expected, actual in zip(arrays.read_split(DATA, "test"), validation, strict=True):
        assert np.array_equal(expected, actual)


def test_held_out_images_are_not_trained_on_and_keep_their_labels():
    images, labels = arrays.read_split(DATA, "train")
    whole = dict(zip(pictures(images), labels, strict=True))
    train, held_out = splits.split(DATA, 30, RECIPE)

    assert held_out is not None
    assert (len(train[0]), len(held_out[0])) == (170, 30)
    assert set(pictures(train[0])) | set(pictures(held_out[0])) == whole.keys()
    for images, labels in (train, held_out):
        assert [whole[picture] for picture in pictures(images)] == labels.tolist()


@pytest.mark.parametrize("validation", ["none", "test", 30])
def test_many_images_stay_on_the_disk(validation, monkeypatch):
    expected = splits.split(DATA, validation, RECIPE)
    monkeypatch.setattr(splits, "IN_MEMORY_BYTES", 1000)
    actual = splits.split(DATA, validation, RECIPE)

    assert isinstance(actual[0][0], FileRows)
    for few, many in zip(expected, actual, strict=True):
        assert (few is None) == (many is None)
        if few and many:
            assert isinstance(many[0], FileRows)
            assert np.array_equal(few[0], many[0][:])
            assert np.array_equal(few[1], many[1])


def test_the_same_images_are_held_out_whatever_the_seed():
    held_out = []
    for seed in (0, 1):
        random.seed(seed)
        np.random.seed(seed)
        validation = splits.split(DATA, 30, RECIPE)[1]
        assert validation is not None
        held_out.append(pictures(validation[0]))

    assert held_out[0] == held_out[1]


def test_held_out_images_are_chosen_at_random():
    validation = splits.split(DATA, 30, RECIPE)[1]
    whole = pictures(arrays.read_split(DATA, "train")[0])

    assert validation is not None
    assert pictures(validation[0]) not in (whole[:30], whole[-30:])


@pytest.mark.parametrize("validation", [200, 201])
def test_more_cannot_be_held_out_than_there_is(validation: int):
    expected = "recipes/mlp.yaml: training.validation: expected fewer than the 200 training images, received"
    with pytest.raises(InputError, match=f"{expected} {validation}; hold out fewer"):
        splits.split(DATA, validation, RECIPE)
