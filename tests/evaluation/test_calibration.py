import numpy as np
import pytest

from stages.evaluation import calibration
from stages.evaluation.calibration import Bin


def test_images_are_sorted_by_the_probability_of_what_is_predicted():
    probabilities = np.array([[0.95, 0.05], [0.97, 0.03], [0.41, 0.59], [1.0, 0.0]], dtype=np.float32)
    bins = calibration.bins(probabilities, np.array([0, 1, 1, 0]))

    assert calibration.NUM_BINS == len(bins)
    assert (3, 2, pytest.approx((0.95 + 0.97 + 1) / 3)) == (
        bins[14].images, bins[14].right, bins[14].confidence,
    )  # fmt: skip
    assert bins[8] == Bin(images=1, right=1, confidence=pytest.approx(0.59))
    assert {Bin(0, 0, 0.0)} == {each for number, each in enumerate(bins) if number not in (8, 14)}


def test_a_bin_holds_its_upper_end():
    probabilities = np.array([[0.2] * 5], dtype=np.float64)  # 0.2 = 3/15 ends the third bin

    assert 1 == calibration.bins(probabilities, np.array([0]))[2].images


def test_the_error_is_the_gap_averaged_over_the_images():
    bins = [Bin(images=8, right=4, confidence=0.6), Bin(0, 0, 0.0), Bin(images=2, right=2, confidence=0.9)]

    assert (8 * 0.1 + 2 * 0.1) / 10 == pytest.approx(calibration.expected_error(bins))


def test_a_model_that_is_as_sure_as_it_is_right_has_no_error():
    probabilities = np.array([[0.75, 0.25]] * 4, dtype=np.float32)

    assert calibration.expected_error(calibration.bins(probabilities, np.array([0, 0, 0, 1]))) == pytest.approx(0)
