import numpy as np

from stages.images.placement import masks

RING_AND_BAR = np.array(
    [
        [1, 1, 1, 0, 0, 0],
        [1, 0, 1, 0, 0, 1],
        [1, 1, 1, 0, 0, 1],
        [0, 0, 0, 1, 0, 1],
    ],
    bool,
)
EMPTY = np.zeros((3, 4), bool)


def test_components_are_joined_diagonally_and_the_largest_comes_first():
    ring, bar = masks.components(RING_AND_BAR)

    assert np.argwhere(bar).tolist() == [[1, 5], [2, 5], [3, 5]]
    assert np.array_equal(ring, RING_AND_BAR & ~bar)
    assert np.array_equal(masks.largest_component(RING_AND_BAR), ring)


def test_a_long_winding_component_is_one():
    spiral = np.zeros((41, 41), bool)
    spiral[::2] = True
    spiral[1::4, -1] = spiral[3::4, 0] = True

    assert len(masks.components(spiral)) == 1


def test_holes_are_filled_but_not_bays():
    filled = masks.fill_holes(RING_AND_BAR)

    assert np.argwhere(filled & ~RING_AND_BAR).tolist() == [[1, 1]]


def test_growing_and_shrinking_are_inverse_for_a_rectangle_within_the_border():
    rectangle = np.zeros((20, 30), bool)
    rectangle[5:12, 8:20] = True

    assert masks.size(masks.grow(rectangle, 3)) == (13, 18)
    assert np.array_equal(masks.shrink(masks.grow(rectangle, 3), 3), rectangle)


def test_shrinking_takes_the_border_for_outside():
    assert masks.size(masks.shrink(np.ones((9, 9), bool), 2)) == (5, 5)


def test_a_mask_has_a_bounding_box():
    assert masks.bounding_box(RING_AND_BAR[:, 3:]) == (slice(1, 4), slice(0, 3))
    assert masks.size(RING_AND_BAR) == (4, 6)
    assert masks.longer_side(RING_AND_BAR) == 6


def test_an_empty_mask_has_no_size_and_no_components():
    assert masks.size(EMPTY) == (0, 0)
    assert masks.components(EMPTY) == []
    assert not masks.largest_component(EMPTY).any()
    assert not masks.fill_holes(EMPTY).any()
