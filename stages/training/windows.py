"""What the training steps read: all images from memory, or some batches after others from the disk.

A window of some batches is read by a thread while the steps train on the one before. The images come in the same order
either way, so the result is the same to the last bit.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows
from stages.training.splits import Examples

WINDOW_BYTES = 1 << 26

Order = npt.NDArray[np.int32]
Share = Callable[[int], range]


class Window(NamedTuple):
    """Some batches of an epoch, one after another.

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

    def of(self, order: Order, batch: int) -> Iterator[Window]:
        """Yield the windows of an epoch, beginning with the one that holds a batch.

        Args:
            order: The numbers of all images in the order of the epoch, (num_images,).
            batch: The number of the batch in the epoch.
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

    def of(self, order: Order, batch: int) -> Iterator[Window]:
        """Yield the one window of an epoch."""
        chosen = _shared(order, self._batch_size, self._share)
        yield Window(self._images, self._labels, tf.constant(chosen), 0, math.ceil(len(order) / self._batch_size))


class FromDisk:
    """Images on the disk: windows of about 64 MB, the next one read ahead.

    Args: As `open_windows`.
    """

    def __init__(self, images: FileRows, labels: Labels, batch_size: int, share: Share) -> None:
        self._images, self._labels = images, labels
        self._batch_size, self._share = batch_size, share
        # of whole batches, whatever the share: all workers must go through the same windows
        self._length = max(1, WINDOW_BYTES // (math.prod(images.shape[1:]) * batch_size))

    def of(self, order: Order, batch: int) -> Iterator[Window]:
        """Yield the windows of an epoch, beginning with the one that holds a batch."""
        firsts = range(batch // self._length * self._length, math.ceil(len(order) / self._batch_size), self._length)
        if not firsts:  # the epoch's last step is done
            return
        reader = ThreadPoolExecutor(1)
        try:
            ahead = reader.submit(self._read, order, firsts[0])
            for first in firsts[1:]:
                window, ahead = ahead.result(), reader.submit(self._read, order, first)
                yield window
            yield ahead.result()
        finally:
            reader.shutdown(wait=False, cancel_futures=True)

    def _read(self, order: Order, first: int) -> Window:
        start, end = first * self._batch_size, (first + self._length) * self._batch_size
        chosen = _shared(order[start:end], self._batch_size, self._share)
        sorter = np.argsort(chosen)
        places = np.empty_like(chosen)
        places[sorter] = np.arange(len(chosen), dtype=np.int32)
        numbers = chosen[sorter]
        images, labels = tf.constant(self._images.read(numbers)), tf.constant(self._labels[numbers], tf.int32)
        last = min(first + self._length, math.ceil(len(order) / self._batch_size))
        return Window(images, labels, tf.constant(places), first, last)


def _shared(order: Order, batch_size: int, share: Share) -> Order:
    """Return what a process trains on: its share of each batch."""
    whole = len(order) // batch_size * batch_size
    of_batch, of_rest = share(batch_size), share(len(order) - whole)
    batches = order[:whole].reshape(-1, batch_size)[:, of_batch.start : of_batch.stop]
    return np.concatenate([batches.ravel(), order[whole:][of_rest.start : of_rest.stop]])
