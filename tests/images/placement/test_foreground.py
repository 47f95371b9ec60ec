import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from benchmarks import scenes
from stages.common.errors import InputError
from stages.images.catalog import Dataset, Placement
from stages.images.picture_files import pictures
from stages.images.placement import foreground
from tests import tiny

SIZE, SHAPE = (28, 28), (28, 28, 1)
CORNERS = (
    (0.08, 0.08),
    (0.92, 0.08),
    (0.08, 0.92),
    (0.92, 0.92),
    (0.5, 0.5),
)  # across and down, as fractions of the free room


def pen(side=300, tall=0.5, at=(0.5, 0.5), background=255, ink=0, width=0.12):
    """Return a picture of a ring, a stem and a line below, like a digit; sizes are fractions of the side."""
    picture = Image.new("L", (side, side), background)
    height, across = tall * side, 0.6 * tall * side
    left, top = at[0] * (side - across), at[1] * (side - height)
    stroke = max(1, round(width * height))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((left, top, left + across, top + height * 0.6), outline=ink, width=stroke)
    draw.rectangle((left, top + height - stroke, left + across, top + height - 1), fill=ink)
    middle = left + across / 2
    draw.rectangle((middle - stroke / 2, top + height * 0.6 - stroke, middle + stroke / 2, top + height - 1), fill=ink)
    return picture


def place(picture, fit, centre):
    """Return the image of 28 × 28 pixels in which a picture's foreground is placed."""
    return foreground.place(picture, SIZE, Placement(fit=fit, centre=centre))


