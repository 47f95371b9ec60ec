import pytest

from stages.evaluation import intervals


@pytest.mark.parametrize(
    ("right", "images", "expected"),
    [
        (8, 10, (0.49016, 0.94331)),  # the usual example, as statsmodels and R's prop.test without correction give it
        (0, 10, (0.0, 0.27753)),
        (10, 10, (0.72247, 1.0)),
        (9621, 10_000, (0.95817, 0.96567)),
        (1, 1, (0.20655, 1.0)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_an_interval_is_wilsons(right: int, images: int, expected: tuple[float, float]):
    assert expected == pytest.approx(intervals.wilson(right, images), abs=1e-5)


def test_its_ends_are_the_shares_that_lie_z_deviations_from_what_was_counted():
    for end in intervals.wilson(37, 50):
        deviation = (end * (1 - end) / 50) ** 0.5
        assert intervals.Z == pytest.approx(abs(37 / 50 - end) / deviation)
