import numpy as np
import pytest

from stages.images.placement import background

RED, BLUE = (205.0, 35.0, 40.0), (60.0, 95.0, 220.0)  # of about one brightness


def square_on(paper, ink):
    """Return the colours of a picture with a square on paper."""
    pixels = np.ones((40, 50, 1)) * np.asarray(paper, np.float64)
    pixels[10:30, 15:35] = ink
    return pixels


def smooth(rows, columns):
    """Return a surface of the second order, 48 × 64."""
    y, x = np.mgrid[-1:1:48j, -1:1:64j]
    return 150 + rows * y + columns * x + 20 * x * y


def test_a_grey_picture_keeps_its_levels():
    grey = np.random.Generator(np.random.PCG64(0)).uniform(0, 255, (8, 9))

    assert np.array_equal(background.to_grey(np.repeat(grey[..., None], 3, axis=2)), grey)


@pytest.mark.parametrize(("paper", "ink"), [(BLUE, RED), (RED, BLUE)])
def test_colours_of_equal_brightness_are_told_apart(paper, ink):
    pixels = square_on(paper, ink)
    brightness = pixels @ np.asarray(background.LUMA)
    assert np.ptp(brightness) < 20

    assert np.ptp(background.to_grey(pixels)) > 80


def test_black_on_white_is_told_by_brightness():
    pixels = square_on((255, 255, 255), (10, 20, 30))

    assert background.to_grey(pixels) == pytest.approx(pixels @ np.asarray(background.LUMA))


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (40, 0), (-30, 60)])
def test_the_surface_follows_the_light_and_not_the_drawing(rows, columns):
    light = smooth(rows, columns)
    pixels = light.copy()
    pixels[15:35, 20:45] = 30

    assert background.fit_surface(pixels) == pytest.approx(light, abs=1)


@pytest.mark.parametrize("deviation", [0, 3, 12])
def test_noise_is_measured_beside_a_drawing(deviation):
    noise = np.random.Generator(np.random.PCG64(0)).normal(0, deviation or 1e-9, (100, 100))
    pixels = smooth(20, 30)[:, :48].repeat(3, 0)[:100].repeat(3, 1)[:, :100] if deviation == 0 else 150 + noise
    pixels[40:60, 40:60] = 20

    assert background.noise(pixels) == pytest.approx(deviation, rel=0.15, abs=0.5)


def test_light_floods_all_that_has_contact_with_the_border():
    pixels = np.zeros((20, 20))
    pixels[:, 3] = 90  # a line that runs off the picture
    pixels[8:12, 10:14] = 200  # an object within it

    risen = pixels - background.flood_from_border(pixels)

    assert np.argwhere(risen > 0).tolist() == np.argwhere(pixels == 200).tolist()
    assert risen.max() == 200
