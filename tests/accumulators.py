"""Results of accumulators that are given all predictions, in one batch or in batches of a size."""

from typing import Any

import numpy as np

from stages.evaluation.calibration import Bin, CalibrationAccumulator
from stages.evaluation.inference import Probabilities
from stages.evaluation.mistakes import MistakeAccumulator, Mistakes
from stages.evaluation.scores import ScoreAccumulator, Scores
from stages.images.arrays import Labels


def score(probabilities: Probabilities, labels: Labels, batch_size: int | None = None) -> Scores:
    return _result(ScoreAccumulator(*probabilities.shape), probabilities, labels, batch_size)


def bins(probabilities: Probabilities, labels: Labels, batch_size: int | None = None) -> list[Bin]:
    return _result(CalibrationAccumulator(), probabilities, labels, batch_size)


def mistakes(probabilities: Probabilities, labels: Labels, batch_size: int | None = None) -> Mistakes:
    return _result(MistakeAccumulator(), probabilities, labels, batch_size)


def random_predictions() -> tuple[Probabilities, Labels]:
    """Return probabilities of 40,013 images and 7 classes, some of them equal, and labels."""
    random = np.random.Generator(np.random.PCG64(0))
    probabilities = random.dirichlet(np.full(7, 0.1), 40_013).astype(np.float32)
    probabilities[::50] = probabilities[3]
    return probabilities, random.integers(0, 7, len(probabilities)).astype(np.int32)


def _result(accumulator: Any, probabilities: Probabilities, labels: Labels, batch_size: int | None) -> Any:
    size = batch_size or len(labels)
    for start in range(0, len(labels), size):
        accumulator.update(probabilities[start : start + size], labels[start : start + size])
    return accumulator.result()
