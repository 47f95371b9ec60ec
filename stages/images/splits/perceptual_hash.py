"""Perceptual hash of images, which copies share that were saved again, resized, cropped a little or made brighter.

A hash alone calls too many drawings equal. It only proposes pairs; their thumbnails are then compared block by block.

Sources: M. Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002 (bits from random planes,
found in sorted lists of rotated hashes). C. Zauner, Implementation and benchmarking of perceptual image hash functions,
2010 (hashes of small grey images). J. Shi and C. Tomasi, Good features to track, CVPR 1994 (blocks with corners).
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.images.arrays import Images

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Pairs = npt.NDArray[np.int64]  # (num_pairs, 2), indices of images

SIDE = 16  # pixels of a thumbnail
MIN_SIDE = 12  # pixels; smaller images tell too little
BLOCKS = 4  # in a row and in a column of a thumbnail
SKETCH_SIDE = 8  # pixels
SKETCH_LEVELS = 32  # of a sketch, for one standard deviation
SKETCH_ROUNDING = 0.002  # mean square, in a thumbnail of deviation 1
BLUR = 16  # sum of the weights of a blurred pixel
MIN_DEVIATION = 8.0  # levels of 0…255; a picture below it is nearly of one grey
CORNER = 0.01  # smaller eigenvalue of the structure tensor, in a thumbnail of deviation 1
DISTINCT_CORNER = 0.03
SEED = 0  # of the planes
ROTATIONS = 16
NEIGHBOURS = 16  # in each sorted list
CHUNK_PAIRS = 4096
MAX_GAIN = 2.0  # ratio of two pictures' contrasts
MAX_COLOUR_DISTANCE = 8.0  # levels of 0…255
NOISE = 0.05  # variance that a block may have without showing anything, in a thumbnail of deviation 1
WEIGHTS = np.array([299, 587, 114])  # thousandths of red, green and blue in luminance, ITU-R BT.601

# Bits that may differ, and the largest difference of a block, by what both pictures show: nothing, of which only equal
# pictures are copies; few corners, as a drawing in grey; many corners; colours that differ from block to block.
MAX_BITS = np.array([0, 8, 14, 14])
MAX_DIFFERENCES = np.array([0, 0.02, 0.1, 0.2])
MIN_CORNERS, MANY_CORNERS = 2, 8  # of 16 blocks
MIN_COLOUR_DEVIATION = 12.0  # levels of 0…255, between the blocks


def thumbnails(images: Images) -> Images:
    """Return the images at 16 × 16 pixels or, if they are smaller, at their own size.

    Args:
        images: uint8, (num_images, height, width, channels), 0…255.

    Returns:
        uint8, (num_images, height, width, channels), 0…255. All arithmetic is exact, hence equal on every machine.
    """
    height, width = images.shape[1:3]
    rows, columns = _bounds(height, SIDE), _bounds(width, SIDE)
    bands = [images[:, top:bottom].sum(axis=1, dtype=np.int64) for top, bottom in pairwise(rows)]
    sums = np.add.reduceat(np.stack(bands, axis=1), columns[:-1], axis=2)
    sizes = (np.diff(rows)[:, np.newaxis] * np.diff(columns))[..., np.newaxis]
    means: Images = ((2 * sums + sizes) // (2 * sizes)).astype(np.uint8)
    return means


class Hashes(NamedTuple):
    """Perceptual hashes of images, and what their pairs are compared by.

    Attributes:
        bits: uint64, (num_images,).
        sketches: Luminance at 8 × 8 pixels, of mean 0 and the same contrast, int8, (num_images, 64); may be a map.
        shown: What the images show, indices into MAX_DIFFERENCES, uint8, (num_images,), 0…3.
    """

    bits: npt.NDArray[np.uint64]
    sketches: npt.NDArray[np.int8]
    shown: npt.NDArray[np.uint8]


def hash_thumbnails(thumbs: Images) -> Hashes:
    """Return the perceptual hashes of thumbnails.

    Args:
        thumbs: Thumbnails, uint8, (num_images, height, width, channels), 0…255.
    """
    grey = _blur(_luminance(thumbs))
    sums = (BLUR * grey).astype(np.float32).reshape(len(grey), -1)  # whole numbers: the product is exact
    bits = sums @ _planes(grey[0].size) > 0
    standardised, deviations = _standardised(grey)
    corners = _corners(standardised)
    has_corners = (corners > CORNER).sum(axis=1) >= MIN_CORNERS
    is_telling = has_corners & (deviations >= MIN_DEVIATION) & (min(thumbs.shape[1:3]) >= MIN_SIDE)
    is_rich = (corners > DISTINCT_CORNER).sum(axis=1) >= MANY_CORNERS
    is_coloured = np.sqrt(_colours(thumbs).var(axis=2).sum(axis=0)) >= MIN_COLOUR_DEVIATION
    shown = (is_telling * np.where(is_coloured, 3, np.where(is_rich, 2, 1))).astype(np.uint8)
    sketches = np.clip(np.rint(_blocks(standardised, SKETCH_SIDE) * SKETCH_LEVELS), -127, 127).astype(np.int8)
    return Hashes(np.packbits(bits, axis=1).view(np.uint64)[:, 0], sketches, shown)


def find_near_pairs(hashes: Hashes, thumbs: Images, some: Indices) -> Pairs:
    """Return pairs of images that are copies of one another, though not pixel by pixel.

    Time grows with the number of images times its logarithm, whatever they show: each is compared with its neighbours
    in sorted lists. If many images are alike, they hang together by some of their pairs, not all.

    Args:
        hashes: Perceptual hashes of all images.
        thumbs: Thumbnails of all images, uint8, (num_images, height, width, channels), 0…255, such as a memory map.
        some: Indices of the images to compare, int64, such as those that are no equal copies.

    Returns:
        Indices, int64, (num_pairs, 2), each pair once.
    """
    candidates = _find_candidates(hashes, some)
    limits = MAX_DIFFERENCES[hashes.shown[candidates].min(axis=1)]
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(candidates), CHUNK_PAIRS):
        pairs = candidates[start : start + CHUNK_PAIRS]
        first, second = (np.asarray(thumbs[pairs[:, side]]) for side in (0, 1))
        found.append(pairs[_difference(first, second) <= limits[start : start + CHUNK_PAIRS]])
    return np.concatenate(found)


def _find_candidates(hashes: Hashes, some: Indices) -> Pairs:
    """Return the pairs of like sketches that stand together in a sorted list of rotated hashes, each once."""
    telling = some[hashes.shown[some] > 0]
    bits = hashes.bits[telling]
    count = len(hashes.bits)
    found = np.zeros(0, np.int64)  # first image times `count`, plus second
    for rotation in range(0, 64, 64 // ROTATIONS):
        rotated = bits << np.uint64(rotation) | bits >> np.uint64((64 - rotation) % 64)
        order = telling[np.argsort(rotated, kind="stable")]
        more = [found]
        for step in range(1, min(NEIGHBOURS + 1, len(order))):
            pairs = np.sort(np.stack([order[:-step], order[step:]], axis=1), axis=1)
            pairs = pairs[_is_candidate(hashes, pairs)]
            more.append(pairs[:, 0] * count + pairs[:, 1])
        found = np.sort(np.concatenate(more))
        found = found[np.diff(found, prepend=-1) > 0]  # np.unique takes ten times as long
    return np.stack(np.divmod(found, max(count, 1)), axis=1)


def _is_candidate(hashes: Hashes, pairs: Pairs) -> npt.NDArray[np.bool_]:
    """Return True for pairs of like hashes and sketches. Copies have like sketches, as they have like blocks."""
    shown = hashes.shown[pairs].min(axis=1)
    distances = np.bitwise_count(hashes.bits[pairs[:, 0]] ^ hashes.bits[pairs[:, 1]])
    is_candidate: npt.NDArray[np.bool_] = distances <= MAX_BITS[shown]
    like = np.flatnonzero(is_candidate)
    one, other = (np.asarray(hashes.sketches[pairs[like, side]], np.int32) for side in (0, 1))
    squares = ((one - other) ** 2).mean(axis=1) / SKETCH_LEVELS**2
    is_candidate[like] = squares <= MAX_DIFFERENCES[shown[like]] * (1 + NOISE) + SKETCH_ROUNDING
    return is_candidate


def _difference(first: Images, second: Images) -> Floats:
    """Return the largest difference of a block between pictures, relative to what the block shows.

    Brightness and contrast do not count. Pictures of other colours or of far other contrasts differ infinitely.

    Args:
        first: Thumbnails, uint8, (num_pairs, height, width, channels), 0…255.
        second: Thumbnails of the same shape.

    Returns:
        (num_pairs,), 0…infinity.
    """
    (one, contrast), (other, other_contrast) = (_standardised(_blur(_luminance(some))) for some in (first, second))
    blocks = _blocks((one - other) ** 2)
    shown = (_variances(one) + _variances(other)) / 2
    difference = (blocks / (shown + NOISE)).max(axis=1)
    gain = contrast / other_contrast
    distance = _colour_distance(first, second, np.sqrt(gain))
    is_other = (np.maximum(gain, 1 / gain) > MAX_GAIN) | (distance > MAX_COLOUR_DISTANCE)
    result: Floats = np.where(is_other, np.inf, difference)
    return result


def _colour_distance(first: Images, second: Images, gain: Floats) -> Floats:
    """Return the distance of the blocks' mean colours, in levels, at the same contrast; JPEG keeps little more."""
    one, other = _colours(first) / gain[:, np.newaxis], _colours(second) * gain[:, np.newaxis]
    distances: Floats = np.sqrt(((one - other) ** 2).mean(axis=2).sum(axis=0))
    return distances


