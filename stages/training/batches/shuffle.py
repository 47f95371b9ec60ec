"""Order of the images in an epoch: a function of seed, epoch and number of images alone."""

import math

import numpy as np
import numpy.typing as npt

MAX_FULL_SHUFFLE = 1 << 17  # images; up to this number, every permutation is equally likely
BLOCK = 128  # images that lie side by side on the disk, and are read at once
BLOCKS_TOGETHER = 512  # blocks whose images are shuffled together
SHUFFLED_TOGETHER = BLOCKS_TOGETHER * BLOCK  # images


def epoch_permutation(seed: int, epoch: int, num_images: int) -> npt.NDArray[np.int32]:
    """Return the indices of the images in the order of an epoch, (num_images,).

    Beyond 131,072 images they are shuffled in blocks, for reading from a disk in time. Blocks of 128 images are drawn
    in random order, and the images of 512 blocks, from all over the data, are shuffled together.
    """
    random = np.random.Generator(np.random.PCG64([seed, epoch]))
    if num_images <= MAX_FULL_SHUFFLE:
        return random.permutation(num_images).astype(np.int32)
    blocks = random.permutation(math.ceil(num_images / BLOCK)).astype(np.int32)
    order: npt.NDArray[np.int32] = np.add.outer(blocks * np.int32(BLOCK), np.arange(BLOCK, dtype=np.int32)).ravel()
    order = order[order < num_images]  # the last block may be shorter
    for start in range(0, num_images, SHUFFLED_TOGETHER):
        random.shuffle(order[start : start + SHUFFLED_TOGETHER])
    return order
