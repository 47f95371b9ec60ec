import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.images import arrays
from tests import own, tiny

OUTPUT = Path("data/processed/own")
FILE = Path("mine.npz")


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """Arrays with the keys of Keras's mnist.npz."""
    monkeypatch.chdir(tmp_path)
    train, test = tiny.digits(60, seed=1), tiny.digits(20, seed=2)
    return {"x_train": train[0], "y_train": train[1], "x_test": test[0], "y_test": test[1]}


def contents():
    return {path.name: path.read_bytes() for path in OUTPUT.iterdir()}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_kerass_own_keys_need_not_be_named(mine, save):
    save(FILE, **mine)
    result = own.make("npz:\n", FILE)
    assert result.exit_code == 0, result.output
    info = arrays.read_info(OUTPUT)
    assert (info.classes, info.image_shape) == (list("0123456789"), (28, 28, 1))
    for split in arrays.SPLITS:
        images, labels = arrays.read_split(OUTPUT, split)
        np.testing.assert_array_equal(images[..., 0], mine[f"x_{split}"])
        np.testing.assert_array_equal(labels, mine[f"y_{split}"])


def test_arrays_in_colour_with_keys_and_classes_of_their_own(mine):
    images = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (40, 5, 7, 3), dtype=np.uint8)
    labels = np.arange(40, dtype=np.int64)[:, np.newaxis] % 2  # as Keras's CIFAR-10 has them
    np.savez(FILE, pictures=np.asfortranarray(images), kinds=labels)
    text = "npz: {train_images: pictures, train_labels: kinds}\nclasses: [cat, dog]\ntest_fraction: 0.25\n"
    assert own.make(text, FILE).exit_code == 0
    info = arrays.read_info(OUTPUT)
    assert (info.classes, info.image_shape) == (["cat", "dog"], (5, 7, 3))
    assert (info.train.images_per_class, info.test.images_per_class) == ([15, 15], [5, 5])
    originals = {image.tobytes(): int(label) for image, label in zip(images, labels[:, 0], strict=True)}
    both = [zip(*arrays.read_split(OUTPUT, split), strict=True) for split in arrays.SPLITS]
    assert {image.tobytes(): int(label) for pairs in both for image, label in pairs} == originals
    first = contents()
    assert own.make(text, FILE).exit_code == 0
    assert contents() == first
    assert own.make(f"{text}split_seed: 1\n", FILE).exit_code == 0
    assert first != contents()


def without(*keys):
    return lambda arrays: {key: array for key, array in arrays.items() if key not in keys}


def replaced(key, change):
    return lambda arrays: arrays | {key: change(arrays[key])}


