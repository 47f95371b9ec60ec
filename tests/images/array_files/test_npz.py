import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.images import arrays, preprocessing
from stages.images.catalog import Dataset
from tests import own, tiny
from tests.damage import damaged, examples, refused_in_one_line

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
    "five dimensions": (
        replaced("x_train", lambda x: x[:, np.newaxis, ..., np.newaxis]),
        "x_train: expected images of the shape (number, height, width), or with 1, 3 or 4 channels behind, "
        "received (60, 1, 28, 28, 1)",
    ),
    "two channels": (replaced("x_train", lambda x: np.stack([x] * 2, 3)), "received (60, 28, 28, 2)"),
    "no images": (replaced("x_test", lambda x: x[:0]), "x_test: expected images of the shape"),
    "too few labels": (replaced("y_train", lambda y: y[1:]), "60 labels, one for each image, received the shape (59,)"),
    "objects": (replaced("y_test", lambda y: y.astype(object)), "y_test: expected an array of numbers"),
    "negative label": (replaced("y_test", lambda y: y.astype(int) - 1), "y_test: expected labels below 10"),
    "label outside": (replaced("y_train", lambda y: y + np.uint8(1)), "received the label 10 among 0…10"),
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


def spoil_packed(method):
    """Pack the arrays in another way, and change what is packed."""

    def spoil():
        with np.load(FILE) as arrays_, zipfile.ZipFile("packed", "w", method) as archive:
            for key, array in arrays_.items():
                with archive.open(f"{key}.npy", "w") as file:
                    np.lib.format.write_array(file, array)
        content = bytearray(Path("packed").read_bytes())
        content[60:100] = b"\xff" * 40
        FILE.write_bytes(content)

    return spoil


def move_the_list_of_files():
    content = bytearray(FILE.read_bytes())
    content[-6:-2] = (2**31).to_bytes(4, "little")
    FILE.write_bytes(content)


def name_in_no_unicode():
    """In the list of files, an archive says that its names are UTF-8."""
    content = bytearray(FILE.read_bytes())
    position = content.rindex(b"PK\1\2")
    content[position + 9] |= 8
    content[position + 46] = 0xFF
    FILE.write_bytes(content)


def one_value_for_labels():
    with np.load(FILE) as arrays_:
        images = arrays_["x_train"]
    np.savez(FILE, images, np.array(5))


DAMAGE = {
    "damaged zlib": (spoil_packed(zipfile.ZIP_DEFLATED), "expected a whole .npz file, received "),
    "damaged bzip2": (spoil_packed(zipfile.ZIP_BZIP2), "expected a whole .npz file, received Invalid data stream"),
    "damaged xz": (spoil_packed(zipfile.ZIP_LZMA), "expected a whole .npz file, received "),
    "a wrong position": (move_the_list_of_files, "expected a whole .npz file, received "),
    "a name in no Unicode": (name_in_no_unicode, "expected a whole .npz file, received 'utf-8' codec can't decode"),
    "two arrays, one of a single value": (one_value_for_labels, "x_train: expected an array of this key"),
    "missing": (FILE.unlink, "expected an .npz file, received none"),
    "cut": (cut, "expected a whole .npz file, received File is not a zip file"),
    "damaged": (damage, "expected a whole .npz file, received Bad CRC-32"),
    "no array": (no_array, "x_train: expected an array of numbers"),
    "encrypted": (encrypt, "expected a whole .npz file, received File 'x_train.npy' is encrypted"),
    "names without .npy": (
        other_names,
        "expected an .npz file, which holds .npy files, received a zip archive of x_train, y_train, x_test and y_test",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_gives_one_line(mine, case):
    np.savez(FILE, **mine)
    spoil, expected = DAMAGE[case]
    spoil()
    [line] = own.errors(own.make("npz:\n", FILE))
    assert line.startswith("mine.npz: ")
    assert expected in line


def test_arrays_that_would_fill_the_disk_are_not_unpacked(mine, monkeypatch):
    np.savez_compressed(FILE, **mine)
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=40_000))
    [line] = own.errors(own.make("npz:\n", FILE))
    assert line == (
        "mine.npz: expected arrays of at most 0.0 MB, which the disk has free for them, received 0.1 MB unpacked; "
        "free some space, or name a smaller file"
    )
    assert not OUTPUT.parent.exists() or not list(OUTPUT.parent.iterdir())


def test_images_too_large_for_the_memory_are_refused(mine):
    np.savez_compressed(FILE, x_train=np.zeros((2, 5000, 5000), np.uint8), y_train=np.array([0, 1]))
    [line] = own.errors(own.make("npz:\n", FILE))
    told = "x_train: expected images of at most 16,777,216 values (height × width × channels), received 5000 × 5000 × 1"
    assert line == f"mine.npz: {told}; make the images smaller"


