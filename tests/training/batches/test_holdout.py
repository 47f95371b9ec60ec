import random
from collections.abc import Callable
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
from tests import own, tiny

DATA = Path("data/processed/tiny")


@pytest.fixture(autouse=True)
def in_project(preprocessed: Path) -> None: ...


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


@pytest.fixture
def own_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that preprocesses forty pictures of noise in two classes, each four times; returns nothing."""
    monkeypatch.chdir(tmp_path)

    def make(text: str, copies: int = 4) -> None:
        for index in range(40):
            for copy in range(copies):
                path = Path(f"mine/{'ab'[index % 2]}/p{index // 4}_{index}_{copy}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                own.picture("red", index, (16, 16)).save(path)
        result = own.make(text)
        assert result.exit_code == 0, result.output

    return make


def hold_out(count: int) -> tuple[Examples, Examples]:
    text = tiny.RECIPE.replace("validation: none", f"validation: {count}")
    train, held_out = holdout.load_examples(Path("data/processed/own"), Recipe.parse(text, Path("recipes/mlp.yaml")))
    assert held_out is not None
    return train, held_out


def test_copies_are_held_out_together(own_pictures, caplog):
    own_pictures("folder:\n")
    caplog.clear()
    (images, labels), (held_out, _) = hold_out(40)
    assert (len(images), len(held_out), len(labels)) == (88, 40, 88)
    assert set(contents(images)) & set(contents(held_out)) == set()
    assert caplog.messages == []
    (images, _), (held_out, _) = hold_out(30)
    assert (len(images), len(held_out)) == (100, 28)
    assert caplog.messages == [
        "warning: recipes/mlp.yaml: training.validation: 28 images held out in place of 30, since copies and groups "
        "stay whole"
    ]
    with pytest.raises(InputError, match="expected a number of images that leaves copies and groups whole, and some"):
        hold_out(3)


def test_groups_are_held_out_together(own_pictures):
    own_pictures("folder: {group: '(p[0-9]+)_'}\n", copies=1)
    numbers = arrays.read_groups(Path("data/processed/own"), 32)
    assert numbers is not None
    assert np.bincount(numbers).tolist() == [4] * 8
    (images, _), (held_out, _) = hold_out(8)
    whole = dict(zip(contents(arrays.read_split(Path("data/processed/own"), "train")[0]), numbers, strict=True))
    train, validation = ({whole[content] for content in contents(some)} for some in (images, held_out))
    assert (len(train), len(validation), train & validation) == (6, 2, set())


def test_a_class_is_never_held_out_whole():
    labels, groups = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 1, 2, 3, 4, 4])
    is_held_out = holdout._hold_out_groups(np.array([4, 5, 0, 1, 2, 3]), labels, groups, 5)
    assert is_held_out.tolist() == [True, True, True, False, False, False]


def test_images_of_their_own_have_no_groups(own_pictures):
    own_pictures("folder:\n", copies=1)
    assert not Path("data/processed/own/train_groups.npy").exists()
    assert len(hold_out(5)[1][1]) == 5
