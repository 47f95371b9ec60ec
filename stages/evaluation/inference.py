"""Class probabilities of many images, computed batch by batch."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from stages.common.console import progress
from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 500
THREADS = 2  # fixed, so that the last bits of a loss do not depend on the number of cores

Probabilities = npt.NDArray[np.float32]


class Accumulator(Protocol):
    """Statistics that are updated batch by batch, as Keras's metrics are."""

    def update(self, probabilities: Probabilities, labels: Labels, /) -> None:
        """Add the next batch.

        Args:
            probabilities: float32, (batch_size, num_classes), 0…1, each row summing to 1.
            labels: Integers, (batch_size,), 0…num_classes - 1.
        """


def accumulate(
    model: "keras.Model", images: FileRows, labels: Labels, description: str, *accumulators: Accumulator
) -> None:
    """Predict all images and update accumulators after each batch; memory does not grow with the number of images.

    Args:
        model: Model from images to class probabilities.
        images: uint8, (N, height, width, channels), 0…255.
        labels: Integers, (N,), 0…num_classes - 1.
        description: Text before the progress bar.
        *accumulators: Statistics to update; each sees every image once, in order.
    """
    start = 0
    for probabilities in predict_batches(model, images, description):
        end = start + len(probabilities)
        for accumulator in accumulators:
            accumulator.update(probabilities, labels[start:end])
        start = end


def predict_batches(
    model: "keras.Model", images: Images | FileRows | Sequence[Images], description: str
) -> Iterator[Probabilities]:
    """Yield the class probabilities of BATCH_SIZE images at a time.

    Args:
        model: Model from images to class probabilities.
        images: uint8, (N, height, width, channels), 0…255.
        description: Text before the progress bar.

    Yields:
        float32, (batch_size, num_classes), 0…1, each row summing to 1.
    """
    with progress(description, len(images), "images") as advance:
        for start in range(0, len(images), BATCH_SIZE):
            batch = np.asarray(images[start : start + BATCH_SIZE], dtype=np.float32)
            yield model.predict_on_batch(batch)
            advance(len(batch))


def predict(model: "keras.Model", images: Sequence[Images], description: str) -> Probabilities:
    """Return the class probabilities of all images, float32, (N, num_classes); the arguments of `predict_batches`."""
    if not len(images):  # none of the named pictures could be read
        return np.empty((0, model.output_shape[-1]), dtype=np.float32)
    return np.concatenate(list(predict_batches(model, images, description)))
