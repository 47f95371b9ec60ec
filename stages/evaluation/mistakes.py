"""Mistakes: how many a model makes, and of which it was surest."""

from dataclasses import dataclass

import numpy as np

from stages.evaluation.inference import Probabilities
from stages.images.arrays import Labels

KEPT = 24


@dataclass(frozen=True)
class Mistake:
    """An image that was taken for something else.

    Attributes:
        index: The image's number in its split.
        predicted: The most probable class.
        confidence: Its probability, 0…1.
    """

    index: int
    predicted: int
    confidence: np.float32


class Tally:
    """Mistakes, counted some images at a time.

    Attributes:
        images: How many images were counted.
        wrong: How many of them are mistakes.
        surest: The mistakes with the highest probability, the surest first, of equals the first; at most KEPT.
    """

    def __init__(self) -> None:
        self.images = self.wrong = 0
        self.surest: list[Mistake] = []

    def add(self, probabilities: Probabilities, labels: Labels) -> None:
        """Count the next images; `inference.count` says how they come."""
        predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        wrong = np.flatnonzero(predicted != labels)
        surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:KEPT]
        found = [Mistake(self.images + int(place), int(predicted[place]), confidence[place]) for place in surest]
        self.surest = sorted([*self.surest, *found], key=lambda mistake: -mistake.confidence)[:KEPT]
        self.wrong += len(wrong)
        self.images += len(labels)
