"""Pictures with transparent parts: drawings of a canvas, stickers, photographs with a few transparent pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from stages.common.errors import InputError
from stages.images import arrays, catalog
from stages.images.picture_files import pictures
from tests import own

GREY, COLOUR = (28, 28, 1), (28, 28, 3)
WHOLE = catalog.Pictures()
MASK = np.zeros((28, 28), np.bool_)
MASK[4:24, 4:8] = True


def on_alpha(ink, hidden=(0, 0, 0), opacity=255):
    """Return a bar of ink, RGBA; `hidden` is the colour below the transparent pixels."""
    picture = Image.new("RGBA", (28, 28), (*hidden, 0))
    ImageDraw.Draw(picture).rectangle((4, 4, 7, 23), fill=(*ink, opacity))
    return picture


def soft(ink):
    """Return a bar of ink whose edges are half transparent."""
    picture = on_alpha(ink, hidden=ink)
    picture.putalpha(picture.getchannel("A").filter(ImageFilter.GaussianBlur(1)))
    return picture


def palette(ink):
    picture = Image.fromarray(MASK.astype(np.uint8), "P")
    picture.putpalette([7, 7, 7, *ink])
    return picture


WHITE, BLACK = (255, 255, 255), (0, 0, 0)
STORED = {
    "RGBA": lambda ink: (on_alpha(ink), {}),
    "RGBA on hidden white": lambda ink: (on_alpha(ink, WHITE), {}),
    "RGBA on hidden grey": lambda ink: (on_alpha(ink, (128, 128, 128)), {}),
    "LA": lambda ink: (on_alpha(ink).convert("LA"), {}),
    "palette": lambda ink: (palette(ink), {"transparency": 0}),
    "palette with an alpha for each colour": lambda ink: (palette(ink), {"transparency": b"\0\xff"}),
    "soft edges": lambda ink: (soft(ink), {}),
}


@pytest.mark.parametrize("shape", [GREY, COLOUR])
@pytest.mark.parametrize("case", STORED)
@pytest.mark.parametrize(("ink", "background"), [(WHITE, 0), (BLACK, 255)])
def test_a_drawing_is_laid_on_what_shows_it(tmp_path, case, shape, ink, background):
    picture, options = STORED[case](ink)
    picture.save(tmp_path / "a.png", **options)
    image = pictures.read(tmp_path / "a.png", shape, WHOLE)
    assert image[0, 0].tolist() == [background] * shape[2]
    assert abs(int(image[14, 5, 0]) - ink[0]) < 50
    if case != "soft edges":
        np.testing.assert_array_equal(image[..., 0], np.where(MASK, ink[0], background))


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".tif"])
@pytest.mark.parametrize(("ink", "background"), [(WHITE, 0), (BLACK, 255)])
def test_every_format_with_transparency_follows_the_rule(tmp_path, suffix, ink, background):
    options = {".webp": {"lossless": True}}.get(suffix, {})
    on_alpha(ink).save(tmp_path / f"a{suffix}", **options)
    image = pictures.read(tmp_path / f"a{suffix}", GREY, WHOLE)
    np.testing.assert_array_equal(image[..., 0], np.where(MASK, ink[0], background))


@pytest.mark.parametrize(
    ("ink", "shape", "background"),
    [
        ((128, 128, 128), GREY, 255),
        ((230, 230, 230), GREY, 0),
        ((30, 30, 30), GREY, 255),
        ((255, 255, 0), COLOUR, 255),  # yellow is seen on white in colour,
        ((255, 255, 0), GREY, 0),  # but hardly in grey
        ((255, 255, 225), COLOUR, 0),
        ((255, 0, 0), GREY, 255),
        ((0, 0, 255), COLOUR, 255),
    ],
)
def test_white_is_kept_where_the_drawing_is_seen_on_it(tmp_path, ink, shape, background):
    on_alpha(ink).save(tmp_path / "a.png")
    assert pictures.read(tmp_path / "a.png", shape, WHOLE)[0, 0, 0] == background


@pytest.mark.parametrize("opacity", [20, 90, 200])
def test_a_faint_drawing_follows_the_rule(tmp_path, opacity):
    for ink, background in ((WHITE, 0), (BLACK, 255)):
        on_alpha(ink, opacity=opacity).save(tmp_path / "a.png")
        image = pictures.read(tmp_path / "a.png", GREY, WHOLE)
        assert (image[0, 0, 0], abs(int(image[14, 5, 0]) - background)) == (background, opacity)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_wholly_transparent_picture_is_refused(tmp_path, mode):
    on_alpha(BLACK, opacity=0).convert(mode).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: expected a visible picture, received one that is transparent"):
        pictures.read(tmp_path / "a.png", GREY, WHOLE)


@pytest.mark.parametrize("hidden_opacity", [0, 1])
def test_a_picture_whose_opacity_was_meant_as_0_to_1_is_refused(tmp_path, hidden_opacity):
    picture = on_alpha(BLACK, opacity=1)
    picture.paste((*WHITE, hidden_opacity), (0, 0, 28, 2))
    picture.save(tmp_path / "a.png")
    with pytest.raises(InputError, match="one that is transparent, or nearly; save it without transparency"):
        pictures.read(tmp_path / "a.png", GREY)


def test_a_photograph_with_transparent_corners_and_a_page_stay_on_white(tmp_path):
    page = Image.new("RGBA", (100, 100), (*WHITE, 255))
    ImageDraw.Draw(page).text((20, 40), "a page", fill=(*BLACK, 255), font_size=20)
    photograph = Image.fromarray(np.random.Generator(np.random.PCG64(0)).integers(0, 256, (100, 100, 4), np.uint8))
    photograph.putalpha(255)
    for picture in (page, photograph):
        picture.paste((0, 0, 0, 0), (0, 0, 5, 5))
        picture.save(tmp_path / "a.png")
        assert pictures.upright(tmp_path / "a.png", "L").getpixel((0, 0)) == 255


def test_an_opaque_white_picture_stays_white(tmp_path):
    Image.new("RGBA", (28, 28), (*WHITE, 255)).save(tmp_path / "a.png")
    assert pictures.read(tmp_path / "a.png", GREY, WHOLE).min() == 255


def test_a_white_shape_that_nearly_fills_the_picture_is_seen(tmp_path):
    picture = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    picture.paste((*WHITE, 255), (1, 1, 28, 28))
    picture.save(tmp_path / "a.png")
    image = pictures.read(tmp_path / "a.png", GREY, WHOLE)
    assert (image[0, 0, 0], image[14, 14, 0]) == (0, 255)


@pytest.mark.parametrize("conversion", [None, catalog.Placement(fit=20, centre="mass")])
def test_canvas_drawings_both_ways_are_light_on_dark_for_mnist(tmp_path, conversion):
    images = []
    for ink in (BLACK, WHITE):
        canvas = Image.new("RGBA", (140, 140), (0, 0, 0, 0))
        ImageDraw.Draw(canvas).line(((70, 20), (70, 120)), fill=(*ink, 255), width=12)
        canvas.save(tmp_path / "a.png")
        images.append(pictures.read(tmp_path / "a.png", GREY, conversion))
    np.testing.assert_array_equal(*images)
    assert (images[0][0, 0, 0], images[0][14, 13:15, 0].max() > 200) == (0, True)


def test_a_folder_of_white_drawings_is_seen_and_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        folder = Path(f"mine/class {number % 2}")
        folder.mkdir(parents=True, exist_ok=True)
        on_alpha(WHITE).rotate(90 * (number % 2)).save(folder / f"{number}.png")
    result = own.make("folder: {channels: 1}\n")
    assert result.exit_code == 0, result.output
    info = arrays.read_info(Path("data/processed/own"))
    assert info.train.pixel_mean == pytest.approx(255 * MASK.mean(), abs=0.1)
    assert info.train.pixel_deviation > 50
    [line] = [line for line in result.stderr.splitlines() if "laid on black" in line]
    assert line.endswith(": 8 pictures, the first mine/class 0/0.png")
