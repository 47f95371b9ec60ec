"""Images of a memory map read from its file instead, so that the memory they take is that of the images asked for.

Each page of a map that was looked at counts as the process's memory for as long as the system leaves it there: a map
read from end to end, as the whole file.
"""

import math
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.images.arrays import Images

LARGEST = 4 << 20  # bytes of a read
GAP = 64 << 10  # bytes between two rows that are read and dropped: another read would take longer


class FileRows:
    """Images of a memory map, some at a time, `arrays.Rows`.

    Args:
        images: The whole map of a file, uint8, (num_images, …), as `arrays.read_split` returns it.
        rows: Which of them, ascending and each once; by default all.
    """

    def __init__(self, images: Images, rows: npt.NDArray[np.int64] | None = None) -> None:
        self._images, self._rows, self._file = images, rows, _file_of(images)[0]
        self._stamp = _stamp(self._file)
        self.shape: tuple[int, ...] = (len(images) if rows is None else len(rows), *images.shape[1:])

    def __len__(self) -> int:
        """Return how many there are."""
        return self.shape[0]

    def __getitem__(self, some: slice) -> Images:
        """Return some of the images, uint8, 0…255."""
        return self.read(np.arange(*some.indices(len(self))))

    def read(self, numbers: npt.NDArray[np.integer]) -> Images:
        """Return some of the images, uint8, 0…255, by their numbers, ascending and each once."""
        rows = numbers.astype(np.int64) if self._rows is None else self._rows[numbers]
        if _stamp(self._file) != self._stamp:
            expected = "the file that was there when this began"
            raise InputError(self._file, expected, "another one", "run the command again")
        return read_rows(self._images, rows)


def read_rows(images: Images, rows: npt.NDArray[np.int64]) -> Images:
    """Return some images of a memory map, read from its file.

    Neighbours are read at once. An array in Fortran's order has no image in one piece: its map is read after all.

    Args:
        images: The whole map of a file, uint8, (num_images, …), as `arrays.read_split` returns it; not a part of it.
        rows: Which images, ascending and each once, (num_rows,), 0…num_images - 1.

    Returns:
        uint8, (num_rows, …), 0…255.

    Raises:
        IndexError: A row is outside.
        InputError: The file was cut short since it was mapped.
        ValueError: `rows` do not ascend, or `images` is no whole map.
    """
    path, offset = _file_of(images)
    read = np.empty((len(rows), *images.shape[1:]), images.dtype)
    if not len(rows):
        return read
    if (np.diff(rows) < 1).any():
        raise ValueError("expected rows that ascend, each once")
    if rows[0] < 0 or rows[-1] >= len(images):
        raise IndexError(f"expected rows 0…{len(images) - 1}, received {rows[0]}…{rows[-1]}")
    if not images.flags.c_contiguous:
        return np.asarray(images[rows])
    size = math.prod(images.shape[1:])
    starts = _starts(rows, size)
    with FileIO(str(path)) as file:
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            first, count = int(rows[start]), int(rows[end - 1] - rows[start]) + 1
            place = offset + first * size
            if count == end - start:
                _fill(read[start:end], file, place)
            else:
                span = np.empty((count, *images.shape[1:]), images.dtype)
                _fill(span, file, place)
                np.take(
                    span, rows[start:end] - first, axis=0, out=read[start:end], mode="clip"
                )  # "raise" would copy twice
    return read


def _file_of(images: Images) -> tuple[Path, int]:
    """Return the file of a whole memory map, and where in it the first image begins."""
    if not isinstance(images, np.memmap) or isinstance(images.base, np.ndarray):
        raise ValueError(f"expected a whole memory map, received {type(images).__name__} of shape {images.shape}")
    return Path(str(images.filename)), int(images.offset)


def _stamp(file: Path) -> tuple[int, int, int]:
    """Return what a file that was put into the place of another has not the same."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _starts(rows: npt.NDArray[np.int64], size: int) -> list[int]:
    """Return where in ascending rows of `size` bytes a read begins: none spans large gaps, or more than LARGEST."""
    apart = np.concatenate([[True], (np.diff(rows) - 1) * size > GAP])
    firsts = np.flatnonzero(apart)
    within = rows - rows[firsts][np.cumsum(apart) - 1]  # from the first row since the last large gap
    part = within // max(1, LARGEST // size)
    return np.flatnonzero(apart | (np.diff(part, prepend=0) != 0)).tolist()


def _fill(images: Images, file: FileIO, place: int) -> None:
    """Read images from a place of a file."""
    file.seek(place)
    wanted = images.data.cast("B")
    while wanted:
        count = file.readinto(wanted)
        if not count:
            raise InputError(
                file.name, "the images that it held when it was opened", "a file cut short", "run the command again"
            )
        wanted = wanted[count:]
