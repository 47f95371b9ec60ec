"""Mistakes of a model: their number, and the most confident of them."""

from dataclasses import dataclass

import numpy as np

from stages.evaluation.inference import Probabilities
from stages.images.arrays import Labels

MOST_CONFIDENT = 24  # mistakes that are kept


@dataclass(frozen=True)
class Mistake:
    """Image that was classified wrongly.

    Attributes:
        index: Index of the image in its split.
        predicted: Label of the predicted class.
        confidence: Probability of the predicted class, 0…1.
    """

    index: int
    predicted: int
    confidence: np.float32


@dataclass(frozen=True)
class Mistakes:
    """Mistakes on a split.

    Attributes:
        images: Number of images in the split.
        errors: Number of mistakes.
        most_confident: Mistakes with the highest confidence in descending order, at most MOST_CONFIDENT. Of equal
            ones, the first comes first.
    """

    images: int
    errors: int
    most_confident: list[Mistake]


class MistakeAccumulator:
    """Mistakes, updated batch by batch."""

    def __init__(self) -> None:
        self._images = self._errors = 0
        self._most_confident: list[Mistake] = []

    def update(self, probabilities: Probabilities, labels: Labels) -> None:
        """Add the next batch; the arguments of `inference.Accumulator.update`."""
        predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        wrong = np.flatnonzero(predicted != labels)
        candidates = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_CONFIDENT]
        mistakes = [Mistake(self._images + int(row), int(predicted[row]), confidence[row]) for row in candidates]
        ranked = sorted([*self._most_confident, *mistakes], key=lambda mistake: -mistake.confidence)
        self._most_confident = ranked[:MOST_CONFIDENT]
        self._errors += len(wrong)
        self._images += len(labels)

    def result(self) -> Mistakes:
        """Return the mistakes on all images so far."""
        return Mistakes(self._images, self._errors, self._most_confident)
