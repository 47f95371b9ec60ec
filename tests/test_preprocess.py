"""Command `preprocess` and stages/images/preprocessing.py with IDX files.

tests/images has the other kinds of source: test_folder.py, test_table.py and test_npz.py.
"""

import errno
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from stages import preprocess
from stages.images import arrays
from tests import tiny
from tests.pipeline import ROOT
from tests.processes import peak_memory

SOURCE, OUTPUT = Path("data/raw/tiny"), Path("data/processed/tiny")
ARRAYS = ["dataset.json", "test_images.npy", "test_labels.npy", "train_images.npy", "train_labels.npy"]


def run(*options):
    return CliRunner().invoke(preprocess.app, ["tiny", *options])


def contents(folder):
    """Return the files below a folder, by name; hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_arrays_are_those_of_the_idx_files(preprocessed):
    assert sorted(contents(OUTPUT.parent / "tiny")) == ARRAYS
    for split, count, seed in (("train", 200, 1), ("test", 50, 2)):
        images, labels = tiny.digits(count, seed)
        kept = np.load(OUTPUT / f"{split}_images.npy", allow_pickle=False)
        assert (kept.dtype, kept.shape) == (np.uint8, (count, 28, 28, 1))
        np.testing.assert_array_equal(kept[..., 0], images)
        np.testing.assert_array_equal(np.load(OUTPUT / f"{split}_labels.npy", allow_pickle=False), labels)


def test_the_metadata_are_those_of_numpy(preprocessed):
    info = json.loads((OUTPUT / "dataset.json").read_text())
    assert (info["classes"], info["image_shape"]) == (list("0123456789"), [28, 28, 1])
    for split, count, seed in (("train", 200, 1), ("test", 50, 2)):
        images, _ = tiny.digits(count, seed)
        assert info[split] == {
            "images": count,
            "images_per_class": [count // 10] * 10,
            "pixel_mean": pytest.approx(images.mean(), abs=5e-5),
            "pixel_deviation": pytest.approx(images.std(), abs=5e-5),
        }


def test_a_sheet_shows_samples_of_each_class(preprocessed):
    with Image.open("plots/samples/tiny.png") as picture:
        width, height = picture.size
        assert height > width * 0.6  # ten rows of twelve
    assert [str(path) for path in Path("plots").rglob("*") if path.is_file()] == ["plots/samples/tiny.png"]


def test_the_same_files_give_the_same_bytes_and_replace_what_was_there(preprocessed):
    first = contents(OUTPUT)
    (OUTPUT / "test_images.npy").write_bytes(b"damaged")
    (OUTPUT / "train_labels.npy").unlink()
    assert run().exit_code == 0
    assert contents(OUTPUT) == first


def test_source_and_output_may_lie_anywhere(project):
    shutil.move(SOURCE, "mine")
    assert run("--source", "mine", "--output", "arrays/here").exit_code == 0
    assert sorted(contents(Path("arrays/here"))) == ARRAYS
    assert not OUTPUT.exists()


def test_a_non_square_image_keeps_its_height_and_width(project):
    for name, count in (("train", 10), ("t10k", 10)):
        tiny.write_idx(SOURCE / f"{name}-images-idx3-ubyte", np.zeros((count, 4, 7), np.uint8))
        tiny.write_idx(SOURCE / f"{name}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8))
    assert run().exit_code == 0
    assert arrays.read_info(OUTPUT).image_shape == (4, 7, 1)


def cut(path, count):
    path.write_bytes(path.read_bytes()[:count])


def holding(*shape, fill=0):
    return lambda path: tiny.write_idx(path, np.full(shape, fill, np.uint8))


def restart(path, start):
    path.write_bytes(start + path.read_bytes()[len(start) :])


TRAIN_IMAGES, TEST_LABELS, TEST_IMAGES = "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"
WRONG = {
    "missing": (
        TEST_IMAGES,
        lambda path: path.unlink(),
        "an IDX file of images, received none; run the download stage",
    ),
    "empty": (
        TEST_IMAGES,
        lambda path: cut(path, 0),
        "the magic number 00000803 of IDX images, received an empty file",
    ),
    "header cut": (TEST_IMAGES, lambda path: cut(path, 9), "a header of 16 bytes, received 9 bytes"),
    "pixels cut": (
        TEST_IMAGES,
        lambda path: cut(path, -1),
        "39216 bytes for the dimensions (50, 28, 28), received 39215",
    ),
    "too long": (
        TEST_LABELS,
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        "58 bytes for the dimensions (50,), received 59",
    ),
    "labels for images": (TEST_IMAGES, holding(50), "00000803 of IDX images, received 00000801"),
    "images for labels": (TEST_LABELS, holding(50, 1, 1), "00000801 of IDX labels, received 00000803"),
    "elements of 32 bits": (
        TEST_LABELS,
        lambda path: restart(path, b"\0\0\x0c\x01"),
        "00000801 of IDX labels, received 00000c01",
    ),
    "little-endian": (
        TEST_LABELS,
        lambda path: restart(path, struct.pack("<I", 0x801)),
        "00000801 of IDX labels, received 01080000",
    ),
    "gzip": (
        TRAIN_IMAGES,
        lambda path: restart(path, b"\x1f\x8b"),
        "an uncompressed IDX file of images, received a gzip file",
    ),
    "web page": (TRAIN_IMAGES, lambda path: path.write_text("<html>"), "of IDX images, received 3c68746d"),
    "no images": (TEST_IMAGES, holding(0, 28, 28), "received the dimensions (0, 28, 28)"),
    "other size": (
        TEST_IMAGES,
        holding(50, 28, 27),
        "images of (28, 28) pixels like the training images",
    ),
    "too few labels": (TEST_LABELS, holding(49), "50 labels, one for each image, received 49"),
    "label out of range": (
        TEST_LABELS,
        holding(50, fill=10),
        "labels below 10, the number of classes in datasets/tiny.yaml, received the label 10",
    ),
}


def test_labels_from_1_stand_for_the_classes_in_their_order(project):
    for name, count, seed in (("train", 200, 1), ("t10k", 50, 2)):
        tiny.write_idx(SOURCE / f"{name}-labels-idx1-ubyte", tiny.digits(count, seed)[1] + np.uint8(1))
    result = run()
    assert result.exit_code == 0, result.output
    assert "data/raw/tiny: labels start at 1: 1 is 0, 10 is 9" in result.stderr
    for split, count, seed in (("train", 200, 1), ("test", 50, 2)):
        np.testing.assert_array_equal(arrays.read_split(OUTPUT, split)[1], tiny.digits(count, seed)[1])


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_idx_file_gives_one_line_and_leaves_what_stood_there(preprocessed, case):
    before = contents(OUTPUT.parent)
    name, spoil, expected = WRONG[case]
    spoil(SOURCE / name)
    result = run()
    [line] = result.stderr.splitlines()
    assert (result.exit_code, line.startswith(f"error: {SOURCE / name}: expected ")) == (1, True)
    assert expected in line
    assert contents(OUTPUT.parent) == before


def test_a_failure_halfway_leaves_what_stood_there(preprocessed, monkeypatch):
    before = contents(OUTPUT.parent)

    def fail(*_):
        assert (OUTPUT.parent / f".tiny.{os.getpid()}.partial" / "train_images.npy").exists()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(arrays, "write_info", fail)
    result = run()
    [line] = result.stderr.splitlines()
    told = "error: disk: Input/output error; nothing half-written is left"
    assert (result.exit_code, line.startswith(told)) == (1, True)
    assert contents(OUTPUT.parent) == before
    assert list(OUTPUT.parent.iterdir()) == [OUTPUT]


def test_a_dataset_file_edited_meanwhile_is_an_error_and_earlier_arrays_stay(preprocessed, monkeypatch):
    def write_and_edit(*given: object) -> None:
        write(*given)
        path.write_text(path.read_text().replace("title: Tiny", "title: Small"))

    before, path, write = contents(OUTPUT.parent), Path("datasets/tiny.yaml"), arrays.write_info
    monkeypatch.setattr(arrays, "write_info", write_and_edit)
    result = run()
    told = "expected the content it had when the stage began, received something else; run the command again"
    assert (result.exit_code, result.stderr) == (1, f"error: {path}: {told}\n")
    assert contents(OUTPUT.parent) == before


def test_a_full_disk_is_one_clear_error(project):
    OUTPUT.parent.mkdir(parents=True)
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = f"mount -t tmpfs -o size=100k none {OUTPUT.parent} || exit 77; "
    script += f"'{sys.executable}' -m stages.preprocess tiny; code=$?; find {OUTPUT.parent}; exit $code"
    try:
        done = subprocess.run(
            [*mount, script], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this system lets nobody mount a small disk")
    expected = (
        f"error: {OUTPUT}: No space left on device; nothing half-written is left; fix this and run the command again\n"
    )
    assert (done.returncode, done.stderr, done.stdout) == (1, expected, f"{OUTPUT.parent}\n")


@pytest.mark.parametrize("output", [".", "data", str(SOURCE), "mine", "mine/thesis.txt"])
def test_a_folder_that_holds_anything_else_is_not_replaced(project, output):
    Path("mine").mkdir()
    Path("mine/thesis.txt").touch()
    before = contents(Path())
    result = run("--output", output)
    [line] = result.stderr.splitlines()
    assert (
        result.exit_code,
        line.startswith(f"error: {output}: expected a folder of arrays, or none, received"),
    ) == (1, True)
    assert contents(Path()) == before


def test_a_pipe_as_output_is_refused_before_anything_is_read(project):
    os.mkfifo("pipe")
    result = run("--output", "pipe", "--source", "missing")
    assert result.stderr == "error: pipe: expected a file, received a pipe or a device; name another --output\n"
    assert Path("pipe").is_fifo()


MAIN = "from stages import preprocess; sys.argv[0] = 'preprocess'; preprocess.app(standalone_mode=False)"


def idx_files(count):
    """Replace the training images by a sparse IDX file of black images, which takes no space on the disk."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    tiny.write_idx(SOURCE / "train-labels-idx1-ubyte", labels)
    with (SOURCE / TRAIN_IMAGES).open("wb") as file:
        file.write(bytes([0, 0, 8, 3]) + struct.pack(">3I", count, 28, 28))
        file.truncate(16 + count * 784)
    return "data/raw/tiny"


def npz_file(count, white=255, **more):
    """Write an .npz file of images with a white pixel, which takes little space on the disk, and its dataset file."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 5, 5] = white
    labels = (np.arange(count) % 10).astype(np.uint8)
    np.savez_compressed("mine.npz", x_train=images, y_train=labels, **more)
    Path("datasets/tiny.yaml").write_text("npz:\n")
    return "mine.npz"


def npz_file_of_masks(count):
    return npz_file(count, white=1)


def npz_file_with_test_images(count):
    return npz_file(count, x_test=np.full((10, 28, 28), 255, np.uint8), y_test=np.arange(10))


@pytest.mark.parametrize("source", [idx_files, npz_file, npz_file_of_masks, npz_file_with_test_images])
def test_memory_does_not_grow_with_the_images(project, source):
    few, many = (peak_memory(MAIN, "tiny", "--source", source(count)) for count in (4000, 200_000))
    assert many < few + 40  # MB; the images take 157
