import numpy as np
import pytest

from stages.images.placement import objects


def drawing(*boxes):
    """Return the mask of filled boxes, each given by its rows and columns."""
    mask = np.zeros((100, 140), bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


STEM = (20, 80, 30, 40)
TWO = {
    "next to each other": drawing(STEM, (20, 80, 60, 70)),
    "one smaller": drawing(STEM, (40, 75, 60, 90)),
    "one higher": drawing(STEM, (5, 60, 70, 80)),
    "three": drawing(STEM, (20, 80, 60, 70), (20, 80, 90, 100)),
    "with a speck": drawing(STEM, (20, 80, 60, 70), (5, 7, 5, 7)),
}
ONE = {
    "a stem": drawing(STEM),
    "the bar of a 5": drawing((30, 80, 30, 60), (18, 24, 40, 70)),
    "a gap in a stroke": drawing((20, 47, 30, 40), (51, 80, 30, 40)),
    "strokes close together": drawing(STEM, (20, 80, 44, 52)),
    "a speck beside it": drawing(STEM, (50, 53, 100, 103)),
    "nothing": drawing(),
}


@pytest.mark.parametrize("name", TWO)
def test_two_objects_of_about_one_height_are_told(name):
    assert objects.has_several_objects(TWO[name], np.ones((100, 140)))


@pytest.mark.parametrize("name", ONE)
def test_the_strokes_of_one_object_are_one(name):
    assert not objects.has_several_objects(ONE[name], np.ones((100, 140)))


def test_a_faint_line_between_two_objects_does_not_join_them():
    mask = drawing(STEM, (20, 80, 60, 70), (48, 52, 0, 140))
    ink = np.where(drawing(STEM, (20, 80, 60, 70)), 1, 0.1)

    assert objects.has_several_objects(mask, ink)


def test_small_print_far_from_the_object_is_a_detail():
    print_below = (92, 98, 90, 96)
    dot_above = (8, 16, 30, 40)
    mask = drawing(STEM, print_below, dot_above)

    assert np.array_equal(objects.find_details(mask, np.ones(mask.shape)), drawing(print_below))


def test_a_drawing_of_many_parts_has_no_details():
    mask = drawing(*((row, row + 12, column, column + 12) for row in (5, 40, 75) for column in (10, 60, 110)))

    assert not objects.find_details(mask, np.ones(mask.shape)).any()
