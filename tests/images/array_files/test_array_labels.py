"""Labels of an .npz file: whole numbers, names, one-hot rows."""

from pathlib import Path

import numpy as np
import pytest

from stages.images import arrays
from tests import own

OUTPUT = Path("data/processed/own")
FILE = Path("mine.npz")
LABELS = np.arange(12) % 3
IMAGES = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (12, 8, 8), dtype=np.uint8)
NAMES = np.array(["cat", "dog", "owl"])
CLASSES = "npz:\nclasses: [cat, dog, owl]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(labels, text="npz:\n", test=None):
    test = labels if test is None else test
    np.savez(FILE, x_train=IMAGES, y_train=labels, x_test=IMAGES, y_test=test)
    return own.make(text, FILE)


def one_hot(dtype):
    return np.eye(3, dtype=dtype)[LABELS]


READ = {
    "uint8": (LABELS.astype(np.uint8), ["0", "1", "2"], ""),
    "int64, big-endian": (LABELS.astype(">i8"), ["0", "1", "2"], ""),
    "a column": (LABELS[:, np.newaxis], ["0", "1", "2"], ""),
    "a row": (LABELS[np.newaxis], ["0", "1", "2"], ""),
    "floats": (LABELS.astype(np.float32), ["0", "1", "2"], "y_train: float32 labels read as whole numbers"),
    "a column of floats": (LABELS[:, np.newaxis] * 1.0, ["0", "1", "2"], "float64 labels read as whole numbers"),
    "one-hot floats": (one_hot(np.float64), ["0", "1", "2"], "y_train: one-hot rows of 3 classes"),
    "one-hot uint8": (one_hot(np.uint8), ["0", "1", "2"], "y_train: one-hot rows of 3 classes"),
    "one-hot bool": (one_hot(np.bool_), ["0", "1", "2"], "y_train: one-hot rows of 3 classes"),
    "one-hot in Fortran order": (np.asfortranarray(one_hot(np.float32)), ["0", "1", "2"], "y_train: one-hot rows"),
    "names": (NAMES[LABELS], ["cat", "dog", "owl"], "y_train: labels are names of classes"),
    "names in a column": (NAMES[LABELS][:, np.newaxis], ["cat", "dog", "owl"], "labels are names of classes"),
    "names as bytes": (NAMES[LABELS].astype(bytes), ["cat", "dog", "owl"], "labels are names of classes"),
    "numbers as text": (LABELS.astype(str), ["0", "1", "2"], ""),
    "numbers as text with a point": (np.array(["0.0", "1.0", "2.0"])[LABELS], ["0", "1", "2"], ""),
    "float16": (LABELS.astype(np.float16), ["0", "1", "2"], "y_train: float16 labels read as whole numbers"),
    "uint64": (LABELS.astype(np.uint64), ["0", "1", "2"], ""),
    "names in two forms of Unicode": (
        np.where(np.arange(12) == 3, "cafe\u0301", np.array(["caf\u00e9", "dog", "owl"])[LABELS]),
        ["caf\u00e9", "dog", "owl"],
        "labels are names",
    ),
    "names with blanks": (np.array([" cat", "dog ", "owl"])[LABELS], ["cat", "dog", "owl"], "labels are names"),
    "names in bytes of UTF-8": (
        np.array([name.encode() for name in ("café", "dog", "owl")])[LABELS], ["café", "dog", "owl"], "labels are nam",
    ),
    "from 1": (LABELS + 1, ["1", "2", "3"], "y_train: labels 1…3 become 3 classes, named by their numbers"),
    "from 1 as text": ((LABELS + 1).astype(str), ["1", "2", "3"], "labels 1…3 become 3 classes"),
    "gaps": (np.array([0, 3, 8])[LABELS], ["0", "3", "8"], "labels 0, 3, 8 become 3 classes, named by their numbers"),
    "10 after 9": (np.array([9, 10, 100])[LABELS].astype(str), ["9", "10", "100"], "labels 9, 10, 100 become 3 cla"),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_labels_of_which_there_is_no_doubt_are_converted_and_told(case):
    labels, classes, told = READ[case]
    result = make(labels)
    assert result.exit_code == 0, result.output
    assert arrays.read_info(OUTPUT).classes == classes
    for split in arrays.SPLITS:
        np.testing.assert_array_equal(arrays.read_split(OUTPUT, split)[1], LABELS)
    assert told in result.stderr
    assert bool(told) == ("mine.npz: y_train: " in result.stderr)


@pytest.mark.parametrize("labels", [LABELS % 2 == 1, (LABELS % 2 == 1)[:, np.newaxis], LABELS % 2 * 1.0])
def test_two_classes_may_be_bool(labels):
    assert make(labels).exit_code == 0
    assert arrays.read_info(OUTPUT).classes == ["0", "1"]
    np.testing.assert_array_equal(arrays.read_split(OUTPUT, "train")[1], LABELS % 2)


def test_minus_1_and_1_are_two_classes():
    result = make(LABELS % 2 * 2 - 1)
    assert result.exit_code == 0, result.output
    assert arrays.read_info(OUTPUT).classes == ["-1", "1"]
    np.testing.assert_array_equal(arrays.read_split(OUTPUT, "train")[1], LABELS % 2)
    assert "labels -1, 1 become 2 classes, named by their numbers" in result.stderr


NAMED = {
    "from 0": (LABELS, CLASSES, LABELS, ""),
    "from 1": (LABELS + 1, CLASSES, LABELS, "y_train: labels start at 1: 1 is cat, 3 is owl"),
    "from 1 as floats": (LABELS + 1.0, CLASSES, LABELS, "labels start at 1: 1 is cat, 3 is owl"),
    "names": (NAMES[LABELS], CLASSES, LABELS, "labels are names of classes"),
    "names in another order": (NAMES[LABELS], "npz:\nclasses: [owl, cat, dog]\n", (LABELS + 1) % 3, "are names of cla"),
    "names in another form of Unicode": (
        np.array(["cafe\u0301", "caf\u00e9", "owl"])[LABELS], "npz:\nclasses: [cafe\u0301, owl]\n",
        np.array([0, 0, 1])[LABELS], "are names of classes",
    ),
    "one-hot": (one_hot(float), CLASSES, LABELS, "one-hot rows of 3 classes"),
    "numbers that are the names": (
        np.array([3, 8, 5])[LABELS], "npz:\nclasses: ['3', '8', '5']\n", LABELS,
        "y_train: labels 3, 5, 8 are the names of the classes in datasets/own.yaml",
    ),
    "numbers from 1 that are the names": (LABELS + 1, "npz:\nclasses: ['3', '2', '1']\n", 2 - LABELS, "are the names"),
    "numbers that are names in any order": (LABELS, "npz:\nclasses: ['2', '1', '0']\n", 2 - LABELS, "are the names"),
    "numbers as text": ((LABELS + 1).astype(str), CLASSES, LABELS, "labels start at 1: 1 is cat, 3 is owl"),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_labels_of_named_classes_are_converted_and_told(case):
    labels, text, expected, told = NAMED[case]
    result = make(labels, text)
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(arrays.read_split(OUTPUT, "train")[1], expected)
    assert told in result.stderr
    assert bool(told) == ("mine.npz: y_train: " in result.stderr)


REFUSED = {
    "labels far apart": (LABELS * 2**61, CLASSES, "received the label 4611686018427387904 among 0, 230584300921369"),
    "columns of a thousand classes": (
        np.eye(1000)[LABELS], "npz:\n", "expected one-hot rows of 2…256 classes, received 1000 columns; check that",
    ),
    "room for thousands of characters": (
        NAMES[LABELS].astype("U5000"), "npz:\n",
        "expected names of at most 1024 characters, received an array with room for 5000 in each; check that these are",
    ),
    "several ones in a row": (
        np.maximum(one_hot(int), np.eye(3, dtype=int)[0]), "npz:\n",
        "expected one-hot rows, each with a single 1, received several ones in row 1 and 7 more; save one label for",
    ),
    "no one in a row": (one_hot(int) * [1, 1, 0], "npz:\n", "received none in row 2 and 3 more"),
    "one row without a one": (one_hot(int) * (np.arange(12) != 5)[:, None], "npz:\n", "received none in row 5; save"),
    "an index beside the label": (
        np.column_stack([LABELS + 7, LABELS]), "npz:\n", "received other numbers than 0 and 1 in row 0 and 11 more",
    ),
    "probabilities": (
        one_hot(float) * 0.7 + 0.1, "npz:\n",
        "expected one-hot rows, each with a single 1, received other numbers than 0 and 1 in row 0 and 11 more; save",
    ),
    "NaN in one-hot rows": (np.where(one_hot(bool), np.nan, 0), "npz:\n", "expected one-hot rows"),
    "one-hot of text": (one_hot(int).astype(str), "npz:\n", "expected labels as whole numbers or names, received <U"),
    "classes in rows": (one_hot(int).T, "npz:\n", "12 labels, one for each image, received the shape (3, 12)"),
    "measurements": (LABELS + 0.5, "npz:\n", "expected labels as whole numbers or names, received 0.5"),
    "NaN": (np.where(LABELS == 1, np.nan, LABELS), "npz:\n", "expected labels as whole numbers or names, received nan"),
    "too large for a class": (np.where(LABELS == 1, 2.0**70, LABELS), "npz:\n", "or names, received 1.18059e+21; numb"),
    "too large a whole number": (np.where(LABELS == 1, 2**63 + 5, LABELS).astype(np.uint64), "npz:\n", "9.22337e+18"),
    "bytes of Windows": (
        np.array([b"caf\xe9", b"dog", b"owl"])[LABELS], "npz:\n",
        r"expected names of classes in UTF-8, received b'caf\xe9'; save the labels as text: numpy.array(labels, dtype="
    ),
    "names of two lines": (
        np.array(["a\nb", "dog", "owl"])[LABELS], "npz:\n",
        r"expected names of one line of text, received 'a\nb'; remove these characters from the labels",
    ),
    "two forms of a number": (np.array(["0", "0.0", "1"])[LABELS], "npz:\n", "one name for each class, received '0' a"),
    "unlabelled as text": ((LABELS - 1).astype(str), "npz:\n", "expected labels from 0, received the label -1; leave"),
    "unlabelled": (LABELS - 1, "npz:\n", "expected labels from 0, received the label -1; leave these images out"),
    "one class": (LABELS * 0 + 5, "npz:\n", "expected labels of 2…256 classes, received 1 (5)"),
    "one name": (NAMES[LABELS * 0], "npz:\n", "expected labels of 2…256 classes, received 1 (cat)"),
    "names that are alike": (np.array(["cat", "Cat", "dog"])[LABELS], "npz:\n",
        "expected one name for each class, received 'Cat' and 'cat'; fix it, or list the classes in datasets/ow"),
    "an empty name": (np.array(["cat", "", "dog"])[LABELS], "npz:\n", "a name of a class for each image, received ''"),
    "nan as text": (np.array(["cat", "nan", "dog"])[LABELS], "npz:\n", "received 'nan'; leave these images out"),
    "another name": (np.array(["cat", "dgo", "owl"])[LABELS], CLASSES,
        "expected a class that datasets/own.yaml lists (did you mean 'dog'?), received 'dgo'"),
    "a label beyond": (LABELS * 2, CLASSES, "expected labels below 3, the number of classes in datasets/own.yaml, "
        "received the label 4 among 0, 2, 4; fix datasets/own.yaml, or number the classes from 0"),
    "from 2": (LABELS + 2, CLASSES, "received the label 4 among 2…4"),
    "negative": (LABELS - 1, CLASSES, "received the label -1 among -1…1"),
    "too many columns": (np.eye(5)[LABELS], CLASSES, "expected a column for each of the 3 classes that "
        "datasets/own.yaml lists, received 5 columns"),
    "dates": (np.array(LABELS, "datetime64[D]"), "npz:\n", "expected labels as whole numbers or names, received date"),
    "too few": (LABELS[:-1], "npz:\n", "expected 12 labels, one for each image, received the shape (11,)"),
    "too many": (np.arange(13) % 3, "npz:\n", "expected 12 labels, one for each image, received the shape (13,)"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_labels_in_doubt_are_refused_with_the_likely_cause(case):
    labels, text, expected = REFUSED[case]
    [line] = own.errors(make(labels, text))
    assert line.startswith("mine.npz: y_train: ")
    assert expected in line


def test_a_number_that_fills_the_text_is_a_name():
    labels = np.array(["9" * 30, "dog", "owl"])[LABELS]
    assert make(labels).exit_code == 0
    numbers = np.array(["9" * 30, "1", "2"])[LABELS]
    assert make(numbers).exit_code == 0
    assert arrays.read_info(OUTPUT).classes == ["1", "2", "9" * 30]


def test_more_than_256_numbers_are_no_classes():
    images = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (600, 8, 8), dtype=np.uint8)
    np.savez(FILE, x_train=images, y_train=np.arange(600) // 2)
    [line] = own.errors(own.make("npz:\n", FILE))
    assert "expected labels of 2…256 classes, received 300 (0, 1, 2, 3, 4 and 295 more)" in line


def test_labels_of_all_splits_are_looked_at_together():
    result = make(LABELS + 1, CLASSES, test=np.ones(12, int))
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(arrays.read_split(OUTPUT, "test")[1], np.zeros(12))
    [line] = own.errors(make(LABELS + 1, CLASSES, test=LABELS))
    assert line.startswith("mine.npz: y_train: expected labels below 3")


def test_a_class_of_the_test_images_alone_is_refused():
    [line] = own.errors(make(LABELS, test=LABELS + 1))
    assert "expected images of every class to train on, received none of class 3" in line
    [line] = own.errors(make(np.eye(4)[LABELS]))
    assert "expected images of every class to train on, received none of class 3" in line


def test_splits_may_differ_in_the_kind_of_labels():
    assert make(LABELS, test=one_hot(float)).exit_code == 0
    assert make(LABELS, test=LABELS.astype(str)).exit_code == 0
    np.testing.assert_array_equal(arrays.read_split(OUTPUT, "test")[1], LABELS)
    [line] = own.errors(make(NAMES[LABELS], test=LABELS))
    assert line.startswith("mine.npz: y_test: expected names of classes like those of mine.npz: y_train, received num")
