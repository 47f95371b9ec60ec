"""What the training steps read: all images from memory, or some batches after others from the disk.

A window of some batches is read by a thread while the steps train on the one before, also where that ends an epoch. The
images come in the same order either way, so the result is the same to the last bit.
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
from stages.training.order import SHUFFLED_TOGETHER
from stages.training.splits import Examples

WINDOW_BYTES = 1 << 26

Order = npt.NDArray[np.int32]
Share = Callable[[int], range]


class Window(NamedTuple):
    """Some batches of an epoch, one after another.

    All windows of a training have the same shapes, since XLA compiles the steps for each shape anew; where the last one
    of an epoch has fewer batches, zeros follow.

    Attributes:
        images: uint8, (M, height, width, channels), 0…255.
        labels: int32, (M,).
        order: int32, (N,): which of the images the batches hold, a batch behind another.
        first: The number of its first batch in the epoch.
        end: The number of the batch behind its last one.
    """

    images: tf.Tensor
    labels: tf.Tensor
    order: tf.Tensor
    first: int
    end: int


class Windows(Protocol):
    """The images to train on."""

    def of(self, orders: Iterable[Order], batch: int) -> Iterator[Window]:
        """Yield the windows of some epochs, beginning with the one that holds a batch of the first.

        Args:
            orders: The numbers of all images in the order of an epoch, (num_images,), for each epoch.
            batch: The number of the batch in the first epoch; that of the last batch and one, if none is left.
        """


def open_windows(examples: Examples, batch_size: int, share: Share) -> Windows:
    """Return the windows of examples.

    Args:
        examples: As `splits.split` returns them; `FileRows` stay on the disk.
        batch_size: Images in a batch; the last one of an epoch has what remains.
        share: Which images of a batch of so many this process trains on.
    """
    images, labels = examples
    if isinstance(images, FileRows):
        return FromDisk(images, labels, batch_size, share)
    return FromMemory(images, labels, batch_size, share)


class FromMemory:
    """All images in TensorFlow's memory, as bytes: an epoch is one window.

    Args: As `open_windows`.
    """

    def __init__(self, images: Images, labels: Labels, batch_size: int, share: Share) -> None:
        self._images, self._labels = tf.constant(images), tf.constant(labels, tf.int32)
        self._batch_size, self._share = batch_size, share
        self._num_batches = math.ceil(len(labels) / batch_size)

    def of(self, orders: Iterable[Order], batch: int) -> Iterator[Window]:
        """Yield the one window of each epoch."""
        for order, first, end in _parts(orders, batch, self._num_batches, self._num_batches):
            chosen = _shared(order, self._batch_size, self._share)
            yield Window(self._images, self._labels, tf.constant(chosen), first, end)


class FromDisk:
    """Images on the disk: windows of at most 64 MB, the next one read ahead.

    Args: As `open_windows`.
    """

    def __init__(self, images: FileRows, labels: Labels, batch_size: int, share: Share) -> None:
        self._images, self._labels = images, labels
        self._batch_size, self._share = batch_size, share
        self._num_batches = math.ceil(len(labels) / batch_size)
        # of more images than are shuffled together, a window would read some blocks in part
        most = min(WINDOW_BYTES // math.prod(images.shape[1:]), SHUFFLED_TOGETHER)
        # in whole batches, whatever the share, so that all workers go through the same windows
        self._length = min(max(1, most // batch_size), self._num_batches)
        # of the last batch of an epoch, which is smaller, a share may be larger
        whole, rest = len(share(batch_size)), len(share(len(labels) % batch_size))
        self._images_in_window = (self._length - 1) * whole + max(whole, rest)

    def of(self, orders: Iterable[Order], batch: int) -> Iterator[Window]:
        """Yield the windows of some epochs, beginning with the one that holds a batch of the first."""
        windows = (self._read(*part) for part in _parts(orders, batch, self._num_batches, self._length))
        reader = ThreadPoolExecutor(1)
        try:
            ahead = reader.submit(next, windows, None)
            while window := ahead.result():
                ahead = reader.submit(next, windows, None)
                yield window
        finally:
            reader.shutdown(wait=False, cancel_futures=True)

    def _read(self, order: Order, first: int, end: int) -> Window:
        chosen = _shared(order[first * self._batch_size : end * self._batch_size], self._batch_size, self._share)
        sorter = np.argsort(chosen)
        places = np.empty_like(chosen)
        places[sorter] = np.arange(len(chosen), dtype=np.int32)
        numbers = chosen[sorter]
        arrays = self._images.read(numbers), self._labels[numbers].astype(np.int32), places
        images, labels, order_of_window = [tf.constant(_padded(array, self._images_in_window)) for array in arrays]
        return Window(images, labels, order_of_window, first, end)


def _parts(orders: Iterable[Order], batch: int, num_batches: int, length: int) -> Iterator[tuple[Order, int, int]]:
    """Yield the order, the first batch and the end of each window, beginning with the one that holds a batch."""
    for order in orders:
        for first in range(0, num_batches, length):
            end = min(first + length, num_batches)
            if batch < end:
                yield order, first, end
        batch = 0


def _padded(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """Return an array with zeros behind it, if it is shorter."""
    missing = length - len(array)
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)]) if missing > 0 else array


def _shared(order: Order, batch_size: int, share: Share) -> Order:
    """Return what a process trains on: its share of each batch."""
    whole = len(order) // batch_size * batch_size
    of_batch, of_rest = share(batch_size), share(len(order) - whole)
    batches = order[:whole].reshape(-1, batch_size)[:, of_batch.start : of_batch.stop]
    return np.concatenate([batches.ravel(), order[whole:][of_rest.start : of_rest.stop]])
