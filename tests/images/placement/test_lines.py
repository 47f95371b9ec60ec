import numpy as np
import pytest

from stages.images.placement import lines

SHAPE = (80, 100)
ROWS, COLUMNS = np.mgrid[:80, :100]
STEM = (np.abs(COLUMNS - 50) < 4) & (ROWS > 15) & (ROWS < 65)


def ruled(slope=0.0, width=2.0):
    """Return two lines across a picture."""
    across = ROWS - slope * (COLUMNS - 50)
    return (np.abs(across - 30) < width) | (np.abs(across - 55) < width)


@pytest.mark.parametrize("slope", [0, 0.02, -0.05, 0.07])
def test_lines_across_a_picture_are_found_at_any_small_angle(slope):
    line = ruled(slope)
    found = lines.find_lines(line | STEM, np.ones(SHAPE))

    assert found[line & ~STEM].mean() > 0.9
    assert found[STEM].mean() < 0.05  # where a stroke crosses a line, the pixels are the stroke's


def test_upright_lines_are_found_too():
    line = ruled().T
    found = lines.find_lines(line, np.ones(line.shape))

    assert found[line].mean() > 0.9


@pytest.mark.parametrize(
    "mask",
    [
        STEM,
        STEM | ((np.abs(ROWS - 40) < 3) & (COLUMNS > 20) & (COLUMNS < 80)),  # ends within the picture
        np.abs(ROWS - 40) < 15,  # an area, no line
        np.abs(ROWS - 40 - 0.4 * (COLUMNS - 50)) < 3,  # steep
        np.zeros(SHAPE, bool),
    ],
    ids=["stem", "short bar", "area", "steep", "nothing"],
)
def test_strokes_and_areas_are_no_lines(mask):
    assert not lines.find_lines(mask, np.ones(SHAPE)).any()


def test_faint_lines_are_left_to_the_threshold():
    assert not lines.find_lines(ruled(), np.full(SHAPE, 0.2)).any()
