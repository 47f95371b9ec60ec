"""Accuracy, loss, confusion matrix, precision, recall and F1 of predictions; also averaged over the classes."""

from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from stages.evaluation.inference import Probabilities
from stages.images.arrays import Labels

SMALLEST_PROBABILITY = 1e-7  # as in Keras's cross-entropy, which would be infinite at 0
NOTABLE_DIFFERENCE = 0.005  # between accuracy and its averages over the classes, which classes of unequal size cause


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class.

    Attributes:
        precision: TP / (TP + FP), 0…1; 0 if no image was predicted as this class.
        recall: TP / (TP + FN), 0…1; None if no image is of this class.
        f1: Harmonic mean of precision and recall, 0…1; 0 if both are 0, None if no image is of this class.
        images: Number of images of this class.
    """

    precision: float
    recall: float | None
    f1: float | None
    images: int


@dataclass(frozen=True)
class Scores:
    """Scores of a model on a split.

    Attributes:
        accuracy: Fraction of the images that were classified correctly, 0…1.
        loss: Mean cross-entropy, in nats.
        balanced_accuracy: Mean recall of the classes that have images, 0…1.
        macro_f1: Mean F1 of the classes that have images, 0…1.
        majority: Fraction of the images that are of the most frequent class, 0…1.
        errors: Number of images that were classified wrongly.
        confusion: int64, (num_classes, num_classes): images of the row's class that were predicted as the column's.
        by_class: Scores of each class, label 0 first.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    majority: float
    loss: float
    errors: int
    confusion: npt.NDArray[np.int64]
    by_class: list[ClassScores]


class ScoreAccumulator:
    """Scores, updated batch by batch; the batch size does not change them.

    The accumulator keeps eight bytes per image. NumPy adds an array in pairs, so sums of batches would differ in the
    last digits.

    Args:
        num_images: Number of images in the split.
        num_classes: Number of classes.
    """

    def __init__(self, num_images: int, num_classes: int) -> None:
        self._confusion = np.zeros((num_classes, num_classes), dtype=np.int64)
        self._log_probabilities = np.empty(num_images, dtype=np.float64)
        self._num_seen = 0

    def update(self, probabilities: Probabilities, labels: Labels) -> None:
        """Add the next batch; the arguments of `inference.Accumulator.update`."""
        end = self._num_seen + len(labels)
        np.add.at(self._confusion, (labels, probabilities.argmax(axis=1)), 1)
        of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        self._log_probabilities[self._num_seen : end] = np.log(of_label.clip(SMALLEST_PROBABILITY, 1.0))
        self._num_seen = end

    def result(self) -> Scores:
        """Return the scores of the whole split."""
        num_images, correct = len(self._log_probabilities), int(self._confusion.trace())
        by_class = [_score_class(self._confusion, label) for label in range(len(self._confusion))]
        return Scores(
            accuracy=correct / num_images,
            balanced_accuracy=fmean(scores.recall for scores in by_class if scores.recall is not None),
            macro_f1=fmean(scores.f1 for scores in by_class if scores.f1 is not None),
            majority=int(self._confusion.sum(axis=1).max()) / num_images,
            loss=float(-self._log_probabilities.mean()),
            errors=num_images - correct,
            confusion=self._confusion,
            by_class=by_class,
        )


def _score_class(confusion: npt.NDArray[np.int64], label: int) -> ClassScores:
    correct = int(confusion[label, label])
    predicted, actual = int(confusion[:, label].sum()), int(confusion[label].sum())
    return ClassScores(
        precision=correct / predicted if predicted else 0.0,
        recall=correct / actual if actual else None,
        f1=2 * correct / (predicted + actual) if actual else None,
        images=actual,
    )