def uneven(picture, strength, noise=0.0):
    """Return a picture with noise, in light that falls off across it."""
    pixels = np.asarray(picture, np.float64)
    down, across = np.mgrid[-1 : 1 : pixels.shape[0] * 1j, -1 : 1 : pixels.shape[1] * 1j]
    pixels = pixels + strength * (across + 0.5 * down + 0.3 * across**2)
    pixels += np.random.Generator(np.random.PCG64(0)).normal(0, noise or 1e-9, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def box(image):
    """Return top, bottom, left and right of the pixels brighter than a quarter, the ends excluded."""
    rows, columns = (np.flatnonzero((image > 64).any(axis=axis)) for axis in (1, 0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def check(image, fit, centre):
    assert (image.dtype, image.shape) == (np.uint8, SIZE)
    top, bottom, left, right = box(image)
    assert max(bottom - top, right - left) == pytest.approx(fit, abs=1)
    if centre == "mass":
        assert foreground._centre_of_mass(image / 255) == pytest.approx((14.5, 14.5), abs=1)
    else:
        assert ((top + bottom) / 2, (left + right) / 2) == pytest.approx((14, 14), abs=1)
    assert image.max() == 255


PLACEMENTS = [(20, "mass"), (28, "box"), (16, "box")]


@pytest.mark.parametrize(("fit", "centre"), PLACEMENTS)
@pytest.mark.parametrize("at", CORNERS)
@pytest.mark.parametrize(("background", "ink"), [(255, 0), (0, 255), (200, 90), (110, 40), (60, 160)])
def test_a_foreground_is_placed_alike_at_any_place_light_or_dark(at, background, ink, fit, centre):
    image = place(pen(at=at, background=background, ink=ink), fit, centre)
    check(image, fit, centre)
    whole = place(pen(), fit, centre)
    shifted = [np.roll(whole, columns, axis=1) for columns in (-1, 0, 1)]  # a middle between two pixels goes to one
    assert min(np.abs(image.astype(float) - other).mean() for other in shifted) < 8


@pytest.mark.parametrize(("fit", "centre"), PLACEMENTS)
@pytest.mark.parametrize(("side", "tall"), [(28, 0.7), (60, 0.9), (300, 0.2), (2000, 0.1), (2000, 0.8)])
def test_a_foreground_of_any_size_is_placed(side, tall, fit, centre):
    check(place(pen(side, tall), fit, centre), fit, centre)


@pytest.mark.parametrize(("fit", "centre"), PLACEMENTS)
@pytest.mark.parametrize("at", CORNERS)
@pytest.mark.parametrize(("strength", "noise"), [(40, 0), (-40, 0), (0, 12), (40, 8)])
def test_uneven_light_and_noise_are_background(at, strength, noise, fit, centre):
    picture = uneven(pen(at=at, background=170, ink=60), strength, noise)
    check(place(picture, fit, centre), fit, centre)


def test_specks_of_dirt_are_dropped():
    picture = pen(at=(0.9, 0.5))
    draw = ImageDraw.Draw(picture)
    for x, y in ((5, 5), (30, 250), (60, 40)):
        draw.ellipse((x, y, x + 4, y + 4), fill=0)
    check(place(picture, 20, "mass"), 20, "mass")


def test_thin_strokes_of_a_large_picture_do_not_vanish():
    image = place(pen(1500, 0.8, width=0.005), 20, "mass")
    check(image, 20, "mass")
    assert np.count_nonzero(image > 128) > 40


def test_a_foreground_that_would_stick_out_is_kept_inside():
    picture = Image.new("L", (200, 200), 255)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((20, 20, 180, 60), fill=0)
    draw.rectangle((95, 60, 105, 180), fill=0)  # its mass lies far above its middle
    top, bottom, *_ = box(place(picture, 28, "mass"))
    assert (top, bottom) == (0, 28)


def half_white(is_diagonal):
    """Return a black and a white part, with a bar of white in the black one: its ink is equal but for rounding."""
    down, across = np.mgrid[:28, :28]
    pixels = np.full((28, 28), 255, np.uint8)
    if is_diagonal:
        pixels[down - across > 1] = 0
        pixels[(down + across == 28) & (np.abs(down - across - 2) < 4)] = 255
    else:
        pixels[:, :9] = 0
        pixels[8:18, 4:6] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("centre", ["mass", "box"])
@pytest.mark.parametrize("is_diagonal", [False, True])
def test_ink_that_is_equal_but_for_rounding_is_placed(is_diagonal, centre):
    assert place(half_white(is_diagonal), 20, centre).max() == 255


@pytest.mark.parametrize(("fit", "centre"), [(20, "mass"), (20, "box")])
def test_a_placed_image_placed_again_stays_nearly_the_same(fit, centre):
    image = place(pen(), fit, centre)
    again = place(Image.fromarray(image), fit, centre)
    assert np.abs(again.astype(float) - image).mean() < 3


BLANK = {
    "white": Image.new("L", (100, 80), 255),
    "black": Image.new("L", (100, 80), 0),
    "one pixel": Image.new("L", (1, 1), 255),
    "a line of pixels": Image.new("L", (300, 1), 90),
    "uneven light": uneven(Image.new("L", (200, 200), 150), 50),
    "noise": uneven(Image.new("L", (200, 200), 150), 0, 12),
    "both": uneven(Image.new("L", (200, 200), 150), 40, 8),
}


@pytest.mark.parametrize("case", BLANK)
@pytest.mark.parametrize("centre", ["mass", "box"])
def test_a_blank_picture_is_refused_in_one_line(tmp_path, case, centre):
    path = tmp_path / "a.png"
    BLANK[case].save(path)
    with pytest.raises(
        InputError, match=f"^{path}: expected an object on a plain background, received a blank picture; "
    ):
        pictures.read(path, SHAPE, Placement(fit=20, centre=centre))
    pictures.read(path, SHAPE)


def test_a_colour_image_is_fitted_whole(tmp_path):
    path = tmp_path / "a.png"
    pen().convert("RGB").save(path)
    placement = Placement(fit=20, centre="mass")
    np.testing.assert_array_equal(pictures.read(path, (28, 28, 3), placement), pictures.read(path, (28, 28, 3)))


@pytest.mark.parametrize(
    ("photos", "expected"),
    [
        ("{fit: 0, centre: mass}", r"photos\.fit: expected a whole number of pixels, at least 1, received 0"),
        ("{fit: 2.5, centre: mass}", r"photos\.fit: expected a whole number of pixels, at least 1, received 2\.5"),
        ("{fit: 20, centre: middle}", r"photos\.centre: expected mass or box, received 'middle'"),
        ("{fit: 20}", r"photos\.centre: expected a value, received nothing"),
        (
            "{fit: 20, center: mass}",
            r"photos: .*only the keys fit, centre, separate_parts, value_range \(did you mean 'centre'\?\), "
            r"received 'center'",
        ),
    ],
)
def test_a_placement_that_does_not_fit_is_refused(tmp_path, photos, expected):
    path = tmp_path / "tiny.yaml"
    path.write_text(f"{tiny.DATASET}photos: {photos}\n")
    with pytest.raises(InputError, match=expected):
        Dataset.load(path)


def digit(number):
    """Return a digit of Pillow's own font, uint8, light on dark."""
    picture = Image.new("L", (64, 64))
    ImageDraw.Draw(picture).text((32, 32), str(number), fill=255, font=ImageFont.load_default(52), anchor="mm")
    return np.asarray(picture)


def likeness(image, other):
    """Return the correlation of two images, the highest of shifts by a pixel."""
    shifts = [np.roll(image, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return max(np.corrcoef(shifted.ravel(), other.ravel())[0, 1] for shifted in shifts)


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_a_digit_is_found_in_pictures_as_people_take_them(kind):
    """At least four of five, each as the same digit black on white is placed."""
    likenesses = []
    for number in (1, 2, 3, 7, 8):
        plain = Image.fromarray(255 - np.pad(digit(number), 20))
        scene = scenes.draw(kind, digit(number), np.random.Generator(np.random.PCG64([1, number])))
        likenesses.append(likeness(place(scene, 20, "mass"), place(plain, 20, "mass")))

    assert sorted(likenesses)[1] > 0.65


@pytest.mark.parametrize("seed", range(5))
def test_two_digits_are_refused_unless_parts_are_allowed(seed):
    picture = scenes.draw_two((digit(4), digit(2)), np.random.Generator(np.random.PCG64(seed)))

    with pytest.raises(foreground.ForegroundError, match="expected one object, received two or more"):
        place(picture, 20, "mass")
    allowed = Placement(fit=20, centre="mass", separate_parts=True)
    assert foreground.place(picture, SIZE, allowed).any()
