"""Labelled pictures of a folder or a table; test_folder.py and test_table.py cover open_splits."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common.errors import InputError
from stages.images import arrays, pictures
from stages.images.catalog import Dataset
from stages.images.labelled_pictures import PictureFiles

PATH = Path("datasets/own.yaml")


def test_predict_converts_a_picture_as_preprocess_did(tmp_path):
    pixels = np.full((20, 30), 240, np.uint8)
    pixels[5:15, 10:20] = 20  # dark on light
    Image.fromarray(pixels).save(tmp_path / "dark.png")
    conversion = Dataset.from_values({"folder": {"channels": 1}}, PATH).conversion_for((20, 20, 1))
    [learned] = PictureFiles([tmp_path / "dark.png"], (20, 20, 1), conversion, [])[0:1]
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
    unreadable: list[InputError] = []
    files = PictureFiles([tmp_path / "a.png"] * 7 + [tmp_path / "gone.png"], (5, 4, 3), None, unreadable)
    moves: list[int] = []
    arrays.write_split(tmp_path, "train", files, np.zeros(8, np.int32), 2, moves.append)
    assert moves == [3, 3, 2]
    assert [Path(str(error).split(":")[0]).name for error in unreadable] == ["gone.png"]


def test_the_same_threads_read_all_slices(monkeypatch):
    readers = set()

    def read(path, shape, conversion):
        readers.add(threading.current_thread())
        return np.zeros(shape, np.uint8)

    monkeypatch.setattr(pictures, "read", read)
    files = PictureFiles([Path("a.png")] * 200, (5, 4, 3), None, [])
    for start in range(0, 200, 2):
        assert files[start : start + 2].shape == (2, 5, 4, 3)
    assert len(readers) <= (os.cpu_count() or 1)
