"""Calibration: accuracy compared with confidence, the probability of the predicted class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.evaluation.inference import Probabilities
from stages.images.arrays import Labels

NUM_BINS = 15  # as in Guo et al.


@dataclass(frozen=True)
class Bin:
    """Images whose confidence lies in one of NUM_BINS intervals of equal width.

    Attributes:
        images: Number of images.
        correct: Number of them that were classified correctly.
        confidence: Mean confidence, 0…1; 0 without images.
    """

    images: int
    correct: int
    confidence: float


class CalibrationAccumulator:
    """Bins of confidence, updated batch by batch."""

    def __init__(self) -> None:
        self._images, self._correct = np.zeros((2, NUM_BINS), dtype=np.int64)
        self._confidence_sums = np.zeros(NUM_BINS, dtype=np.float64)

    def update(self, probabilities: Probabilities, labels: Labels) -> None:
        """Add the next batch; the arguments of `inference.Accumulator.update`."""
        confidence = probabilities.max(axis=1).astype(np.float64)
        bins = np.clip(np.ceil(confidence * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
        np.add.at(self._images, bins, 1)
        np.add.at(self._correct, bins, probabilities.argmax(axis=1) == labels)
        np.add.at(self._confidence_sums, bins, confidence)  # adds in order, so the batch size changes no bit

    def result(self) -> list[Bin]:
        """Return the bins in ascending order; bin m covers ((m - 1)/15, m/15]."""
        return [
            Bin(int(images), int(correct), float(confidence_sum / max(images, 1)))
            for images, correct, confidence_sum in zip(self._images, self._correct, self._confidence_sums, strict=True)
        ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean gap between accuracy and confidence, weighted by images, 0…1.

    Source:
        C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger: On calibration of modern neural networks, ICML 2017, section 2:
        the sum over the bins of |B|/n · |accuracy(B) - confidence(B)|, with 15 bins of equal width.
    """
    total = sum(each.images for each in bins)
    return sum(abs(each.correct - each.images * each.confidence) for each in bins) / total
