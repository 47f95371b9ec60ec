"""Images of memory maps in any order."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.images.arrays import Images
from stages.images.rows import read_rows

Indices = npt.NDArray[np.int64]


def number_of(index: int) -> str:
    """Return the number of an image in its file, from 1."""
    return f"image {index + 1}"


class Subset:
    """Images of a memory map in any order, an `arrays.ImageSequence`.

    Args:
        images: Memory map of a whole file, uint8, (num_images, …).
        indices: Indices of the images, int64, (num_indices,), 0…num_images - 1.
        name: Function that returns the name of an image by its index. By default, this is its number.
    """

    def __init__(self, images: Images, indices: Indices, name: Callable[[int], str] = number_of) -> None:
        self._images, self._indices, self._name = images, indices, name
        self.shape = (len(indices), *images.shape[1:])

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        rows, inverse = np.unique(self._indices[some], return_inverse=True)
        return read_rows(self._images, rows)[inverse]

    def name(self, index: int) -> str:
        """Return the name of an image."""
        return self._name(int(self._indices[index]))


class Part(NamedTuple):
    """Memory map of a whole file, uint8, (num_images, …), and the names of its images by their indices."""

    images: Images
    name: Callable[[int], str]


class Joined:
    """Images of several memory maps in any order, an `arrays.ImageSequence`.

    Args:
        parts: Memory maps, one after another.
        positions: Indices into the images of all parts, int64, (num_positions,).
    """

    def __init__(self, parts: Sequence[Part], positions: Indices) -> None:
        self._parts, self.positions = parts, positions
        self._starts = np.cumsum([0, *(len(part.images) for part in parts)])
        self.shape = (len(positions), *parts[0].images.shape[1:])

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        positions = self.positions[some]
        read = np.empty((len(positions), *self.shape[1:]), np.uint8)
        for part, start, end in zip(self._parts, self._starts, self._starts[1:], strict=False):
            is_here = (positions >= start) & (positions < end)
            read[is_here] = Subset(part.images, positions[is_here] - start)[:]
        return read

    def name(self, index: int) -> str:
        """Return the name of an image."""
        position = self.positions[index]
        part = int(np.searchsorted(self._starts, position, side="right")) - 1
        return self._parts[part].name(int(position - self._starts[part]))
