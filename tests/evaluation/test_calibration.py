import numpy as np
import pytest

from stages.evaluation import calibration
from stages.evaluation.calibration import Bin
from tests.tallies import bins


def test_images_are_sorted_by_the_probability_of_what_is_predicted():
    probabilities = np.array([[0.95, 0.05], [0.97, 0.03], [0.41, 0.59], [1.0, 0.0]], dtype=np.float32)
    found = bins(probabilities, np.array([0, 1, 1, 0]))

    assert calibration.NUM_BINS == len(found)
    assert (3, 2, pytest.approx((0.95 + 0.97 + 1) / 3)) == (
        found[14].images, found[14].right, found[14].confidence,
    )  # fmt: skip
    assert found[8] == Bin(images=1, right=1, confidence=pytest.approx(0.59))
    assert {Bin(0, 0, 0.0)} == {each for number, each in enumerate(found) if number not in (8, 14)}


def test_a_bin_holds_its_upper_end():
    probabilities = np.array([[0.2] * 5], dtype=np.float64)  # 0.2 = 3/15 ends the third bin

    assert 1 == bins(probabilities, np.array([0]))[2].images


def test_the_error_is_the_gap_averaged_over_the_images():
    made_up = [Bin(images=8, right=4, confidence=0.6), Bin(0, 0, 0.0), Bin(images=2, right=2, confidence=0.9)]

    assert (8 * 0.1 + 2 * 0.1) / 10 == pytest.approx(calibration.expected_error(made_up))


def test_a_model_that_is_as_sure_as_it_is_right_has_no_error():
    probabilities = np.array([[0.75, 0.25]] * 4, dtype=np.float32)

    assert calibration.expected_error(bins(probabilities, np.array([0, 0, 0, 1]))) == pytest.approx(0)
