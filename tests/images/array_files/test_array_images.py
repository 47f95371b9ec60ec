"""Images of an .npz file in any dtype, range and order of dimensions."""

from pathlib import Path

import numpy as np
import pytest

from stages.images import arrays
from tests import own

OUTPUT = Path("data/processed/own")
FILE = Path("mine.npz")
RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
GREY = np.stack([np.roll(RAMP, number) for number in range(12)])  # mean 127.5, all 0…255
MASKS = (GREY > 127).astype(np.uint8)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], 3)
LABELS = np.arange(12) % 2


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(images, test=None, text="npz:\n"):
    more = {} if test is None else {"x_test": test, "y_test": LABELS[: len(test)]}
    np.savez(FILE, x_train=images, y_train=LABELS[: len(images)], **more)
    return own.make(text, FILE)


def read():
    """Return all images in the order of the file, since the test images are a copy of them."""
    return arrays.read_split(OUTPUT, "train")[0]


FLOATS = GREY / 255
READ = {
    "uint8": (GREY, GREY, ""),
    "uint8, Fortran order": (np.asfortranarray(GREY), GREY, ""),
    "bool": (MASKS.astype(np.bool_), 255 * MASKS, "pixels 0…1 scaled to 0…255"),
    "0 and 1": (MASKS, 255 * MASKS, "pixels 0…1 scaled to 0…255"),
    "0 and 1 as int64": (MASKS.astype(np.int64), 255 * MASKS, "pixels 0…1 scaled to 0…255"),
    "0 and 1 as floats": (MASKS.astype(np.float32), 255 * MASKS, "pixels 0…1 scaled to 0…255"),
    "int64": (GREY.astype(np.int64), GREY, "int64 pixels 0…255 converted to uint8"),
    "int16, big-endian": (GREY.astype(">i2"), GREY, "int16 pixels 0…255 converted to uint8"),
    "uint16 of 8 bits": (GREY.astype(np.uint16), GREY, "uint16 pixels 0…255 converted to uint8"),
    "uint16": (GREY.astype(np.uint16) * 257, GREY, "pixels 0…65535 scaled to 0…255"),
    "uint16, big-endian": (GREY.astype(">u2") * 257, GREY, "pixels 0…65535 scaled to 0…255"),
    "floats 0…1": (FLOATS, GREY, "pixels 0…1 scaled to 0…255"),
    "float16 0…1": (FLOATS.astype(np.float16), GREY, "pixels 0…1 scaled to 0…255"),
    "float32 0…1, big-endian": (FLOATS.astype(">f4"), GREY, "pixels 0…1 scaled to 0…255"),
    "floats hardly beyond 0…1": (FLOATS * 1.0001 - 0.00005, GREY, "pixels 0…1 scaled to 0…255"),
    "floats 0…255": (GREY.astype(np.float32), GREY, "float32 pixels 0…255 converted to uint8"),
    "floats 0…255 that are no whole numbers": (GREY * 0.999, GREY, "float64 pixels 0…255 converted to uint8"),
    "floats -1…1": (FLOATS * 2 - 1, GREY, "pixels -1…1 scaled to 0…255"),
    "one channel": (GREY[..., np.newaxis], GREY, ""),
    "channels first, grey": (GREY[:, np.newaxis], GREY, "channels first, read as 16 × 16 × 1"),
    "channels first, colour": (np.moveaxis(COLOUR, 3, 1), COLOUR, "channels first, read as 16 × 16 × 3"),
    "channels first, floats": (
        np.moveaxis(COLOUR, 3, 1) / 255,
        COLOUR,
        "channels first, read as 16 × 16 × 3; pixels 0…1",
    ),
    "rows": (GREY.reshape(12, 256), GREY, "rows of 256 pixels, read as 16 × 16 × 1"),
    "rows of floats": (FLOATS.reshape(12, 256), GREY, "rows of 256 pixels, read as 16 × 16 × 1; pixels 0…1 scaled"),
    "opaque": (np.concatenate([COLOUR, np.full_like(COLOUR[..., :1], 255)], 3), COLOUR, "laid on white or black"),
}


