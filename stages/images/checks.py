"""Warnings of images that show nothing, and of splits whose pixels are hardly those of pictures."""

import logging
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from stages.common.printable import printable
from stages.images.arrays import Images, ImageSequence, Split, SplitInfo
from stages.images.problems import list_names

MIN_DEVIATION = 2.0  # levels of 0…255; the pixels of an image that deviate less show one colour
MIN_MEAN, MAX_MEAN = 2.0, 253.0  # levels of 0…255; a split beyond these is nearly black or white
MIN_RANGE = 64  # levels of 0…255 between the darkest and the brightest pixel of a split
FEW_PIXELS = 0.005  # fraction of the darkest and of the brightest pixels that make no contrast, as a scale bar
BLOCK_VALUES = 1 << 18  # channels of pixels that are summed at a time, or those of one image
SAMPLE_BITS = 15  # about 2**15 pixels of each slice are counted
MAX_NAMED = 3  # images

logger = logging.getLogger(__name__)


@runtime_checkable
class Named(Protocol):
    """Images whose sources have names."""

    def name(self, index: int) -> str:
        """Return the name of an image, such as the path of its picture."""


class Watched:
    """Images whose pixels are looked at while they are read once in their order, an `arrays.ImageSequence`.

    Args:
        images: Images of a split.

    Attributes:
        plain: Indices of the images of one colour, or nearly.
        lowest: Lowest pixel so far, 0…255.
        highest: Highest pixel so far, 0…255.
        counts: Number of the sampled pixels of each level so far, int64, (256,).
        is_alike: True if all images so far are equal.
    """

    def __init__(self, images: ImageSequence) -> None:
        self._images, self.shape = images, images.shape
        self.plain: list[int] = []
        self.lowest, self.highest = 255, 0
        self.counts = np.zeros(256, np.int64)
        self.is_alike = True
        self._first: Images | None = None

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        chunk = self._images[some]
        if len(chunk):
            self._look(some.indices(self.shape[0])[0], chunk)
        return chunk

    def name(self, index: int) -> str:
        """Return the name of an image."""
        return self._images.name(index) if isinstance(self._images, Named) else f"number {index}"

    def _look(self, start: int, chunk: Images) -> None:
        self.plain += (start + find_plain(chunk)).tolist()
        self.lowest, self.highest = min(self.lowest, int(chunk.min())), max(self.highest, int(chunk.max()))
        step = chunk.size >> SAMPLE_BITS | 1  # an odd one meets every column of most images
        self.counts += np.bincount(chunk.ravel()[::step], minlength=256)
        if self._first is None:
            self._first = chunk[:1].copy()
        self.is_alike = self.is_alike and bool((chunk == self._first).all())


def find_plain(images: Images) -> npt.NDArray[np.int64]:
    """Return the indices of the images that show one colour, or nearly.

    Args:
        images: uint8, (num_images, height, width) or (num_images, height, width, channels), 0…255.
    """
    size = max(1, BLOCK_VALUES // max(1, images[:1].size))
    blocks = (images[start : start + size] for start in range(0, len(images), size))
    return np.flatnonzero([variance < MIN_DEVIATION**2 for some in blocks for variance in _variances(some)])


def _variances(images: Images) -> npt.NDArray[np.float64]:
    """Return the largest variance of a channel of each image, from whole sums; red alone is one colour."""
    num_images, height, width = images.shape[:3]
    rows = images.reshape(num_images, height, -1)
    values = np.stack([rows.sum(axis=1, dtype=np.int64), np.square(rows, dtype=np.uint16).sum(axis=1, dtype=np.int64)])
    means, squares = values.reshape(2, num_images, width, -1).sum(axis=2) / (height * width)
    variances: npt.NDArray[np.float64] = (squares - means**2).max(axis=1)
    return variances


def warn_of_plain(count: int, images: str, names: Sequence[str]) -> None:
    """Log a warning of images that show one colour.

    Args:
        count: Number of these images.
        images: All images, with their number.
        names: Names of the first of them.
    """
    shown = ", ".join(names[:MAX_NAMED]) + (", …" if count > MAX_NAMED else "")
    logger.warning("warning: %d of %s show one colour, or nearly: %s", count, images, shown)


def warn(split: Split, watched: Watched, info: SplitInfo, classes: Sequence[str]) -> None:
    """Log a warning of each oddity of a split.

    Args:
        split: Name of the split.
        watched: Its images, all of which were read.
        info: Its counts and statistics.
        classes: Names of the classes, label 0 first.
    """
    images = f"{split} images"
    missing = [name for name, count in zip(classes, info.images_per_class, strict=True) if not count]
    if missing:
        text = "warning: none of the %d %s is of %s, so the scores say nothing about them"
        logger.warning(text, info.images, images, list_names([printable(name) for name in missing]))
    if watched.is_alike and info.images > 1:
        logger.warning("warning: all %d %s are equal to one another", info.images, images)
    elif watched.plain:
        names = [watched.name(index) for index in watched.plain[:MAX_NAMED]]
        warn_of_plain(len(watched.plain), f"{info.images} {images}", names)
    oddity = _oddity(watched, info)
    if oddity:
        text = "warning: the %s %s (mean %.1f, deviation %.1f, lowest %d, highest %d of 0…255); scale the data to 0…255"
        levels = info.pixel_mean, info.pixel_deviation, watched.lowest, watched.highest
        logger.warning(text, images, oddity, *levels)


def find_usual_range(counts: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Return the lowest and the highest level of pixels, without FEW_PIXELS at either end.

    Args:
        counts: Number of the pixels of each level, (256,).
    """
    from_below = np.cumsum(counts)
    few = FEW_PIXELS * from_below[-1]
    lowest = int(np.searchsorted(from_below, few, side="right"))
    return lowest, int(np.searchsorted(from_below, from_below[-1] - few))


def _oddity(watched: Watched, info: SplitInfo) -> str | None:
    if info.pixel_mean < MIN_MEAN:
        return "are nearly black"
    if info.pixel_mean > MAX_MEAN:
        return "are nearly white"
    if info.pixel_deviation < MIN_DEVIATION or watched.highest - watched.lowest < MIN_RANGE:
        return "have hardly any contrast"
    lowest, highest = find_usual_range(watched.counts)
    return f"lie within {lowest}…{highest} but for a few pixels" if highest - lowest < MIN_RANGE else None
