import pytest

from stages.evaluation import intervals


@pytest.mark.parametrize(
    ("correct", "images", "expected"),
    [
        (8, 10, (0.49016, 0.94331)),  # the usual example, as statsmodels and R's prop.test without correction give it
        (0, 10, (0.0, 0.27753)),
        (10, 10, (0.72247, 1.0)),
        (9621, 10_000, (0.95817, 0.96567)),
        (1, 1, (0.20655, 1.0)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_an_interval_is_wilsons(correct: int, images: int, expected: tuple[float, float]):
    assert intervals.wilson(correct, images) == pytest.approx(expected, abs=1e-5)


def test_the_bounds_lie_z_deviations_from_the_counted_fraction():
    for bound in intervals.wilson(37, 50):
        deviation = (bound * (1 - bound) / 50) ** 0.5
        assert abs(37 / 50 - bound) / deviation == pytest.approx(intervals.Z)
