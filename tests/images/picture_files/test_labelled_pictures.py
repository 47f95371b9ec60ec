"""Labelled pictures of a folder or a table; test_folder.py and test_table.py cover open_splits, too."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common.errors import InputError
from stages.images import arrays
from stages.images.catalog import Dataset
from stages.images.findings import Findings
from stages.images.picture_files import labelled_pictures, pictures
from stages.images.picture_files.labelled_pictures import LabelledPicture, PictureFiles
from stages.images.splits.splitting import HoldOut

PATH = Path("datasets/own.yaml")


def test_predict_converts_a_picture_as_preprocess_did(tmp_path):
    pixels = np.full((20, 30), 240, np.uint8)
    pixels[5:15, 10:20] = 20  # dark on light
    Image.fromarray(pixels).save(tmp_path / "dark.png")
    conversion = Dataset.from_values({"folder": {"channels": 1}}, PATH).conversion_for((20, 20, 1))
    [learned] = PictureFiles([tmp_path / "dark.png"], (20, 20, 1), conversion, Findings())[0:1]
    np.testing.assert_array_equal(pictures.read(tmp_path / "dark.png", (20, 20, 1), conversion), learned)
    assert learned[10, 0, 0] > 200  # a picture for MNIST's networks would be inverted
    assert pictures.read(tmp_path / "dark.png", (20, 20, 1))[10, 0, 0] < 50


@pytest.mark.parametrize(("orientation", "expected"), [(1, (20, 30)), (3, (20, 30)), (6, (30, 20)), (8, (30, 20))])
def test_the_size_of_a_picture_is_measured_upright(tmp_path, orientation, expected):
    tags = Image.Exif()
    tags[0x0112] = orientation
    for name in ("a.png", "a.jpg"):
        Image.new("RGB", (30, 20)).save(tmp_path / name, exif=tags)
        assert pictures.read_size(tmp_path / name) == expected


def test_only_so_many_pictures_are_read_at_a_time(tmp_path, monkeypatch):
    Image.new("RGB", (4, 5)).save(tmp_path / "a.png")
    monkeypatch.setattr(arrays, "CHUNK_PIXELS", 3 * 5 * 4 * 3)
    monkeypatch.setattr(arrays, "MIN_CHUNK_IMAGES", 1)
    findings = Findings()
    files = PictureFiles([tmp_path / "a.png"] * 7 + [tmp_path / "gone.png"], (5, 4, 3), None, findings)
    moves: list[int] = []
    arrays.write_split(tmp_path, "train", files, np.zeros(8, np.int32), 2, moves.append)
    assert moves == [3, 3, 2]
    assert [Path(str(error).split(":")[0]).name for error in findings.errors] == ["gone.png"]


def test_the_same_threads_read_all_slices(monkeypatch):
    readers = set()

    def read(path, shape, conversion, findings):
        readers.add(threading.current_thread())
        return np.zeros(shape, np.uint8)

    monkeypatch.setattr(pictures, "read", read)
    files = PictureFiles([Path("a.png")] * 200, (5, 4, 3), None, Findings())
    for start in range(0, 200, 2):
        assert files[start : start + 2].shape == (2, 5, 4, 3)
    assert len(readers) <= (os.cpu_count() or 1)


def split_sizes(splits, dataset_values=None):
    """Return the number of images of each split of 40 pictures, whose splits are given in turn."""
    listed = [LabelledPicture(f"{index}.png", "ab"[index % 2], splits[index % len(splits)]) for index in range(40)]
    dataset = Dataset.from_values({"folder": {"image_size": [4, 4]}, **(dataset_values or {})}, PATH)
    _, opened = labelled_pictures.open_splits(
        listed, dataset, dataset.data, Path("mine"), Findings(), HoldOut(dataset, Path("mine"))
    )
    return {split: len(labels) for split, (_, labels) in opened.items()}


def test_pictures_without_splits_and_with_all_of_them_are_split_so():
    assert split_sizes([None]) == {"train": 32, "test": 8}
    assert split_sizes(["train"] * 6 + ["test"] * 2) == {"train": 30, "test": 10}
    assert split_sizes(["train"] * 4 + ["test", "test", "validation", "validation"]) == {
        "train": 20, "test": 10, "validation": 10,
    }  # fmt: skip


def test_without_test_pictures_a_fraction_of_the_training_pictures_alone_is_held_out(caplog):
    caplog.set_level("INFO")
    splits = ["train", "train", "validation", "validation"]
    assert split_sizes(splits, {"test_fraction": 0.1}) == {"train": 18, "test": 2, "validation": 20}
    assert caplog.messages == [
        "no test pictures: 2 of the training pictures are held out as such; the validation pictures stay apart"
    ]


def test_settings_of_a_split_that_is_not_made_are_refused():
    with pytest.raises(InputError, match="expected no test_fraction, since the data have test images of their own"):
        split_sizes(["train", "train", "test", "test"], {"test_fraction": 0.1})


def test_more_classes_than_there_may_be_are_counted():
    listed = [LabelledPicture(f"{index}.png", f"{index:03}", None) for index in range(300)]
    dataset = Dataset.from_values({"folder": {"image_size": [4, 4]}}, PATH)
    with pytest.raises(
        InputError, match=r"mine: expected pictures of 2…256 classes, received 300; merge classes, or leave"
    ):
        labelled_pictures.open_splits(
            listed, dataset, dataset.data, Path("mine"), Findings(), HoldOut(dataset, Path("mine"))
        )
