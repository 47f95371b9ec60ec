import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.errors import InputError
from stages.images.array_files import idx
from tests import tiny
from tests.damage import damaged, examples, refused_in_one_line

IMAGES, LABELS = tiny.digits(20, seed=0)


def test_images_and_labels_are_mapped_and_not_read(tmp_path):
    images = idx.open_images(tiny.write_idx(tmp_path / "images", IMAGES))
    labels = idx.open_labels(tiny.write_idx(tmp_path / "labels", LABELS))
    assert [(type(a), a.flags.writeable) for a in (images, labels)] == [(np.memmap, False), (np.memmap, False)]
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


def test_height_and_width_are_not_swapped(tmp_path):
    assert idx.open_images(tiny.write_idx(tmp_path / "images", IMAGES[:, :, :5])).shape == (20, 28, 5)


def header(*dimensions, start=b"\0\0\x08"):
    return start + bytes([len(dimensions)]) + struct.pack(f">{len(dimensions)}I", *dimensions)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the magic number 00000803 of IDX images, received an empty file"),
        (header(20) + bytes(20), "the magic number 00000803 of IDX images, received 00000801"),
        (
            header(1, 28, 28, start=b"\0\0\x0d") + bytes(4 * 784),
            "the magic number 00000803 of IDX images, received 00000d03",
        ),  # floats
        (b"<!doctype html>", "the magic number 00000803 of IDX images, received 3c21646f"),
        (b"\x1f\x8b\x08\x00", "an uncompressed IDX file of images, received a gzip file; unpack it with gunzip"),
        (header(1, 28, 28)[:10], "a header of 16 bytes, received 10 bytes"),
        (header(0, 28, 28), r"at least one of the images, received the dimensions \(0, 28, 28\)"),
        (header(2, 28, 28) + bytes(784), r"1584 bytes for the dimensions \(2, 28, 28\), received 800 bytes"),
        (header(1, 28, 28) + bytes(785), r"800 bytes for the dimensions \(1, 28, 28\), received 801 bytes"),
        (header(*[2**32 - 1] * 3) + bytes(784), "79228162458924105385300197391 bytes for the dimensions"),
    ],
)
def test_a_file_that_is_not_idx_images_is_refused(tmp_path, content, expected):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path}: expected {expected}"):
        idx.open_images(path)


def test_images_too_large_for_the_memory_are_refused(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(header(1, 2**31, 1))
    with path.open("r+b") as file:
        file.truncate(2**31 + 16)  # without its blocks on the disk
    with pytest.raises(
        InputError, match=r"images of at most 16,777,216 values .* received 2147483648 × 1; make the im"
    ):
        idx.open_images(path)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "images")
    with pytest.raises(InputError, match="images: expected a file, received a pipe or a device"):
        idx.open_images(tmp_path / "images")


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_is_not_there_is_refused(tmp_path, kind):
    path = tmp_path if kind == "folder" else tmp_path / "images"
    with pytest.raises(InputError, match="an IDX file of labels, received none; run the download stage"):
        idx.open_labels(path)


@examples(300)
@given(st.data())
def test_any_damage_is_refused_in_one_line_or_changes_pixels_alone(tmp_path, data):
    path = tiny.write_idx(tmp_path / "images", IMAGES[:3, :5, :4])
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    with refused_in_one_line():
        images = idx.open_images(path)
        assert images.ndim == 3
        assert path.read_bytes() == header(*images.shape) + images.tobytes()