def _colours(thumbs: Images) -> Floats:
    """Return red and blue less luminance, the means of the blocks, (2, num_images, 16)."""
    grey = _luminance(thumbs)
    colours: Floats = np.stack([_blocks(thumbs[..., channel] - grey) for channel in (0, -1)])
    return colours


def _luminance(thumbs: Images) -> Floats:
    """Return whole levels 0…255 as floats, (num_images, height, width)."""
    if thumbs.shape[3] == 1:
        return thumbs[..., 0].astype(np.float64)
    levels: Floats = (thumbs.astype(np.int64) @ WEIGHTS // 1000).astype(np.float64)
    return levels


@cache
def _planes(size: int) -> npt.NDArray[np.float32]:
    """Return 64 random vectors of as many 1 as -1, so that a picture's mean does not count, (size, 64)."""
    half = np.ones(size // 2, np.float32)
    vector = np.concatenate([half, -half, np.zeros(size % 2, np.float32)])
    random = np.random.Generator(np.random.PCG64(SEED))
    return np.stack([random.permutation(vector) for _ in range(64)], axis=1)


def _blur(grey: Floats) -> Floats:
    """Return means with the weights 1, 2, 1 in both directions, so that sharp edges may be off by a little."""
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / BLUR


def _standardised(grey: Floats) -> tuple[Floats, Floats]:
    """Return pictures of mean 0 and deviation 1, and their deviations, (num_images,)."""
    deviations = np.maximum(grey.std(axis=(1, 2)), 1.0)
    centred = grey - grey.mean(axis=(1, 2), keepdims=True)
    return centred / deviations[:, np.newaxis, np.newaxis], deviations


def _corners(standardised: Floats) -> Floats:
    """Return the smaller eigenvalue of each block's structure tensor, (num_images, 16)."""
    padded = np.pad(standardised, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    right = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    vertical, horizontal, mixed = _blocks(down**2), _blocks(right**2), _blocks(down * right)
    return (vertical + horizontal) / 2 - np.sqrt(((vertical - horizontal) / 2) ** 2 + mixed**2)


def _blocks(values: Floats, count: int = BLOCKS) -> Floats:
    """Return the means of `count` × `count` blocks, (num_images, count²)."""
    rows, columns = (_bounds(side, count) for side in values.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(values, rows[:-1], axis=1), columns[:-1], axis=2)
    means: Floats = sums / (np.diff(rows)[:, np.newaxis] * np.diff(columns))
    return means.reshape(len(values), -1)


def _variances(values: Floats) -> Floats:
    return np.maximum(_blocks(values**2) - _blocks(values) ** 2, 0)


def _bounds(size: int, count: int) -> npt.NDArray[np.int64]:
    """Return the bounds of `count` nearly equal intervals of 0…size, or of single steps if there are fewer."""
    count = min(size, count)
    return np.arange(count + 1) * size // count