@pytest.mark.parametrize("has_test", [True, False])
@pytest.mark.parametrize("case", READ)
def test_images_of_which_there_is_no_doubt_are_converted_and_told(case, has_test):
    images, expected, told = READ[case]
    result = make(images, images if has_test else None)
    assert result.exit_code == 0, result.output
    written = np.concatenate([arrays.read_split(OUTPUT, split)[0] for split in arrays.SPLITS])
    expected = expected.reshape(12, 16, 16, -1)
    if has_test:
        np.testing.assert_allclose(written[:12].astype(int), expected, atol=1)
    else:
        close = np.abs(written[:, np.newaxis].astype(int) - expected).max(axis=(2, 3, 4)) <= 1
        assert (close.any(axis=0).all(), close.any(axis=1).all()) == (True, True)
    assert told in result.stderr
    assert bool(told) == ("mine.npz: x_train: " in result.stderr)


def test_transparent_images_are_laid_on_what_shows_them():
    drawn = np.zeros((12, 16, 16, 4), np.uint8)
    drawn[:, 4:12, 4:8, 3] = 255
    drawn[::2, ..., :3] = 255  # white strokes in the even ones
    for images in (drawn, drawn / 255, np.moveaxis(drawn, 3, 1)):
        assert make(images, images).exit_code == 0
        assert read()[:2, 0, 0].tolist() == [[0, 0, 0], [255, 255, 255]]
        assert read()[:2, 6, 6].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_a_wholly_transparent_image_is_refused():
    drawn = np.full((12, 16, 16, 4), 255, np.uint8)
    drawn[7, ..., 3] = 0
    [line] = own.errors(make(drawn, drawn))
    assert line.startswith("mine.npz: x_train[7]: expected a visible image, received one that is transparent")


@pytest.mark.parametrize("scale", [1, 255])
def test_images_whose_opacity_was_meant_as_0_to_1_are_refused(scale):
    drawn = np.concatenate([COLOUR, np.ones_like(COLOUR[..., :1])], 3)
    [line] = own.errors(make(drawn / scale, drawn / scale))
    assert line.startswith("mine.npz: x_train[0]: expected a visible image, received one that is transparent, or")


def with_value(images, value):
    changed = images.astype(np.float64)
    changed[3, 2, 1] = value
    return changed


