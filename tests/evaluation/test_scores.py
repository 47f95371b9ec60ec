import math

import numpy as np
import pytest

from stages.evaluation.scores import ClassScores
from tests import accumulators
from tests.accumulators import score

# six images of three classes: one of the two 0s is predicted as 1, one of the three 1s as 0, the only 2 as 1
PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.9, 0.05, 0.05], [0.1, 0.7, 0.2]],
    dtype=np.float32,
)
LABELS = np.array([0, 0, 1, 1, 1, 2], dtype=np.int32)


def test_accuracy_and_errors_are_of_the_most_probable_class():
    scores = score(PROBABILITIES, LABELS)

    assert (scores.accuracy, scores.errors) == (3 / 6, 3)


def test_loss_is_the_mean_cross_entropy_in_nats():
    expected = -sum(map(math.log, [0.7, 0.4, 0.8, 0.6, 0.05, 0.2])) / 6

    assert score(PROBABILITIES, LABELS).loss == pytest.approx(expected, rel=1e-6)


def test_confusion_has_a_row_for_each_actual_class():
    confusion = score(PROBABILITIES, LABELS).confusion

    assert confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 1, 0]]
    assert confusion.dtype == np.int64


def test_each_class_has_precision_recall_and_f1():
    first, second, never_predicted = score(PROBABILITIES, LABELS).by_class

    assert first == ClassScores(precision=1 / 2, recall=1 / 2, f1=1 / 2, images=2)
    assert second == ClassScores(precision=2 / 4, recall=2 / 3, f1=pytest.approx(4 / 7), images=3)
    assert never_predicted == ClassScores(precision=0, recall=0, f1=0, images=1)


def test_a_class_without_images_has_no_recall_and_no_f1():
    scores = score(PROBABILITIES[:5], LABELS[:5])

    assert scores.by_class[2] == ClassScores(precision=0, recall=None, f1=None, images=0)
    assert scores.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.macro_f1 == pytest.approx((1 / 2 + 2 * 2 / (2 + 1 + 2 + 1)) / 2)


def test_averages_over_the_classes_leave_out_those_without_images():
    probabilities, labels = accumulators.random_predictions()
    labels = np.minimum(labels, 4)  # classes 5 and 6 are predicted, but have no images
    predicted = probabilities.argmax(axis=1)
    correct = [np.sum((labels == label) & (predicted == label)) for label in range(5)]
    counts = [(np.sum(labels == label), np.sum(predicted == label)) for label in range(5)]
    scores = score(probabilities, labels)

    recalls = [hits / actual for hits, (actual, _) in zip(correct, counts, strict=True)]
    assert scores.balanced_accuracy == pytest.approx(np.mean(recalls))
    f1 = [2 * hits / (actual + predictions) for hits, (actual, predictions) in zip(correct, counts, strict=True)]
    assert scores.macro_f1 == pytest.approx(np.mean(f1))


def test_an_answer_that_is_always_the_most_frequent_class_has_the_balanced_accuracy_of_chance():
    labels = np.array([0] * 990 + [1] * 10, dtype=np.int32)
    scores = score(np.tile(np.array([0.9, 0.1], dtype=np.float32), (1000, 1)), labels)

    assert (scores.accuracy, scores.majority) == (0.99, 0.99)
    assert scores.balanced_accuracy == 0.5
    assert scores.macro_f1 == pytest.approx((2 * 990 / (1000 + 990) + 0) / 2)


def test_a_perfect_model_has_scores_of_one():
    scores = score(np.eye(3, dtype=np.float32)[LABELS], LABELS)

    assert (scores.accuracy, scores.errors, scores.loss) == (1.0, 0, 0.0)
    assert (scores.balanced_accuracy, scores.macro_f1) == (1.0, 1.0)
    assert set(scores.by_class) == {ClassScores(1.0, 1.0, 1.0, images) for images in (2, 3, 1)}


def test_a_certain_mistake_has_a_finite_loss():
    scores = score(np.array([[1, 0]], dtype=np.float32), np.array([1], dtype=np.int32))

    assert scores.loss == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize("batch_size", [1, 3, 500, None])
def test_scores_are_those_of_numpy_to_the_last_bit(batch_size):
    probabilities, labels = accumulators.random_predictions()
    scores = score(probabilities, labels, batch_size)
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)

    assert scores.loss == float(-np.log(of_label.clip(1e-7, 1.0)).mean())
    assert scores.errors == int((probabilities.argmax(axis=1) != labels).sum())
    assert scores.by_class == score(probabilities, labels).by_class
