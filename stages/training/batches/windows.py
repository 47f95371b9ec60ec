"""Windows of batches: all images in memory, or a few batches at a time from the disk.

A thread reads the next window while the steps train on the current one, also across the end of an epoch. The order of
the images is the same either way, so the result is the same to the last bit.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows
from stages.training.batches.holdout import Examples
from stages.training.batches.shuffle import SHUFFLED_TOGETHER

WINDOW_BYTES = 1 << 26

Order = npt.NDArray[np.int32]
LocalSlice = Callable[[int], range]


class Window(NamedTuple):
    """Consecutive batches of an epoch.

    All windows of a training have the same shapes, since XLA compiles the steps for each shape anew. If the last window
    of an epoch has fewer batches, it is padded with zeros.

    Attributes:
        images: uint8, (M, height, width, channels), 0…255.
        labels: int32, (M,).
        order: int32, (N,): indices of the images of the batches, one batch after another.
        first: Number of its first batch in the epoch.
        end: Number after its last batch.
    """

    images: tf.Tensor
    labels: tf.Tensor
    order: tf.Tensor
    first: int
    end: int


class Windows(Protocol):
    """Training images, in windows."""

    def iterate(self, permutations: Iterable[Order], batch: int) -> Iterator[Window]:
        """Yield the windows of some epochs, starting with the one that holds a batch of the first epoch.

        Args:
            permutations: Order of the images, (num_images,), for each epoch.
            batch: Number of the batch in the first epoch; the number of batches, if none is left.
        """


def open_windows(examples: Examples, batch_size: int, local_slice: LocalSlice) -> Windows:
    """Return the windows of training examples.

    Args:
        examples: Images and labels; images as `FileRows` stay on the disk.
        batch_size: Images of a batch; the last batch of an epoch has the remaining ones.
        local_slice: Function from the size of a batch to the indices that this process trains on.
    """
    images, labels = examples
    if isinstance(images, FileRows):
        return DiskWindows(images, labels, batch_size, local_slice)
    return MemoryWindows(images, labels, batch_size, local_slice)


class MemoryWindows:
    """All images in TensorFlow's memory, as uint8: an epoch is one window.

    Args: See `open_windows`.
    """

    def __init__(self, images: Images, labels: Labels, batch_size: int, local_slice: LocalSlice) -> None:
        self._images, self._labels = tf.constant(images), tf.constant(labels, tf.int32)
        self._batch_size, self._local_slice = batch_size, local_slice
        self._num_batches = math.ceil(len(labels) / batch_size)

    def iterate(self, permutations: Iterable[Order], batch: int) -> Iterator[Window]:
        """Yield the one window of each epoch."""
        for order, first, end in _spans(permutations, batch, self._num_batches, self._num_batches):
            local = _local_order(order, self._batch_size, self._local_slice)
            yield Window(self._images, self._labels, tf.constant(local), first, end)


class DiskWindows:
    """Images on the disk: windows of at most 64 MB, the next one read ahead.

    Args: See `open_windows`.
    """

    def __init__(self, images: FileRows, labels: Labels, batch_size: int, local_slice: LocalSlice) -> None:
        self._images, self._labels = images, labels
        self._batch_size, self._local_slice = batch_size, local_slice
        self._num_batches = math.ceil(len(labels) / batch_size)
        # a window of more images than are shuffled together would read fractions of blocks
        max_images = min(WINDOW_BYTES // math.prod(images.shape[1:]), SHUFFLED_TOGETHER)
        # in full batches, whatever the local slice, so all workers go through the same windows
        self._length = min(max(1, max_images // batch_size), self._num_batches)
        # the local slice of the last batch of an epoch, which is smaller, may be larger
        full, rest = len(local_slice(batch_size)), len(local_slice(len(labels) % batch_size))
        self._images_per_window = (self._length - 1) * full + max(full, rest)

    def iterate(self, permutations: Iterable[Order], batch: int) -> Iterator[Window]:
        """Yield the windows of some epochs, starting with the one that holds a batch of the first epoch."""
        windows = (self._read(*span) for span in _spans(permutations, batch, self._num_batches, self._length))
        reader = ThreadPoolExecutor(1)
        try:
            ahead = reader.submit(next, windows, None)
            while window := ahead.result():
                ahead = reader.submit(next, windows, None)
                yield window
        finally:
            reader.shutdown(wait=False, cancel_futures=True)

    def _read(self, order: Order, first: int, end: int) -> Window:
        in_window = order[first * self._batch_size : end * self._batch_size]
        local = _local_order(in_window, self._batch_size, self._local_slice)
        sorter = np.argsort(local)
        positions = np.empty_like(local)
        positions[sorter] = np.arange(len(local), dtype=np.int32)
        rows = local[sorter]
        arrays = self._images.read(rows), self._labels[rows].astype(np.int32), positions
        images, labels, order_in_window = [tf.constant(_padded(array, self._images_per_window)) for array in arrays]
        return Window(images, labels, order_in_window, first, end)


def _spans(
    permutations: Iterable[Order], batch: int, num_batches: int, length: int
) -> Iterator[tuple[Order, int, int]]:
    """Yield the order, the first batch and the end of each window, starting with the one that holds a batch."""
    for order in permutations:
        for first in range(0, num_batches, length):
            end = min(first + length, num_batches)
            if batch < end:
                yield order, first, end
        batch = 0


def _padded(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """Return an array with zeros behind it, if it is shorter."""
    missing = length - len(array)
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)]) if missing > 0 else array


def _local_order(order: Order, batch_size: int, local_slice: LocalSlice) -> Order:
    """Return the indices of the images that this process trains on: its slice of each batch."""
    full = len(order) // batch_size * batch_size
    of_batch, of_rest = local_slice(batch_size), local_slice(len(order) - full)
    batches = order[:full].reshape(-1, batch_size)[:, of_batch.start : of_batch.stop]
    return np.concatenate([batches.ravel(), order[full:][of_rest.start : of_rest.stop]])