def test_a_pipe_is_refused_at_once():
    os.mkfifo(FILE)
    [line] = own.errors(own.make("npz:\n", FILE))
    assert line.startswith("mine.npz: expected a file, received a pipe or a device; save its content in a file")


def test_a_test_split_that_is_named_must_be_there(mine):
    np.savez(FILE, **without("x_test", "y_test")(mine))
    [line] = own.errors(own.make("npz: {test_images: x_test}\n", FILE))
    assert "mine.npz: x_test: expected an array of this key" in line
    [line] = own.errors(own.make("npz:\nclasses: [a, b, c, d, e, f, g, h, i, j, k]\n", FILE))
    assert "expected images of every class to train on, received none of class k; add some" in line


def test_one_label_is_too_few(mine):
    np.savez(FILE, **replaced("y_train", lambda y: 0 * y)(without("x_test", "y_test")(mine)))
    [line] = own.errors(own.make("npz:\n", FILE))
    assert "y_train: expected labels of 2…256 classes, received 1 (0); check that these are labels" in line


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


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        (("y_train", "y_test"), ("x_train", "y_train", "x_test", "y_test")),
        (("labels_train", "labels_test"), ("images_train", "labels_train", "images_test", "labels_test")),
    ],
)
def test_splits_named_in_the_dataset_file_beside_others(mine, labels, keys):
    np.savez(FILE, **dict(zip(keys, mine.values(), strict=True)))
    assert own.make(f"npz: {{train_labels: {labels[0]}, test_labels: {labels[1]}}}\n", FILE).exit_code == 0


@pytest.mark.parametrize("keys", [("x_train", "y_train", "x_test", "y_test"), ("x_train", "y_train")])
def test_memory_maps_of_any_order_are_read(mine, keys):
    np.savez(FILE, **{key: np.asfortranarray(mine[key].astype(">f4")) for key in keys})
    assert own.make("npz:\n", FILE).exit_code == 0
    read = {image.tobytes() for split in arrays.SPLITS for image in arrays.read_split(OUTPUT, split)[0]}
    assert read == {image.tobytes() for key in keys if key[0] == "x" for image in mine[key]}


def wrong_source(tmp_path):
    np.savez("inner.npz", x_train=np.zeros(3))
    Path("folder").mkdir()
    Path("inner.npz").rename("folder/inner.npz")
    np.save("single.npy", np.zeros((3, 4)))
    Path("text.npz").write_text("x,y\n1,2\n")
    Path("matlab.npz").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    Path("pickle.npz").write_bytes(b"\x80\x04K\x01.")
    Path("empty.npz").touch()
    with zipfile.ZipFile("torch.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with zipfile.ZipFile("nothing.zip", "w"):
        pass


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("folder", "folder: expected an .npz file, received a folder with inner.npz; set the dataset's `source`"),
        ("single.npy", "expected an .npz file with images and labels, received a single array (.npy); save images"),
        ("text.npz", "text.npz: expected an .npz file, received a text file; save images and labels: numpy.savez"),
        ("matlab.npz", "matlab.npz: expected an .npz file, received an HDF5 file"),
        ("pickle.npz", "pickle.npz: expected an .npz file, received a pickled Python object"),
        ("torch.pt", "received a zip archive of archive/data.pkl; unpack it, or save images and labels: numpy.savez"),
        ("nothing.zip", "expected an .npz file, which holds .npy files, received a zip archive of none; unpack it, or"),
        ("empty.npz", "empty.npz: expected a whole .npz file, received"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path, name, expected):
    wrong_source(tmp_path)
    [line] = own.errors(own.make("npz:\n", name))
    assert expected in line


def consistent():
    """Check that the arrays that were written agree with their description."""
    info = arrays.read_info(OUTPUT)
    for split in arrays.SPLITS:
        images, labels = arrays.read_split(OUTPUT, split)
        counts = np.bincount(labels, minlength=len(info.classes)).tolist()
        assert counts == getattr(info, split).images_per_class
        assert images.mean() == pytest.approx(getattr(info, split).pixel_mean, abs=1e-3)


@examples(150)
@given(st.data())
def test_any_damage_is_refused_in_one_line_or_read_right(data):
    save = data.draw(st.sampled_from([np.savez, np.savez_compressed]))
    images, labels = tiny.digits(8, seed=1)
    save(
        FILE,
        x_train=images[:, :4, :4] | 1,
        y_train=np.arange(8) % 2,
        x_test=images[:3, :4, :4] | 9,
        y_test=labels[:3] % 2,
    )
    FILE.write_bytes(data.draw(damaged(FILE.read_bytes())))
    with refused_in_one_line():
        preprocessing.preprocess(Dataset.parse("npz:", Path("own.yaml")), FILE, OUTPUT)
        consistent()
