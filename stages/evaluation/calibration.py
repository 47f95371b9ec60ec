"""Calibration: whether a model that says 90 % is right nine times in ten."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.evaluation.inference import Probabilities
from stages.images.arrays import Labels

NUM_BINS = 15  # as in Guo et al.


@dataclass(frozen=True)
class Bin:
    """The images whose most probable class has a probability within one 15th of 0…1.

    Attributes:
        images: How many.
        right: How many of them are of that class.
        confidence: Mean of those probabilities, 0…1; 0 where there are no images.
    """

    images: int
    right: int
    confidence: float


class Tally:
    """Images by the probability of their most probable class, counted some at a time."""

    def __init__(self) -> None:
        self._counts, self._rights = np.zeros((2, NUM_BINS), dtype=np.int64)
        self._sums = np.zeros(NUM_BINS, dtype=np.float64)

    def add(self, probabilities: Probabilities, labels: Labels) -> None:
        """Count the next images; `inference.count` says how they come."""
        confidence = probabilities.max(axis=1).astype(np.float64)
        places = np.clip(np.ceil(confidence * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
        np.add.at(self._counts, places, 1)
        np.add.at(self._rights, places, probabilities.argmax(axis=1) == labels)
        np.add.at(self._sums, places, confidence)  # one after another, so the same however many come at a time

    def bins(self) -> list[Bin]:
        """Return the bins, the lowest first; bin m is ((m - 1)/15, m/15]."""
        return [
            Bin(int(count), int(hits), float(total / max(count, 1)))
            for count, hits, total in zip(self._counts, self._rights, self._sums, strict=True)
        ]


def expected_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: how far confidence is from accuracy, averaged over the images; 0…1.

    Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger: On calibration of modern neural networks, ICML 2017, section 2:
    the sum over the bins of |B|/n · |accuracy(B) - confidence(B)|, with 15 bins of equal width.
    """
    total = sum(each.images for each in bins)
    return sum(abs(each.right - each.images * each.confidence) for each in bins) / total
