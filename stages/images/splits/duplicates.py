"""Copies among the images of a dataset, found by the pixels that a network sees: equal ones, and nearly equal ones."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.common.console import progress
from stages.common.printable import printable
from stages.images.arrays import Images, ImageSequence, Labels, Split
from stages.images.problems import list_names
from stages.images.splits import perceptual_hash
from stages.images.splits.components import Pairs, connect
from stages.images.splits.perceptual_hash import Hashes
from stages.images.splits.splitting import HoldOut
from stages.images.splits.subsets import Indices

MAX_NAMED = 3  # pairs
SPLIT_PAIRS: tuple[tuple[Split, Split], ...] = (("test", "train"), ("validation", "train"), ("test", "validation"))

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Copies:
    """Pairs of images that are copies, by their positions in the order in which they were read.

    Attributes:
        equal: Pairs of images whose pixels are all equal; of many equal ones, each with the first.
        near: Pairs of images that are nearly equal.
        count: Number of all images.
    """

    equal: Pairs
    near: Pairs
    count: int

    def roots(self, with_near: bool) -> Indices:
        """Return the first copy of each image, int64, (count,); an image without copies is its own."""
        return connect(self.count, np.concatenate([self.equal, self.near]) if with_near else self.equal)


@dataclass(frozen=True)
class Contents:
    """Labels, splits and names of the images, in the order in which they were read.

    Attributes:
        labels: Labels, integers, (num_images,).
        splits: Split of each image, (num_images,).
        name: Function that returns the name of an image by its position.
        source: Folder or file of the data.
    """

    labels: Labels
    splits: npt.NDArray[np.str_]
    name: Callable[[int], str]
    source: Path


class Recorder:
    """Hashes of images, taken while they are read.

    They take about 25 bytes of memory an image. `find` takes up to 3 kB more for each image that is like many others.

    Args:
        folder: Folder for the thumbnails and sketches, which stay on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._thumbs_path, self._sketches_path = folder / "thumbnails", folder / "sketches"
        for path in (self._thumbs_path, self._sketches_path):
            path.unlink(missing_ok=True)
        self._digests: list[npt.NDArray[np.uint64]] = []
        self._bits: list[npt.NDArray[np.uint64]] = []
        self._shown: list[npt.NDArray[np.uint8]] = []
        self._shape: tuple[int, ...] = ()

    def record(self, images: ImageSequence) -> ImageSequence:
        """Return the same images, which must be read once in their order."""
        return Recorded(images, self)

    def add(self, images: Images) -> None:
        """Take the hashes of images.

        Args:
            images: uint8, (num_images, height, width) or (num_images, height, width, channels), 0…255.
        """
        digests = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
        self._digests.append(np.frombuffer(b"".join(digests), np.uint64))  # 64 bits hardly ever collide
        thumbs = perceptual_hash.thumbnails(images if images.ndim == 4 else images[..., np.newaxis])
        hashes = perceptual_hash.hash_thumbnails(thumbs)
        self._bits.append(hashes.bits)
        self._shown.append(hashes.shown)
        self._shape = thumbs.shape[1:]
        for path, values in ((self._thumbs_path, thumbs), (self._sketches_path, hashes.sketches)):
            with path.open("ab") as file:
                file.write(values.data)

    def find(self) -> Copies:
        """Return the copies among all images that were read."""
        digests = np.concatenate(self._digests)
        count = len(digests)
        _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
        copied = np.flatnonzero(first[inverse] != np.arange(count))
        equal = np.stack([copied, first[inverse][copied]], axis=1)
        sketches = np.memmap(self._sketches_path, np.int8, mode="r").reshape(count, -1)
        thumbs = np.memmap(self._thumbs_path, np.uint8, mode="r", shape=(count, *self._shape))
        hashes = Hashes(np.concatenate(self._bits), sketches, np.concatenate(self._shown))
        with progress("looking for copies", None):
            return Copies(equal, perceptual_hash.find_near_pairs(hashes, thumbs, np.sort(first)), count)


class Recorded:
    """Images whose hashes are taken while they are read once in their order, an `arrays.ImageSequence`.

    Args:
        images: The images.
        recorder: Takes the hashes.
    """

    def __init__(self, images: ImageSequence, recorder: Recorder) -> None:
        self._images, self._recorder, self.shape = images, recorder, images.shape

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        chunk = self._images[some]
        if len(chunk):
            self._recorder.add(chunk)
        return chunk