WRONG = {
    "key missing": (without("y_train"), "y_train: expected an array of this key, received x_test, x_train, y_test"),
    "half a test split": (without("y_test"), "y_test: expected an array of this key, received x_test, x_train"),
    "floats": (replaced("x_train", lambda x: x / 255), "x_train: expected pixels 0…255 as uint8, received float64"),
    "flat": (replaced("x_train", lambda x: x.reshape(60, 784)), "x_train: expected images of the shape (number, "),
    "four channels": (replaced("x_train", lambda x: np.stack([x] * 4, 3)), "received (60, 28, 28, 4)"),
    "no images": (replaced("x_test", lambda x: x[:0]), "x_test: expected images of the shape"),
    "float labels": (replaced("y_test", lambda y: y / 1.0), "y_test: expected labels as integers"),
    "one-hot labels": (replaced("y_test", lambda y: np.eye(10, dtype=int)[y]), "20 labels, one for each image, rec"),
    "too few labels": (replaced("y_train", lambda y: y[1:]), "60 labels, one for each image, received the shape (59,)"),
    "names as labels": (replaced("y_test", lambda y: y.astype(str)), "y_test: expected labels as integers"),
    "objects": (replaced("y_test", lambda y: y.astype(object)), "y_test: expected an array of numbers"),
    "negative label": (replaced("y_test", lambda y: y.astype(int) - 1), "y_test: expected labels below 10"),
    "label outside": (replaced("y_train", lambda y: y + np.uint8(1)), "received the label 10"),
    "other size": (replaced("x_test", lambda x: x[:, 1:]), "x_test: expected images of (28, 28) like the training"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arrays_give_one_line_and_leave_what_stood_there(mine, case):
    np.savez(FILE, **mine)
    classes = "classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']\n"
    assert own.make(f"npz:\n{classes}", FILE).exit_code == 0
    before = contents()
    change, expected = WRONG[case]
    np.savez(FILE, **change(mine))
    [line] = own.errors(own.make(f"npz:\n{classes}", FILE))
    assert line.startswith("mine.npz: ")
    assert expected in line
    assert contents() == before
    assert list(OUTPUT.parent.iterdir()) == [OUTPUT]


def cut():
    FILE.write_bytes(FILE.read_bytes()[:-100])


def damage():
    content = bytearray(FILE.read_bytes())
    content[5000] ^= 255
    FILE.write_bytes(content)


def no_array():
    with zipfile.ZipFile(FILE, "w") as archive:
        for key in ("x_train", "y_train"):
            archive.writestr(f"{key}.npy", "no array")


def encrypt():
    """Mark each array as encrypted, where the archive's two headers say so."""
    content = bytearray(FILE.read_bytes())
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        for found in re.finditer(re.escape(header), bytes(content)):
            content[found.start() + flags] |= 1
    FILE.write_bytes(content)


def other_names():
    with zipfile.ZipFile(FILE, "w") as archive:
        for key in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(key, "an array")


DAMAGE = {
    "missing": (FILE.unlink, "expected an .npz file, received none"),
    "cut": (cut, "expected a whole .npz file, received File is not a zip file"),
    "damaged": (damage, "expected a whole .npz file, received Bad CRC-32"),
    "no array": (no_array, "x_train: expected an array of numbers"),
    "encrypted": (encrypt, "expected a whole .npz file, received File 'x_train.npy' is encrypted"),
    "names without .npy": (other_names, "x_train: expected an array of this key, received none"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_gives_one_line(mine, case):
    np.savez(FILE, **mine)
    spoil, expected = DAMAGE[case]
    spoil()
    [line] = own.errors(own.make("npz:\n", FILE))
    assert line.startswith("mine.npz: ")
    assert expected in line


def test_a_test_split_that_is_named_must_be_there(mine):
    np.savez(FILE, **without("x_test", "y_test")(mine))
    [line] = own.errors(own.make("npz: {test_images: x_test}\n", FILE))
    assert "mine.npz: x_test: expected an array of this key" in line
    [line] = own.errors(own.make("npz:\nclasses: [a, b, c, d, e, f, g, h, i, j, k]\n", FILE))
    assert "expected images of every class to train on, received none of k" in line


def test_one_label_is_too_few(mine):
    np.savez(FILE, **replaced("y_train", lambda y: 0 * y)(without("x_test", "y_test")(mine)))
    [line] = own.errors(own.make("npz:\n", FILE))
    assert "expected images of every class to train on, received none of 1" in line


def test_keys_may_be_paths_with_the_same_last_part(mine):
    names = {"x_train": "train/x", "y_train": "train/y", "x_test": "test/x", "y_test": "test/y"}
    np.savez(FILE, **{names[key]: array for key, array in mine.items()})
    keys = "{train_images: train/x, train_labels: train/y, test_images: test/x, test_labels: test/y}"
    result = own.make(f"npz: {keys}\n", FILE)
    assert result.exit_code == 0, result.output
    for split in arrays.SPLITS:
        images, labels = arrays.read_split(OUTPUT, split)
        np.testing.assert_array_equal(images[..., 0], mine[f"x_{split}"])
        np.testing.assert_array_equal(labels, mine[f"y_{split}"])


@pytest.mark.parametrize("keys", [("x_train", "y_train", "x_test", "y_test"), ("x_train", "y_train")])
def test_labels_may_be_uint64(mine, keys):
    np.savez(FILE, **{key: mine[key].astype(np.uint64 if key[0] == "y" else np.uint8) for key in keys})
    result = own.make("npz:\n", FILE)
    assert result.exit_code == 0, result.output
    _, labels = arrays.read_split(OUTPUT, "train")
    assert set(labels.tolist()) == set(range(10))
