import pytest

from stages.experiments import significance


def test_the_margin_is_students():
    # 2.776 · sqrt(((0 + 4 + 4) + (1 + 0 + 1)) / 4 · (1/3 + 1/3)), by hand
    assert significance.margin([10, 8, 12], [4, 5, 6]) == pytest.approx(3.5838, abs=1e-4)


def test_one_value_is_judged_by_the_deviation_of_the_other_sample():
    assert significance.margin([1.0, 2.0, 3.0], [5.0]) == pytest.approx(4.303 * (1 * (1 / 3 + 1)) ** 0.5)
    assert significance.margin([5.0], [1.0, 2.0, 3.0]) == significance.margin([1.0, 2.0, 3.0], [5.0])


@pytest.mark.parametrize(("before", "after"), [([1.0], [2.0]), ([], [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [])])
def test_too_few_values_give_no_margin(before: list[float], after: list[float]):
    assert significance.margin(before, after) is None


def test_more_values_than_the_table_has_are_judged_by_its_last_entry():
    assert significance.margin([0.0, 2.0] * 20, [1.0]) == pytest.approx(2.042 * (40 / 39 * (1 / 40 + 1)) ** 0.5)


def test_the_deviation_is_the_samples():
    assert significance.deviation([1.0, 2.0, 3.0]) == 1.0
    assert significance.deviation([1.0]) is None