def tell(copies: Copies, contents: Contents, hold_out: HoldOut) -> None:
    """Log which images are copies: those of two classes, those of two splits, and those that were kept together.

    Args:
        copies: Pairs of copies.
        contents: The images.
        hold_out: Division of the images, if it was made here.
    """
    equal, near = copies.roots(with_near=False), copies.roots(with_near=True)
    contradictory = _of_several_classes(equal, contents.labels)
    _warn_of_contradictions(equal, contradictory, "equal", contents)
    others = _of_several_classes(near, contents.labels) & ~np.isin(near, near[contradictory])
    _warn_of_contradictions(near, others, "nearly equal", contents)
    for split, other in SPLIT_PAIRS:
        _warn_of_shared(split, other, equal, near, contents)
    if hold_out.crowded:
        text = (
            "warning: %s: all pictures of %s are copies, or nearly so; divided nevertheless, so the score says little"
        )
        logger.warning(text, contents.source, list_names(list(map(printable, hold_out.crowded))))
    if hold_out.is_used:
        _tell_together(near, contents)


def _tell_together(near: Indices, contents: Contents) -> None:
    """Log the copies that are all in the training images, or all in the test images."""
    in_train, in_test, in_validation = (
        np.isin(near, near[contents.splits == split]) for split in ("train", "test", "validation")
    )
    is_whole = (np.bincount(near)[near] > 1) & (in_train != in_test) & ~in_validation
    copied = np.flatnonzero(is_whole & (near != np.arange(len(near))))
    if len(copied):
        together = "copies stay together, in the training images or in the test images"
        shown = _named(copied, near[copied[:MAX_NAMED]], contents)
        line = "%s: %d pictures are copies, or nearly so; %s: %s"
        logger.info(line, contents.source, int(is_whole.sum()), together, shown)


def _of_several_classes(roots: Indices, labels: Labels) -> npt.NDArray[np.bool_]:
    """Return True for the images whose copies have several labels, (num_images,)."""
    is_other = labels != labels[roots]
    return np.isin(roots, roots[is_other])


def _warn_of_contradictions(
    roots: Indices, is_contradictory: npt.NDArray[np.bool_], likeness: str, contents: Contents
) -> None:
    others = np.flatnonzero(is_contradictory & (contents.labels != contents.labels[roots]))
    if len(others):
        _, first = np.unique(roots[others], return_index=True)
        others = others[np.sort(first)]
        count = f"{len(others)} pair{'s' if len(others) > 1 else ''}"
        line = "warning: %s: %s of pictures with %s pixels but different labels; correct the labels: %s"
        shown = _named(others, roots[others[:MAX_NAMED]], contents)
        logger.warning(line, contents.source, count, likeness, shown)


def _warn_of_shared(split: Split, other: Split, equal: Indices, near: Indices, contents: Contents) -> None:
    """Log a warning of the images of a split that are in another one, too."""
    is_here, is_there = contents.splits == split, contents.splits == other
    is_near, is_equal = (is_here & np.isin(roots, roots[is_there]) for roots in (near, equal))
    positions = np.flatnonzero(is_near)
    if len(positions):
        nearly = int((is_near & ~is_equal).sum())
        too = f", {nearly} of them nearly" if nearly else ""
        line = "warning: %s: %d of %d %s images are among the %s images, too%s, so the score is too high: %s"
        first = [int(np.flatnonzero(is_there & (near == near[position]))[0]) for position in positions[:MAX_NAMED]]
        shown = _named(positions, first, contents)
        logger.warning(line, contents.source, len(positions), int(is_here.sum()), split, other, too, shown)


def _named(positions: Indices, copies: Sequence[int] | Indices, contents: Contents) -> str:
    """Return the names of the first pairs, in words.

    Args:
        positions: Positions of images.
        copies: Position of a copy of each of the first ones.
        contents: Names of the images.
    """
    pairs = [
        " and ".join(printable(contents.name(int(each))) for each in sorted(pair))
        for pair in zip(positions[:MAX_NAMED].tolist(), map(int, copies), strict=True)
    ]
    return ", ".join(pairs) + (", …" if len(positions) > MAX_NAMED else "")
