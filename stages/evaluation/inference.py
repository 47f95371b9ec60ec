"""A model's probabilities for many images."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from stages.console import progress
from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 500
THREADS = 2  # always, so that the last bits of a loss are the same on every number of cores

Probabilities = npt.NDArray[np.float32]


class Tally(Protocol):
    """What is counted batch by batch."""

    def add(self, probabilities: Probabilities, labels: Labels, /) -> None:
        """Count the next images: their probabilities, (N, num_classes), and their labels, integers, (N,)."""


def count(model: "keras.Model", images: FileRows, labels: Labels, what: str, *tallies: Tally) -> None:
    """Let tallies count a model's answers as they come, so that memory does not grow with the number of images.

    Args:
        model: Takes the images, answers with probabilities.
        images: uint8, (N, height, width, channels), 0…255.
        labels: Integers, (N,), 0…num_classes - 1.
        what: Stands before the progress bar.
        tallies: Each counts all images.
    """
    start = 0
    for probabilities in predict_batches(model, images, what):
        end = start + len(probabilities)
        for tally in tallies:
            tally.add(probabilities, labels[start:end])
        start = end


def predict_batches(
    model: "keras.Model", images: Images | FileRows | Sequence[Images], what: str
) -> Iterator[Probabilities]:
    """Yield the probability of each class for each image, BATCH_SIZE images at a time.

    Args:
        model: Takes the images, answers with probabilities.
        images: uint8, (N, height, width, channels), 0…255.
        what: Stands before the progress bar.

    Yields:
        float32, (batch_size, num_classes), 0…1, each row summing to 1.
    """
    with progress(what, len(images), "images") as advance:
        for start in range(0, len(images), BATCH_SIZE):
            batch = np.asarray(images[start : start + BATCH_SIZE], dtype=np.float32)
            yield model.predict_on_batch(batch)
            advance(len(batch))


def predict(model: "keras.Model", images: Sequence[Images], what: str) -> Probabilities:
    """Return the probabilities of all images at once, float32, (N, num_classes), as `predict_batches` yields them."""
    if not len(images):  # none of the pictures that somebody named could be read
        return np.empty((0, model.output_shape[-1]), dtype=np.float32)
    return np.concatenate(list(predict_batches(model, images, what)))
