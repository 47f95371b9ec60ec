"""Rows of a memory map, read from its file, so that only the rows asked for take memory.

A page of a map counts towards the process's memory from its first access until the system drops it. A map read from end
to end thus takes the memory of the whole file.
"""

import math
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.common.errors import InputError
from stages.images.arrays import Images

MAX_READ_BYTES = 4 << 20
MAX_GAP_BYTES = 64 << 10  # read and dropped between two rows, since a second read would take longer


class FileRows:
    """Images of a memory map, read from its file, an `arrays.ImageSequence`.

    Args:
        images: Memory map of a whole file, uint8, (num_images, …), from `arrays.read_split`.
        rows: Rows of the images, int64, ascending and unique, 0…num_images - 1. Default: all.
    """

    def __init__(self, images: Images, rows: npt.NDArray[np.int64] | None = None) -> None:
        self._images, self._rows, self._file = images, rows, _file_of(images)[0]
        self._identity = _identity(self._file)
        self.shape: tuple[int, ...] = (len(images) if rows is None else len(rows), *images.shape[1:])

    def __len__(self) -> int:
        """Return the number of images."""
        return self.shape[0]

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        return self.read(np.arange(*some.indices(len(self))))

    def read(self, numbers: npt.NDArray[np.integer]) -> Images:
        """Return images by their numbers.

        Args:
            numbers: Integers, ascending and unique, 0…len(self) - 1.

        Returns:
            uint8, (len(numbers), …), 0…255.

        Raises:
            InputError: The file was replaced or cut short after it was mapped.
        """
        rows = numbers.astype(np.int64) if self._rows is None else self._rows[numbers]
        if _identity(self._file) != self._identity:
            expected = "the file that was there when this began"
            raise InputError(self._file, expected, "another one", "run the command again")
        return read_rows(self._images, rows)


def read_rows(images: Images, rows: npt.NDArray[np.int64]) -> Images:
    """Return images of a memory map, read from its file.

    Neighbouring rows are read at once. In Fortran order, an image lies scattered over the file and is read through the
    map after all.

    Args:
        images: Memory map of a whole file, uint8, (num_images, …), not a slice of it.
        rows: Rows of the images, int64, (num_rows,), ascending and unique, 0…num_images - 1.

    Returns:
        uint8, (num_rows, …), 0…255.

    Raises:
        IndexError: A row is out of range.
        InputError: The file was cut short after it was mapped.
        ValueError: `rows` do not ascend, or `images` is not the map of a whole file.
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
    image_bytes = math.prod(images.shape[1:])
    starts = _read_starts(rows, image_bytes)
    with FileIO(str(path)) as file:
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            first, count = int(rows[start]), int(rows[end - 1] - rows[start]) + 1
            position = offset + first * image_bytes
            if count == end - start:
                _fill(read[start:end], file, position)
            else:
                span = np.empty((count, *images.shape[1:]), images.dtype)
                _fill(span, file, position)
                # mode "raise" would copy twice
                np.take(span, rows[start:end] - first, axis=0, out=read[start:end], mode="clip")
    return read


def _file_of(images: Images) -> tuple[Path, int]:
    """Return the file of a memory map, and the position of its first image in bytes."""
    if not isinstance(images, np.memmap) or isinstance(images.base, np.ndarray):
        raise ValueError(f"expected a whole memory map, received {type(images).__name__} of shape {images.shape}")
    return Path(str(images.filename)), int(images.offset)


def _identity(file: Path) -> tuple[int, int, int]:
    """Return inode, size and mtime, which change when the file is replaced."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read_starts(rows: npt.NDArray[np.int64], row_bytes: int) -> list[int]:
    """Return the indices of the rows that start a new read: after a large gap, and after MAX_READ_BYTES."""
    after_gap = np.concatenate([[True], (np.diff(rows) - 1) * row_bytes > MAX_GAP_BYTES])
    firsts = np.flatnonzero(after_gap)
    distance = rows - rows[firsts][np.cumsum(after_gap) - 1]  # from the first row since the last large gap
    chunk = distance // max(1, MAX_READ_BYTES // row_bytes)
    return np.flatnonzero(after_gap | (np.diff(chunk, prepend=0) != 0)).tolist()


def _fill(images: Images, file: FileIO, position: int) -> None:
    """Read images from a position of a file."""
    file.seek(position)
    unread = images.data.cast("B")
    while unread:
        count = file.readinto(unread)
        if not count:
            expected = "the images that it held when it was opened"
            raise InputError(file.name, expected, "a file cut short", "run the command again")
        unread = unread[count:]
