"""What is counted batch by batch, counted at once."""

from typing import Any

from stages.evaluation import calibration, mistakes, scores
from stages.evaluation.inference import Probabilities
from stages.images.arrays import Labels


def score(probabilities: Probabilities, labels: Labels) -> scores.Scores:
    return _counted(scores.Tally(*probabilities.shape), probabilities, labels).scores()


def bins(probabilities: Probabilities, labels: Labels) -> list[calibration.Bin]:
    return _counted(calibration.Tally(), probabilities, labels).bins()


def mistaken(probabilities: Probabilities, labels: Labels) -> mistakes.Tally:
    return _counted(mistakes.Tally(), probabilities, labels)


def _counted(tally: Any, probabilities: Probabilities, labels: Labels) -> Any:
    tally.add(probabilities, labels)
    return tally
