"""A model's probabilities for many images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stages.console import progress
from stages.images.arrays import Images

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 500
THREADS = 2  # always, so that the last bits of a loss are the same on every number of cores

Probabilities = npt.NDArray[np.float32]


def predict(model: "keras.Model", images: "Images | Sequence[Images]", what: str) -> Probabilities:
    """Return the probability of each class for each image.

    Args:
        model: Takes the images, answers with probabilities.
        images: uint8, (N, height, width, channels), 0…255; a memory map or a list do as well.
        what: Stands before the progress bar.

    Returns:
        float32, (N, num_classes), 0…1, each row summing to 1.
    """
    if not len(images):  # none of the pictures that somebody named could be read
        return np.empty((0, model.output_shape[-1]), dtype=np.float32)
    batches = []
    with progress(what, len(images), "images") as advance:
        for start in range(0, len(images), BATCH_SIZE):
            batch = np.asarray(images[start : start + BATCH_SIZE], dtype=np.float32)
            batches.append(model.predict_on_batch(batch))
            advance(len(batch))
    return np.concatenate(batches)
