"""Keys of an .npz file: Keras's, other usual ones, and those that leave doubt."""

from pathlib import Path

import numpy as np
import pytest

from stages.images import arrays
from tests import own, tiny

OUTPUT = Path("data/processed/own")
FILE = Path("mine.npz")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def parts():
    """Return images and labels of 60, 20 and 30 digits."""
    return [array for count, seed in ((60, 1), (20, 2), (30, 3)) for array in tiny.digits(count, seed)]


def make(keys, text="npz:\n"):
    np.savez(FILE, **dict(zip(keys, parts(), strict=False)))
    return own.make(text, FILE)


NAMES = [
    ("X_train", "Y_train", "X_test", "Y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_x", "train_y", "test_x", "test_y"),
    ("trainX", "trainY", "testX", "testY"),
    ("xtrain", "ytrain", "xtest", "ytest"),
    ("training_data", "training_targets", "testing_data", "testing_targets"),
    ("train/images", "train/labels", "test/images", "test/labels"),
    ("images_train", "label_train", "images_test", "label_test"),
    ("train_set_x", "train_set_y", "test_set_x", "test_set_y"),
    ("TRAIN_IMAGES", "TRAIN_LABELS", "TEST_IMAGES", "TEST_LABELS"),
    ("train.features", "train.target", "test.features", "test.target"),
    ("X_tr", "y_tr", "X_te", "y_te"),
]


@pytest.mark.parametrize("keys", NAMES)
def test_usual_names_are_known_and_told(keys):
    result = make(keys)
    assert result.exit_code == 0, result.output
    images, labels, *_ = parts()
    read, read_labels = arrays.read_split(OUTPUT, "train")
    np.testing.assert_array_equal(read[..., 0], images)
    np.testing.assert_array_equal(read_labels, labels)
    assert arrays.read_info(OUTPUT).test.images == 20
    assert f"mine.npz: read {keys[0]} as train images, {keys[1]} as train labels, {keys[2]} as test" in result.stderr


@pytest.mark.parametrize(
    "keys", [("images", "labels"), ("X", "y"), ("data", "target"), ("image", "label"), ("arr_0", "arr_1"), ("a", "b")]
)
def test_a_file_without_splits_is_split(keys):
    result = make(keys)
    assert result.exit_code == 0, result.output
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images) == (50, 10)  # a fifth of each class, tiny has classes of six
    assert f"mine.npz: read {keys[0]} as train images, {keys[1]} as train labels" in result.stderr


def test_labels_before_images_are_told_apart_by_their_dimensions():
    images, labels, *_ = parts()
    np.savez(FILE, labels, images)
    assert own.make("npz:\n", FILE).exit_code == 0


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_test", "y_test", "x_val", "y_val"),
        ("train_images", "train_labels", "test_images", "test_labels", "val_images", "val_labels"),  # MedMNIST
        ("X_train", "y_train", "X_test", "y_test", "X_valid", "y_valid"),
    ],
)
def test_validation_images_are_a_split_of_their_own(keys):
    result = make(keys)
    assert result.exit_code == 0, result.output
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images, info.validation.images) == (60, 20, 30)


def test_validation_images_without_test_images_stay_apart():
    result = make(("x_train", "y_train", "x_val", "y_val"))
    assert result.exit_code == 0, result.output
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images, info.validation.images) == (50, 10, 20)
    assert "no test images: 10 of the training images are held out as such; the validation images" in result.stderr


def test_test_images_that_the_dataset_file_does_not_name_are_read():
    text = "npz: {train_images: X, train_labels: y}\n"
    result = make(("X", "y", "X_test", "y_test"), text)
    assert result.exit_code == 0, result.output
    assert arrays.read_info(OUTPUT).test.images == 20
    assert "read X_test as test images" in result.stderr


@pytest.mark.parametrize(
    ("keys", "left_out"),
    [
        (
            ("x_train", "y_train", "holdout", "holdout_answers"),
            "warning: mine.npz: left out holdout (20, 28, 28), hold",
        ),
        (
            ("x_train", "y_train", "x_extra", "y_extra"),
            "warning: mine.npz: left out x_extra (20, 28, 28), y_extra (20,",
        ),
    ],
)
def test_arrays_of_unknown_names_are_told(keys, left_out):
    result = make(keys)
    assert result.exit_code == 0, result.output
    assert left_out in result.stderr


def test_names_of_classes_are_no_labels():
    images, labels, *_ = parts()
    np.savez(FILE, images=images, labels=labels, label_names=np.array(list("abcdefghij")), class_names=np.zeros(3))
    result = own.make("npz:\n", FILE)
    assert result.exit_code == 0, result.output
    assert "mine.npz: left out class_names (3,), label_names (10,)\n" in result.stderr
    assert "warning" not in result.stderr


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            ("train_images", "train_labels", "images_train"),
            "expected one array of train images, received images_train, tr",
        ),
        (("images", "labels", "data"), "expected one array of train images, received data, images; name the keys"),
        (("arr_0",), "x_train: expected an array of this key, received arr_0; name the keys under `npz`"),
        (("arr_0", "arr_1", "arr_2", "arr_3"), "x_train: expected an array of this key, received arr_0, arr_1"),
        (("x_train",), "y_train: expected an array of this key, received x_train"),
        (("X_train", "y_train", "X_test"), "y_test: expected an array of this key, received X_test, X_train, y_train"),
        (("x_train", "y_train", "x_val"), "y_val: expected an array of this key, received x_train, x_val, y_train"),
    ],
)
def test_names_in_doubt_are_refused(keys, expected):
    [line] = own.errors(make(keys))
    assert line.startswith("mine.npz")
    assert expected in line


def test_images_without_labels_may_be_left_out_of_the_file():
    [line] = own.errors(make(("X_train", "y_train", "X_test")))
    assert line.endswith("; name the keys under `npz` in the dataset's file, or leave X_test out of the file")


def test_a_named_key_must_be_there():
    [line] = own.errors(make(("X_train", "y_train"), "npz: {train_images: x}\n"))
    assert line.startswith("mine.npz: x: expected an array of this key, received X_train, y_train")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            ("y_train", "x_train"),
            "mine.npz: y_train: expected labels, received the shape (60, 28, 28), as of images; swap",
        ),
        (
            ("x_train", "y_test", "x_test", "y_train"),
            "mine.npz: y_train: expected 60 labels, one for each image, received 20",
        ),
    ],
)
def test_swapped_arrays_are_named(keys, expected):
    [line] = own.errors(make(keys))
    assert line.startswith(expected)
