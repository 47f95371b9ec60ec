import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.images.placement import surroundings


def drawn(draw_on, background=0, size=(140, 100)):
    """Return the grey levels of a picture, drawn by a function of an ImageDraw."""
    picture = Image.new("L", size, background)
    draw_on(ImageDraw.Draw(picture))
    return np.asarray(picture)


def card(draw):
    """Draw a white card with a black stem on it."""
    draw.polygon([(25, 15), (115, 20), (113, 85), (23, 80)], fill=255)
    draw.rectangle((65, 30, 72, 70), fill=20)


def colours(levels):
    return np.repeat(levels[..., None].astype(np.float64), 3, axis=2)


def test_a_card_before_a_dark_table_is_a_sheet():
    levels = drawn(card, background=60)
    sheet = surroundings.find_sheet(colours(levels), levels > 150)

    assert sheet.shape[:2] == pytest.approx((65, 88), abs=8)
    assert (sheet < 100).mean() == pytest.approx((levels < 40).sum() / sheet[..., 0].size, abs=0.01)  # no table is left
    assert sheet[0, 0].tolist() == [255, 255, 255]


NO_SHEETS = {
    "a 0": lambda draw: draw.ellipse((40, 10, 100, 90), outline=255, width=14),
    "a disc": lambda draw: draw.ellipse((30, 10, 110, 90), fill=255),
    "a small card": lambda draw: draw.rectangle((60, 40, 85, 60), fill=255),
    "an 8": lambda draw: (
        draw.rectangle((50, 10, 90, 90), outline=255, width=13),
        draw.rectangle((50, 44, 90, 56), fill=255),
    ),
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("name", NO_SHEETS)
def test_drawings_are_no_sheets(name):
    levels = drawn(NO_SHEETS[name])
    assert surroundings.find_sheet(colours(levels), levels > 128) is None


@pytest.mark.parametrize("shape", ["rectangle", "ellipse"])
def test_a_frame_around_a_drawing_is_found(shape):
    frame = drawn(lambda draw: getattr(draw, shape)((20, 5, 120, 95), outline=255, width=3)) > 0
    stem = drawn(lambda draw: draw.rectangle((65, 25, 72, 75), fill=255)) > 0

    assert np.array_equal(surroundings.find_frames(frame | stem), frame)


def test_the_ring_of_a_digit_is_no_frame():
    ring = drawn(NO_SHEETS["a 0"]) > 0
    dot = drawn(lambda draw: draw.rectangle((68, 45, 75, 52), fill=255)) > 0

    assert not surroundings.find_frames(ring).any()
    assert not surroundings.find_frames(ring | dot).any()


def test_a_box_that_the_drawing_touches_is_found():
    box = drawn(lambda draw: draw.rectangle((20, 10, 120, 90), outline=255, width=2)) > 0
    stem = drawn(lambda draw: draw.rectangle((65, 12, 74, 88), fill=255)) > 0
    mask = box | stem

    found = surroundings.find_box(mask, np.ones(mask.shape))

    assert found[box & ~stem].mean() > 0.9
    assert found[stem].mean() < 0.2


def test_a_drawing_without_a_box_keeps_its_lines():
    mask = drawn(NO_SHEETS["a 0"]) > 0
    assert not surroundings.find_box(mask, np.ones(mask.shape)).any()
