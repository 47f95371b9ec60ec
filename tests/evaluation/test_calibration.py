import numpy as np
import pytest

from stages.evaluation import calibration
from stages.evaluation.calibration import Bin
from tests import accumulators


def test_images_are_binned_by_confidence():
    probabilities = np.array([[0.95, 0.05], [0.97, 0.03], [0.41, 0.59], [1.0, 0.0]], dtype=np.float32)
    bins = accumulators.bins(probabilities, np.array([0, 1, 1, 0]))

    assert len(bins) == calibration.NUM_BINS
    assert bins[14] == Bin(images=3, correct=2, confidence=pytest.approx((0.95 + 0.97 + 1) / 3))
    assert bins[8] == Bin(images=1, correct=1, confidence=pytest.approx(0.59))
    assert {each for number, each in enumerate(bins) if number not in (8, 14)} == {Bin(0, 0, 0.0)}


def test_a_bin_contains_its_upper_bound():
    probabilities = np.array([[0.2] * 5], dtype=np.float64)  # 0.2 = 3/15 is the third bin's

    assert accumulators.bins(probabilities, np.array([0]))[2].images == 1


@pytest.mark.parametrize("batch_size", [1, 3, 500, None])
def test_bins_are_those_of_numpy_to_the_last_bit(batch_size):
    probabilities, labels = accumulators.random_predictions()
    confidence, correct = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels
    numbers = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    images, corrects, sums = (
        np.bincount(numbers, weights=weights, minlength=15) for weights in (None, correct, confidence)
    )
    expected = [Bin(*each) for each in zip(images, corrects, sums / np.maximum(images, 1), strict=True)]

    assert accumulators.bins(probabilities, labels, batch_size) == expected


def test_the_error_is_the_gap_averaged_over_the_images():
    bins = [Bin(images=8, correct=4, confidence=0.6), Bin(0, 0, 0.0), Bin(images=2, correct=2, confidence=0.9)]

    assert calibration.expected_calibration_error(bins) == pytest.approx((8 * 0.1 + 2 * 0.1) / 10)


def test_a_calibrated_model_has_no_error():
    probabilities = np.array([[0.75, 0.25]] * 4, dtype=np.float32)
    bins = accumulators.bins(probabilities, np.array([0, 0, 0, 1]))

    assert calibration.expected_calibration_error(bins) == pytest.approx(0)
