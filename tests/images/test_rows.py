import os
import tracemalloc

import numpy as np
import pytest

from stages.common.errors import InputError
from stages.images import rows
from stages.images.rows import FileRows, read_rows
from tests.processes import peak_memory

SHAPE = (5000, 3, 4, 1)  # 12 bytes an image
RANDOM = np.random.Generator(np.random.PCG64(0))
IMAGES = RANDOM.integers(0, 256, SHAPE, dtype=np.uint8)


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    return np.lib.format.open_memmap(tmp_path / "images.npy", mode="r")


def sparse_images(path, count):
    """Write a sparse .npy file of black images, which takes no space on the disk."""
    path.unlink(missing_ok=True)
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, 28, 28, 1))
    return path


CHOSEN = {
    "none": [],
    "the first": [0],
    "the last": [4999],
    "neighbours": range(10, 20),
    "all": range(5000),
    "every other": range(0, 5000, 2),
    "far apart": [0, 1, 2, 2500, 4998, 4999],
    "at random": np.sort(RANDOM.permutation(5000)[:700]),
}


@pytest.mark.parametrize("largest", [1, 12, 100, 4 << 20])
@pytest.mark.parametrize("gap", [0, 12, 240, 64 << 10])
@pytest.mark.parametrize("case", CHOSEN)
def test_rows_are_those_of_the_map(mapped, monkeypatch, case, gap, largest):
    monkeypatch.setattr(rows, "MAX_GAP_BYTES", gap)
    monkeypatch.setattr(rows, "MAX_READ_BYTES", largest)
    chosen = np.asarray(CHOSEN[case], np.int64)
    read = read_rows(mapped, chosen)
    assert (type(read), read.dtype, read.flags.c_contiguous) == (np.ndarray, np.uint8, True)
    np.testing.assert_array_equal(read, IMAGES[chosen])


def test_neighbours_are_read_at_once_and_small_gaps_with_them(monkeypatch):
    monkeypatch.setattr(rows, "MAX_GAP_BYTES", 5 * 12)
    monkeypatch.setattr(rows, "MAX_READ_BYTES", 10 * 12)
    chosen = np.array([3, 4, 10, 17, 18, 19, 27, 28, 100])
    #                   a read of 3…10, then 17…19 after a gap of six, 27 is too far, 100 as well
    assert rows._read_starts(chosen, 12) == [0, 3, 6, 8]
    assert rows._read_starts(np.arange(25), 12) == [0, 10, 20]  # no more than MAX_READ_BYTES at once
    assert rows._read_starts(np.arange(3), 1000) == [0, 1, 2]  # but one image at least


def test_some_of_a_file_are_read_by_a_slice(mapped):
    images = FileRows(mapped)
    assert (len(images), images.shape) == (5000, SHAPE)
    for some in (slice(0, 7), slice(4990, 6000), slice(6000, 7000), slice(None)):
        np.testing.assert_array_equal(images[some], IMAGES[some])


def test_an_array_in_fortrans_order_is_read_too(tmp_path):
    np.save(tmp_path / "images.npy", np.asfortranarray(IMAGES))
    mapped = np.lib.format.open_memmap(tmp_path / "images.npy", mode="r")
    np.testing.assert_array_equal(read_rows(mapped, np.array([3, 70])), IMAGES[[3, 70]])


@pytest.mark.parametrize("outside", [[-1, 3], [4999, 5000]])
def test_a_row_outside_is_refused(mapped, outside):
    with pytest.raises(IndexError, match="expected rows 0…4999, received"):
        read_rows(mapped, np.array(outside))


@pytest.mark.parametrize("chosen", [[3, 2], [3, 3, 5]])
def test_rows_that_do_not_ascend_are_refused(mapped, chosen):
    with pytest.raises(ValueError, match="expected rows that ascend, each once"):
        read_rows(mapped, np.array(chosen))


@pytest.mark.parametrize("derived", [lambda mapped: mapped[10:], lambda mapped: mapped[..., 0], np.array])
def test_a_slice_of_a_map_is_refused_since_its_position_in_the_file_is_unknown(mapped, derived):
    with pytest.raises(ValueError, match="expected a whole memory map"):
        read_rows(derived(mapped), np.array([0]))


def test_a_file_that_was_cut_since_is_told_in_one_line(mapped):
    os.truncate(mapped.filename, 1000)
    with pytest.raises(InputError, match=r"images.npy: expected the images that .*, received a file cut short; run"):
        read_rows(mapped, np.arange(50, 200))


@pytest.mark.parametrize("step", [1, 3, 100])
def test_memory_does_not_grow_with_the_file(tmp_path, step):
    code = """
import sys
import numpy as np
from stages.images.rows import read_rows
images = np.lib.format.open_memmap(sys.argv[1], mode="r")
for start in range(0, len(images), 20_000):
    read_rows(images, np.arange(start, min(start + 20_000, len(images)), int(sys.argv[2])))
"""
    path = tmp_path / "images.npy"
    few = peak_memory(code, sparse_images(path, 20_000), step)
    assert peak_memory(code, sparse_images(path, 400_000), step) < few + 30  # MB; the file has 314


def test_a_slice_takes_no_more_of_a_large_file(tmp_path):
    images = FileRows(np.lib.format.open_memmap(sparse_images(tmp_path / "images.npy", 10**7), mode="r"))
    tracemalloc.start()
    assert images[10**7 - 1 :].ravel().tolist() == 784 * [0]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1e6  # bytes; the numbers of all rows take 80 MB


def test_a_file_that_took_the_place_of_the_one_that_was_opened_is_told(mapped, tmp_path):
    opened = FileRows(mapped)
    np.save(tmp_path / "new.npy", IMAGES[::-1])
    (tmp_path / "new.npy").replace(tmp_path / "images.npy")

    with pytest.raises(InputError, match="expected the file that was there when this began, received another one"):
        opened[:3]
