import numpy as np
import pytest

from stages.evaluation.mistakes import MOST_CONFIDENT, Mistake
from tests import accumulators


@pytest.mark.parametrize("batch_size", [1, 3, 500, None])
def test_the_most_confident_mistakes_are_those_of_a_stable_sort(batch_size):
    probabilities, labels = accumulators.random_predictions()
    mistakes = accumulators.mistakes(probabilities, labels, batch_size)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    ranked = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_CONFIDENT]

    assert (mistakes.images, mistakes.errors) == (len(labels), len(wrong))
    assert mistakes.most_confident == [Mistake(index, predicted[index], confidence[index]) for index in ranked]
    assert {type(mistake.confidence) for mistake in mistakes.most_confident} == {np.float32}
