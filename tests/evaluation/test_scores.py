import math

import numpy as np
import pytest

from stages.evaluation.scores import ClassScores
from tests.tallies import score

# six images of three classes: of two 0s one is called 1, of three 1s one is called 0, the 2 is called 1
PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.9, 0.05, 0.05], [0.1, 0.7, 0.2]],
    dtype=np.float32,
)
LABELS = np.array([0, 0, 1, 1, 1, 2], dtype=np.int32)


def test_accuracy_and_errors_count_the_most_probable_class():
    scored = score(PROBABILITIES, LABELS)

    assert (3 / 6, 3) == (scored.accuracy, scored.errors)


def test_loss_is_the_mean_cross_entropy_in_nats():
    expected = -sum(map(math.log, [0.7, 0.4, 0.8, 0.6, 0.05, 0.2])) / 6

    assert score(PROBABILITIES, LABELS).loss == pytest.approx(expected, rel=1e-6)


def test_confusion_has_a_row_for_each_true_class():
    confusion = score(PROBABILITIES, LABELS).confusion

    assert confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 1, 0]]
    assert confusion.dtype == np.int64


def test_each_class_has_precision_recall_and_f1():
    first, second, never_called = score(PROBABILITIES, LABELS).by_class

    assert first == ClassScores(precision=1 / 2, recall=1 / 2, f1=1 / 2, images=2)
    assert second == ClassScores(precision=2 / 4, recall=2 / 3, f1=pytest.approx(4 / 7), images=3)
    assert never_called == ClassScores(precision=0, recall=0, f1=0, images=1)


def test_a_class_without_images_scores_nothing():
    scored = score(PROBABILITIES[:5], LABELS[:5])

    assert scored.by_class[2] == ClassScores(precision=0, recall=0, f1=0, images=0)


def test_a_perfect_model_scores_one():
    scored = score(np.eye(3, dtype=np.float32)[LABELS], LABELS)

    assert (1.0, 0, 0.0) == (scored.accuracy, scored.errors, scored.loss)
    assert {ClassScores(1.0, 1.0, 1.0, images) for images in (2, 3, 1)} == set(scored.by_class)


def test_a_certain_mistake_costs_much_but_not_infinitely():
    scored = score(np.array([[1, 0]], dtype=np.float32), np.array([1], dtype=np.int32))

    assert scored.loss == pytest.approx(-math.log(1e-7))
