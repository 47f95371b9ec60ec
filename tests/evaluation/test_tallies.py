"""What is counted batch by batch has the bytes of what is counted at once."""

import numpy as np
import pytest

from stages.evaluation import calibration, mistakes, scores
from stages.evaluation.calibration import Bin
from tests import tallies

COUNT, NUM_CLASSES = 40_013, 7
RANDOM = np.random.Generator(np.random.PCG64(0))
PROBABILITIES = RANDOM.dirichlet(np.full(NUM_CLASSES, 0.1), COUNT).astype(np.float32)
PROBABILITIES[::50] = PROBABILITIES[3]  # so that some are alike
LABELS = RANDOM.integers(0, NUM_CLASSES, COUNT).astype(np.int32)


def in_parts(tally, size):
    for start in range(0, COUNT, size):
        tally.add(PROBABILITIES[start : start + size], LABELS[start : start + size])
    return tally


@pytest.mark.parametrize("size", [1, 3, 500, COUNT])
def test_scores_are_those_of_numpy_to_the_last_bit(size):
    scored = in_parts(scores.Tally(COUNT, NUM_CLASSES), size).scores()
    of_truth = PROBABILITIES[np.arange(COUNT), LABELS].astype(np.float64)

    assert float(-np.log(of_truth.clip(1e-7, 1.0)).mean()) == scored.loss
    assert int((PROBABILITIES.argmax(axis=1) != LABELS).sum()) == scored.errors
    assert tallies.score(PROBABILITIES, LABELS).by_class == scored.by_class


@pytest.mark.parametrize("size", [1, 3, 500, COUNT])
def test_bins_are_those_of_numpy_to_the_last_bit(size):
    confidence = PROBABILITIES.max(axis=1).astype(np.float64)
    right = PROBABILITIES.argmax(axis=1) == LABELS
    places = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    counts, rights, sums = (np.bincount(places, weights=of, minlength=15) for of in (None, right, confidence))
    expected = [Bin(*each) for each in zip(counts, rights, sums / np.maximum(counts, 1), strict=True)]

    assert expected == in_parts(calibration.Tally(), size).bins()


@pytest.mark.parametrize("size", [1, 3, 500, COUNT])
def test_the_surest_mistakes_are_those_of_a_stable_sort(size):
    found = in_parts(mistakes.Tally(), size)
    predicted, confidence = PROBABILITIES.argmax(axis=1), PROBABILITIES.max(axis=1)
    wrong = np.flatnonzero(predicted != LABELS)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][: mistakes.KEPT]

    assert (COUNT, len(wrong)) == (found.images, found.wrong)
    assert [mistakes.Mistake(each, predicted[each], confidence[each]) for each in surest] == found.surest
    assert {np.float32} == {type(each.confidence) for each in found.surest}
