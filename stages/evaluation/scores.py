"""What probabilities are worth, held against the labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.evaluation.inference import Probabilities
from stages.images.arrays import Labels

SMALLEST_PROBABILITY = 1e-7  # as in Keras's cross-entropy, which would be infinite at 0


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told from the others.

    Attributes:
        precision: Share of the images called so that are so, 0…1; 0 where none is called so.
        recall: Share of the images that are so that are called so, 0…1; 0 where there are none.
        f1: Their harmonic mean, 0…1; 0 where both are 0.
        images: How many images are of this class.
    """

    precision: float
    recall: float
    f1: float
    images: int


@dataclass(frozen=True)
class Scores:
    """What a model is worth on a split.

    Attributes:
        accuracy: Share of the images whose most probable class is right, 0…1.
        loss: Mean cross-entropy, in nats.
        errors: Number of images whose most probable class is wrong.
        confusion: int64, (num_classes, num_classes): images of the row's class that were called the column's.
        by_class: The scores of each class.
    """

    accuracy: float
    loss: float
    errors: int
    confusion: npt.NDArray[np.int64]
    by_class: list[ClassScores]


class Tally:
    """Scores, counted some images at a time; they are the same however many at a time.

    It keeps eight bytes an image: NumPy adds an array in pairs, and parts of it would give other last digits.

    Args:
        num_images: How many images are going to be counted.
        num_classes: How many classes there are.
    """

    def __init__(self, num_images: int, num_classes: int) -> None:
        self._confusion = np.zeros((num_classes, num_classes), dtype=np.int64)
        self._logs = np.empty(num_images, dtype=np.float64)
        self._counted = 0

    def add(self, probabilities: Probabilities, labels: Labels) -> None:
        """Count the next images; `inference.count` says how they come."""
        end = self._counted + len(labels)
        np.add.at(self._confusion, (labels, probabilities.argmax(axis=1)), 1)
        of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        self._logs[self._counted : end] = np.log(of_truth.clip(SMALLEST_PROBABILITY, 1.0))
        self._counted = end

    def scores(self) -> Scores:
        """Return the scores of all images."""
        num_images, right = len(self._logs), int(self._confusion.trace())
        return Scores(
            accuracy=right / num_images,
            loss=float(-self._logs.mean()),
            errors=num_images - right,
            confusion=self._confusion,
            by_class=[_score_class(self._confusion, number) for number in range(len(self._confusion))],
        )


def _score_class(confusion: npt.NDArray[np.int64], number: int) -> ClassScores:
    hits, called, there = (
        int(count) for count in (confusion[number, number], confusion[:, number].sum(), confusion[number].sum())
    )
    return ClassScores(
        precision=hits / called if called else 0.0,
        recall=hits / there if there else 0.0,
        f1=2 * hits / (called + there) if hits else 0.0,
        images=there,
    )
