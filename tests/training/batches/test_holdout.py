import random
from pathlib import Path

import numpy as np
import pytest

from stages.common.errors import InputError
from stages.images import arrays
from stages.images.arrays import Images
from stages.images.rows import FileRows
from stages.model.recipe import Recipe
from stages.training.batches import holdout
from stages.training.batches.holdout import Examples
from tests import tiny

DATA = Path("data/processed/tiny")

pytestmark = pytest.mark.usefixtures("preprocessed")


def load(validation: str | int, on_disk: bool = False) -> tuple[Examples, Examples | None]:
    text = tiny.RECIPE.replace("validation: none", f"validation: {validation}")
    return holdout.load_examples(DATA, Recipe.parse(text, Path("recipes/mlp.yaml")), on_disk)


def contents(images: Images) -> list[bytes]:
    return [image.tobytes() for image in images]


def test_without_validation_all_training_images_are_trained_on():
    (images, labels), validation = load("none")

    assert (len(images), len(labels), validation) == (200, 200, None)


def test_validation_on_the_test_images_leaves_the_training_images_whole():
    (images, _), validation = load("test")

    assert validation is not None
    assert len(images) == 200
    for expected, actual in zip(arrays.read_split(DATA, "test"), validation, strict=True):
        assert np.array_equal(actual, expected)


def test_held_out_images_are_not_trained_on_and_keep_their_labels():
    images, labels = arrays.read_split(DATA, "train")
    whole = dict(zip(contents(images), labels, strict=True))
    train, held_out = load(30)

    assert held_out is not None
    assert (len(train[0]), len(held_out[0])) == (170, 30)
    assert set(contents(train[0])) | set(contents(held_out[0])) == whole.keys()
    for images, labels in (train, held_out):
        assert [whole[content] for content in contents(images)] == labels.tolist()


@pytest.mark.parametrize("validation", ["none", "test", 30])
def test_many_images_stay_on_the_disk(validation, monkeypatch):
    expected = load(validation)
    monkeypatch.setattr(holdout, "MAX_BYTES_IN_MEMORY", 1000)
    actual = load(validation)

    assert_on_disk(expected, actual)


@pytest.mark.parametrize("validation", ["none", "test", 30])
def test_a_worker_leaves_few_images_on_the_disk_too(validation):
    assert_on_disk(load(validation), load(validation, on_disk=True))


def assert_on_disk(expected: tuple[Examples, Examples | None], actual: tuple[Examples, Examples | None]) -> None:
    """Check that the actual examples are the expected ones, their images in files."""
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
        validation = load(30)[1]
        assert validation is not None
        held_out.append(contents(validation[0]))

    assert held_out[0] == held_out[1]


def test_held_out_images_are_chosen_at_random():
    validation = load(30)[1]
    whole = contents(arrays.read_split(DATA, "train")[0])

    assert validation is not None
    assert contents(validation[0]) not in (whole[:30], whole[-30:])


@pytest.mark.parametrize("validation", [200, 201])
def test_more_cannot_be_held_out_than_there_is(validation: int):
    expected = "recipes/mlp.yaml: training.validation: expected fewer than the 200 training images, received"
    with pytest.raises(InputError, match=f"{expected} {validation}; hold out fewer"):
        load(validation)