SHAPE = "x_train: expected images of the shape (number, height, width), or with 1, 3 or 4 channels behind, received "
REFUSED = {
    "zeros": (np.zeros_like(GREY), "x_train: expected images, received pixels that are all 0; check how they were"),
    "zeros as floats": (np.zeros(GREY.shape), "received pixels that are all 0"),
    "divided twice": (FLOATS / 255, "received float64 0…0.003922; they were probably divided by 255 twice"),
    "standardised": ((FLOATS - 0.5) / 0.25, "received float64 -2…2; they are probably normalized; save the pixels as"),
    "centred": (FLOATS - 0.5, "received float64 -0.5…0.5; they are probably normalized"),
    "0…16 as floats": (GREY // 16 * 1.0, "received float64 0…15; multiply them by 255 and divide them by the value of"),
    "0…100": (GREY / 2.55, "received float64 0…100; multiply them by 255"),
    "floats 0…65535": (GREY * 257.0, "received float64 0…65535"),
    "12 bits": (GREY.astype(np.uint16) * 16, "received uint16 0…4080; multiply them by 255 and divide them by the "
                "value of white, such as 4095"),
    "int32 of 16 bits": (GREY.astype(np.int32) * 257, "received int32 0…65535; multiply them by 255 and divide"),
    "int8": (GREY.astype(np.int8), "received int8 -128…127; they are probably uint8 saved as int8"),
    "as large as floats can be": (with_value(FLOATS, 1e308), "received float64 0…1e+308; save the pixels as they were"),
    "NaN": (with_value(FLOATS, np.nan), "x_train: expected numbers as pixels, received NaN or infinity in 1; replace"),
    "infinity": (with_value(GREY, np.inf), "x_train: expected numbers as pixels, received NaN or infinity in 1"),
    "text": (GREY.astype(str), "x_train: expected numbers as pixels, received <U3"),
    "complex": (GREY.astype(complex), "x_train: expected numbers as pixels, received complex128"),
    "objects": (np.array([*GREY[:11], GREY[11, 1:]], object), "received Python objects, as numpy.array makes them"),
    "colours in rows": (
        np.zeros((12, 3 * 64), np.uint8),
        SHAPE + "(12, 192); reshape them to (-1, 8, 8, 3), or to (-1, 3, 8, 8) if the three colours lie one after",
    ),
    "rows with a channel": (GREY.reshape(12, 256, 1), SHAPE + "(12, 256, 1); reshape the rows of pixels to (numb"),
    "rows with two channels": (GREY.reshape(12, 1, 256, 1), SHAPE + "(12, 1, 256, 1); reshape the rows of pixels to"),
    "rows behind a channel": (GREY.reshape(12, 1, 256), SHAPE + "(12, 1, 256); reshape the rows of pixels to (number"),
    "rows in colour": (COLOUR.reshape(12, 256, 3), SHAPE + "(12, 256, 3); reshape the rows of pixels to (number, h"),
    "rows of three colours": (np.ones((12, 3, 64), np.uint8), SHAPE + "(12, 3, 64); reshape the rows of pixels to"),
    "a single number": (np.array(5), "x_train: expected an array with an entry for each image, received a single"),
    "measurements": (np.ones((12, 4), np.uint8), SHAPE + "(12, 4); reshape them to (number, height, width)"),
    "rows of no square": (np.ones((12, 70), np.uint8), SHAPE + "(12, 70)"),
    "number behind": (np.moveaxis(GREY, 0, 2), SHAPE + "(16, 16, 12); put the number of the images first: nump"),
    "number behind, in colour": (np.moveaxis(COLOUR, 0, 3), SHAPE + "(16, 16, 3, 12); put the number of the images"),
    "a number for each": (np.arange(12), SHAPE + "(12,); check that the keys of images and labels are not swapped"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_images_in_doubt_are_refused_with_the_likely_cause(case):
    images, expected = REFUSED[case]
    np.savez(FILE, x_train=images, y_train=LABELS)
    [line] = own.errors(own.make("npz:\n", FILE))
    assert line.startswith("mine.npz: x_train: ")
    assert expected in line


def test_dark_test_images_have_the_range_of_the_training_images():
    assert make(FLOATS, FLOATS * 0.3).exit_code == 0
    assert arrays.read_split(OUTPUT, "test")[0].max() in (76, 77)
    assert make(FLOATS * 0.3, FLOATS).exit_code == 0
    assert make(GREY * 257.0 / 257, GREY * 0.4).exit_code == 0
    assert arrays.read_split(OUTPUT, "test")[0].max() == 102


@pytest.mark.parametrize("shape", [(12, 3, 8), (12, 1, 8), (12, 4, 4), (12, 3, 70, 3), (12, 20, 3, 3), (12, 63, 1)])
def test_small_and_narrow_images_are_no_rows(shape):
    images = np.random.Generator(np.random.PCG64(0)).integers(0, 256, shape, dtype=np.uint8)
    result = make(images, images)
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(read().reshape(shape), images)


def test_splits_may_differ_in_dtype():
    assert make(FLOATS, GREY).exit_code == 0
    np.testing.assert_array_equal(read()[..., 0], GREY)
    np.testing.assert_array_equal(arrays.read_split(OUTPUT, "test")[0][..., 0], GREY)


@pytest.mark.parametrize(
    ("images", "test", "expected"),
    [
        (FLOATS, GREY * 1.0, "x_test: expected pixels 0…1 like those of mine.npz: x_train, received 0…255; scale both"),
        (GREY, MASKS, "x_test: expected pixels 0…255 like those of mine.npz: x_train, received 0…1"),
        (FLOATS, FLOATS * 2 - 1, "x_test: expected pixels 0…1 like those of mine.npz: x_train, received -1…1"),
        (GREY, np.zeros_like(GREY), "x_test: expected images, received pixels that are all 0"),
        (GREY, COLOUR, "x_test: expected images of (16, 16) like the training images, received (16, 16, 3)"),
        (GREY, GREY[:, :-1], "x_test: expected images of (16, 16) like the training images, received (15, 16)"),
    ],
)
def test_splits_that_differ_are_refused(images, test, expected):
    [line] = own.errors(make(images, test))
    assert line.startswith(f"mine.npz: {expected}")


def test_images_of_16_levels_are_warned_of():
    result = make(GREY // 16, GREY // 16)
    assert result.exit_code == 0, result.output
    for split in ("train", "test"):
        expected = (
            f"warning: the {split} images have hardly any contrast (mean 7.5, deviation 4.6, lowest 0, highest 15"
        )
        assert expected in result.stderr


def test_an_image_is_named_by_its_index_in_the_array():
    images = GREY.copy()
    images[5] = 77
    result = make(images)
    assert "images show one colour, or nearly: mine.npz: x_train[5]" in result.stderr
