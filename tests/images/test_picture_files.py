import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.errors import InputError
from stages.images import arrays, photos
from stages.images.catalog import Dataset
from stages.images.picture_files import PictureFiles

PATH = Path("datasets/own.yaml")


def test_what_predict_sees_of_a_picture_is_what_the_network_learned_from(tmp_path):
    pixels = np.full((20, 30), 240, np.uint8)
    pixels[5:15, 10:20] = 20  # dark on light
    Image.fromarray(pixels).save(tmp_path / "dark.png")
    rule = Dataset.check({"folder": {"channels": 1}}, PATH).rule_for((20, 20, 1), PATH)
    [learned] = PictureFiles([tmp_path / "dark.png"], (20, 20, 1), rule, [])[0:1]
    np.testing.assert_array_equal(learned, photos.read(tmp_path / "dark.png", (20, 20, 1), rule))
    assert learned[10, 0, 0] > 200  # where a picture for MNIST's networks would be turned light on dark
    assert photos.read(tmp_path / "dark.png", (20, 20, 1))[10, 0, 0] < 50


@pytest.mark.parametrize(("orientation", "expected"), [(1, (20, 30)), (3, (20, 30)), (6, (30, 20)), (8, (30, 20))])
def test_the_size_of_a_picture_is_that_of_it_upright(tmp_path, orientation, expected):
    tags = Image.Exif()
    tags[0x0112] = orientation
    for name in ("a.png", "a.jpg"):
        Image.new("RGB", (30, 20)).save(tmp_path / name, exif=tags)
        assert expected == photos.read_size(tmp_path / name)


def test_only_so_many_pictures_are_read_at_a_time(tmp_path, monkeypatch):
    Image.new("RGB", (4, 5)).save(tmp_path / "a.png")
    monkeypatch.setattr(arrays, "CHUNK", 3 * 5 * 4 * 3)
    monkeypatch.setattr(arrays, "AT_LEAST", 1)
    unreadable: list[InputError] = []
    files = PictureFiles([tmp_path / "a.png"] * 7 + [tmp_path / "gone.png"], (5, 4, 3), None, unreadable)
    moves: list[int] = []
    arrays.write_split(tmp_path, "train", files, np.zeros(8, np.int32), 2, moves.append)
    assert [3, 3, 2] == moves
    assert ["gone.png"] == [Path(str(error).split(":")[0]).name for error in unreadable]


def test_the_same_threads_read_all_slices(monkeypatch):
    readers = set()

    def read(path, shape, rule):
        readers.add(threading.current_thread())
        return np.zeros(shape, np.uint8)

    monkeypatch.setattr(photos, "read", read)
    files = PictureFiles([Path("a.png")] * 200, (5, 4, 3), None, [])
    for start in range(0, 200, 2):
        assert (2, 5, 4, 3) == files[start : start + 2].shape
    assert len(readers) <= (os.cpu_count() or 1)
