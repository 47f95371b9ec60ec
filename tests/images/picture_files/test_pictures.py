"""Pictures and their conversion to images; test_foreground.py covers the placement of the foreground."""

import contextlib
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, PngImagePlugin, features

from stages.common.errors import InputError
from stages.images import arrays, catalog
from stages.images.arrays import DatasetInfo
from stages.images.findings import Findings
from stages.images.picture_files import pictures
from tests.damage import damaged, examples, refused_in_one_line
from tests.pipeline import ROOT

GREY, COLOUR = (28, 28, 1), (28, 28, 3)


def drawing(mode="L", background=0, ink=255):
    """Return a 28 × 28 picture with a bar of ink at the left."""
    picture = Image.new(mode, (28, 28), background)
    ImageDraw.Draw(picture).rectangle((4, 4, 7, 23), fill=ink)
    return picture


EXPECTED = np.asarray(drawing())[..., np.newaxis]


def palette():
    picture = drawing(ink=1)
    picture = picture.convert("P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    return picture


def black_ink_in_a_palette():
    """Return black ink on a background whose palette entry is to be transparent."""
    picture = drawing(ink=1).convert("P")
    picture.putpalette([90, 90, 90, 0, 0, 0])
    return picture


def sixteen_bits_a_colour(path):
    """Write a PNG of 3 × 16 bits a pixel, which Pillow can read but not write."""
    rows = np.repeat(np.asarray(drawing(), ">u2")[..., np.newaxis] * 257, 3, axis=2)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    contents = ((b"IHDR", struct.pack(">2I5B", 28, 28, 16, 2, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in contents
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def sixteen_bits():
    return Image.fromarray(np.asarray(drawing(), np.uint16) * 257)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


SEEN = {
    "grey": (drawing, "a.png", {}),
    "black and white": (lambda: drawing("1", 0, 1), "a.png", {}),
    "colour": (lambda: drawing("RGB", "black", "white"), "a.png", {}),
    "palette": (palette, "a.png", {}),
    "16 bits": (sixteen_bits, "a.png", {}),
    "16 bits in TIFF": (sixteen_bits, "a.tiff", {}),
    "dark on light": (lambda: drawing("L", 255, 0), "a.png", {}),
    "dark on light in 16 bits": (lambda: Image.fromarray(65535 - np.asarray(sixteen_bits())), "a.png", {}),
    "black ink on nothing": (lambda: drawing("RGBA", (0, 0, 0, 0), (0, 0, 0, 255)), "a.png", {}),
    "black ink on transparent white": (lambda: drawing("LA", (255, 0), (0, 255)), "a.png", {}),
    "black ink on a transparent palette": (black_ink_in_a_palette, "a.png", {"transparency": 0}),
    "black ink on a transparent GIF": (black_ink_in_a_palette, "a.gif", {"transparency": 0}),
    "black ink on transparent WebP": (
        lambda: drawing("RGBA", (0, 0, 0, 0), (0, 0, 0, 255)),
        "a.webp",
        {"lossless": True},
    ),
    "TIFF in colour": (lambda: drawing("RGB", "black", "white"), "a.tif", {"compression": "tiff_lzw"}),
    "the first image of several": (drawing, "a.gif", {"save_all": True, "append_images": [Image.new("L", (28, 28))]}),
    "WebP": (lambda: drawing("RGB", "black", "white"), "a.webp", {"lossless": True}),
    "BMP": (drawing, "a.bmp", {}),
    "GIF": (drawing, "a.gif", {}),
    "wrong suffix": (drawing, "a.jpg", {"format": "PNG"}),
    "turned by EXIF": (lambda: drawing().transpose(Image.Transpose.ROTATE_90), "a.png", {"exif": exif(6)}),
    "mirrored by EXIF": (lambda: drawing().transpose(Image.Transpose.FLIP_LEFT_RIGHT), "a.png", {"exif": exif(2)}),
}


@pytest.mark.parametrize("case", SEEN)
def test_a_drawing_looks_the_same_however_it_is_stored(tmp_path, case):
    make, name, options = SEEN[case]
    make().save(tmp_path / name, **options)
    seen = pictures.read(tmp_path / name, GREY)
    assert (seen.dtype, seen.shape) == (np.uint8, GREY)
    np.testing.assert_array_equal(seen, EXPECTED)


@pytest.mark.parametrize(
    ("mode", "background", "ink"), [("L", 0, 255), ("L", 255, 0), ("CMYK", (0, 0, 0, 255), (0, 0, 0, 0))]
)
def test_a_jpeg_looks_nearly_the_same(tmp_path, mode, background, ink):
    drawing(mode, background, ink).save(tmp_path / "a.jpeg", quality=95)
    np.testing.assert_allclose(pictures.read(tmp_path / "a.jpeg", GREY), EXPECTED, atol=8)


def test_a_colour_of_16_bits_looks_the_same(tmp_path):
    sixteen_bits_a_colour(tmp_path / "a.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "a.png", GREY), EXPECTED)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.jpg", {"quality": 95}), ("a.png", {}), ("a.tif", {}), ("a.tif", {"compression": "tiff_lzw"})],
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_of_a_phone_is_turned_upright(tmp_path, orientation, name, options):
    turned = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180], 4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE], 6: [Image.Transpose.ROTATE_90], 7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }  # fmt: skip
    picture = drawing()
    for turn in turned.get(orientation, []):
        picture = picture.transpose(turn)
    tags = {"tiffinfo": {0x0112: orientation}} if name == "a.tif" else {"exif": exif(orientation)}
    picture.save(tmp_path / name, **tags, **options)
    np.testing.assert_allclose(pictures.read(tmp_path / name, GREY), EXPECTED, atol=8)
    wide = Image.new("L", (30, 20) if orientation < 5 else (20, 30))
    wide.save(tmp_path / name, **tags, **options)
    assert pictures.read_size(tmp_path / name) == (20, 30)
    assert pictures.upright(tmp_path / name, "L").size == (30, 20)


def test_a_large_jpeg_is_read_smaller_and_looks_the_same(tmp_path):
    large = drawing("L", 255, 0).resize((4032, 3024), Image.Resampling.BICUBIC)
    for name in ("a.jpg", "a.png"):
        large.save(tmp_path / name)
    assert pictures.upright(tmp_path / "a.jpg", "L").size == (1008, 756)
    assert pictures.upright(tmp_path / "a.jpg", "L", 2000).size == (4032, 3024)
    conversion = catalog.Placement(fit=20, centre="mass")
    seen = [pictures.read(tmp_path / name, GREY, conversion).astype(int) for name in ("a.jpg", "a.png")]
    np.testing.assert_allclose(*seen, atol=12)


def test_grey_of_16_bits_is_scaled_and_not_cut_off(tmp_path):
    Image.fromarray(np.full((28, 28), 100 * 257, np.uint16)).save(tmp_path / "a.png")
    assert set(pictures.read(tmp_path / "a.png", GREY).ravel().tolist()) == {100}


def test_colour_stays_colour_and_is_not_inverted(tmp_path):
    drawing("RGB", "white", "red").save(tmp_path / "a.png")
    seen = pictures.read(tmp_path / "a.png", COLOUR)
    assert seen.shape == COLOUR
    assert (seen[0, 0].tolist(), seen[10, 5].tolist()) == ([255, 255, 255], [255, 0, 0])


@pytest.mark.parametrize("size", [(56, 28), (28, 56), (1000, 25), (25, 1000), (1, 1)])
def test_a_picture_of_any_size_is_fitted_whole(tmp_path, size):
    Image.new("RGB", size, "white").save(tmp_path / "a.png")
    seen = pictures.read(tmp_path / "a.png", COLOUR)
    width, height = (round(28 * side / max(size)) for side in size)
    assert np.count_nonzero(seen.min(axis=2) > 127) == height * width


def png(tmp_path) -> bytes:
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    return (tmp_path / "whole.png").read_bytes()


BROKEN = {
    "empty": lambda whole: b"",
    "text": lambda whole: b"a picture, said the file",
    "web page": lambda whole: b"<!doctype html><title>404</title>",
    "gzip": lambda whole: b"\x1f\x8b\x08\x00" + bytes(20),
    "cut short": lambda whole: whole[: len(whole) // 2],
    "cut in its header": lambda whole: whole[:20],
    "damaged pixels": lambda whole: whole[:60] + bytes(200) + whole[260:],
    "no picture after the magic number": lambda whole: b"\x89PNG\r\n\x1a\n" + b"garbage" * 9,
    "too large": lambda whole: whole[:16] + b"\x00\x0f\xff\xff" * 2 + whole[24:],
    "SVG": lambda whole: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_no_picture_is_refused_in_one_line(tmp_path, case):
    path = tmp_path / "a.png"
    path.write_bytes(BROKEN[case](png(tmp_path)))
    expected = f"^{path}: expected a picture, received .+; (save it again, as PNG|replace it with a picture|unpack it)"
    with pytest.raises(InputError, match=expected) as caught:
        pictures.read(path, GREY)
    assert "\n" not in str(caught.value)


def colours():
    return Image.fromarray(np.random.Generator(np.random.PCG64(0)).integers(0, 256, (24, 20, 3), dtype=np.uint8))


DAMAGED = {
    "a.webp": {},
    "lossless.webp": {"lossless": True},
    "moving.webp": {"save_all": True, "append_images": [Image.new("RGB", (20, 24))]},
    "a.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "a.gif": {},
    "a.jpg": {"exif": exif(6)},
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.filterwarnings("ignore")
def test_a_picture_cut_or_damaged_anywhere_is_read_or_refused(tmp_path, name):
    path = tmp_path / name
    colours().save(path, **DAMAGED[name])
    whole = path.read_bytes()
    cut = [whole[:length] for length in range(0, len(whole), 11)]
    damaged = [whole[:place] + b"\2" + whole[place + 1 :] for place in (*range(200), *range(200, len(whole), 11))]
    for content in cut + damaged:
        path.write_bytes(content)
        for look in (lambda: pictures.read(path, GREY), lambda: pictures.read_size(path)):
            with contextlib.suppress(InputError):
                look()


def test_a_palette_that_is_missing_is_damage(tmp_path):
    palette().save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    start = content.index(b"PLTE") - 4
    length = int.from_bytes(content[start : start + 4])
    (tmp_path / "a.png").write_bytes(content[:start] + content[start + 12 + length :])
    with pytest.raises(InputError, match="expected a picture, received a damaged one; save it again, as PNG"):
        pictures.read(tmp_path / "a.png", GREY)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
@pytest.mark.parametrize(("place", "value"), [(b"pitm", 9), (b"mdat", 255)])
def test_a_damaged_avif_is_refused_in_one_line(tmp_path, place, value):
    colours().save(tmp_path / "a.avif")
    content = bytearray((tmp_path / "a.avif").read_bytes())
    content[content.index(place) + 9] = value
    (tmp_path / "a.avif").write_bytes(content)
    with pytest.raises(InputError, match="expected a picture, received a damaged one; save it again, as PNG"):
        pictures.read(tmp_path / "a.avif", GREY)


def test_a_tiff_with_odd_tags_is_refused_in_one_line(tmp_path):
    colours().save(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    place, place_as_text = b"\x11\x01\x04\x00", b"\x11\x01\x02\x00"  # of the pixels
    assert place in content
    (tmp_path / "a.tif").write_bytes(content.replace(place, place_as_text))
    with pytest.raises(InputError, match="expected a picture, received a damaged one; save it again, as PNG"):
        pictures.read(tmp_path / "a.tif", GREY)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_good_picture_with_an_odd_exif_tag_is_read_upright(tmp_path, suffix):
    tags = exif(6)
    tags[0x011A] = 72.0
    odd = tags.tobytes().replace(b"\x01\x1a\x00\x05", b"\x01\x02\x00\x05")  # the bits of a pixel as a fraction
    assert odd != tags.tobytes()
    colours().save(tmp_path / f"a{suffix}", exif=odd)
    colours().save(tmp_path / f"plain{suffix}")
    assert pictures.read_size(tmp_path / f"a{suffix}") == (20, 24)
    expected = pictures.upright(tmp_path / f"plain{suffix}", "RGB").transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(pictures.upright(tmp_path / f"a{suffix}", "RGB"), expected)


@pytest.mark.parametrize("exif_data", [b"Exif\0\0" + b"\xff" * 40, b"Exif\0\0MM\0", b"Exif\0\0no tags at all", b"\1"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_good_picture_with_damaged_exif_data_is_read_as_it_stands(tmp_path, suffix, exif_data):
    colours().save(tmp_path / f"plain{suffix}")
    colours().save(tmp_path / f"a{suffix}", exif=exif_data)
    assert pictures.read_size(tmp_path / f"a{suffix}") == pictures.read_size(tmp_path / f"plain{suffix}")
    seen = (np.asarray(pictures.upright(tmp_path / f"{name}{suffix}", "RGB")) for name in ("a", "plain"))
    np.testing.assert_array_equal(*seen)


def test_a_picture_that_only_another_program_could_open_starts_none(tmp_path, monkeypatch):
    ghostscript = tmp_path / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    Image.new("RGB", (5, 5)).save(tmp_path / "a.eps")
    with pytest.raises(InputError, match="expected a picture, received an EPS picture"):
        pictures.read((tmp_path / "a.eps").rename(tmp_path / "a.png"), GREY)
    assert not (tmp_path / "ran").exists()


def write_arrays(folder, images):
    """Write images as the training and test images of a dataset of two classes."""
    folder.mkdir(exist_ok=True)
    labels = np.arange(len(images)) % 2
    split = arrays.write_split(folder, "train", images, labels, 2, lambda count: None)
    arrays.write_split(folder, "test", images, labels, 2, lambda count: None)
    shape = (*images.shape[1:], 1)[:3]
    arrays.write_info(folder, DatasetInfo(classes=["a", "b"], image_shape=shape, train=split, test=split))
    return folder


LIGHT_ON_DARK = np.repeat(EXPECTED, 20, axis=2).transpose(2, 0, 1)


@pytest.mark.parametrize("text", [None, "npz:\n"])
@pytest.mark.parametrize(
    ("images", "is_inverted"),
    [
        (LIGHT_ON_DARK, True),
        (255 - LIGHT_ON_DARK, False),
        (np.maximum(LIGHT_ON_DARK, 100), True),  # mean 123, with a dark border
        (np.concatenate([LIGHT_ON_DARK[:18], 255 - LIGHT_ON_DARK[18:]]), False),  # dark on average, light in a tenth
    ],
)
def test_a_picture_is_turned_light_on_dark_only_for_a_dataset_that_is_so(
    tmp_path, monkeypatch, text, images, is_inverted
):
    monkeypatch.chdir(tmp_path)
    if text:
        (tmp_path / "datasets").mkdir()
        (tmp_path / "datasets/mine.yaml").write_text(text)
    conversion = pictures.conversion_of("mine", write_arrays(tmp_path / "arrays", images))
    findings = Findings()
    drawing("L", 255, 0).save(tmp_path / "a.png")
    seen = pictures.read(tmp_path / "a.png", GREY, conversion, findings)
    np.testing.assert_array_equal(seen, EXPECTED if is_inverted else 255 - EXPECTED)
    assert list(findings._notes) == ([pictures.INVERTED_NOTE] if is_inverted else [])


def test_the_images_of_a_dataset_are_read_as_the_network_saw_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.Generator(np.random.PCG64(0))
    images = (random.integers(0, 200, (40, 28, 28)) // random.integers(1, 4, (40, 1, 1))).astype(np.uint8)
    images[::5] = np.maximum(images[::5], 130)  # scenes, some of them light up to the border
    conversion = pictures.conversion_of("mine", write_arrays(tmp_path / "arrays", images))
    for image in images:
        Image.fromarray(image).save(tmp_path / "a.png")
        np.testing.assert_array_equal(pictures.read(tmp_path / "a.png", GREY, conversion)[..., 0], image)


def test_the_placement_of_a_dataset_holds_even_if_it_is_light(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/mine.yaml").write_text("npz:\nphotos: {fit: 20, centre: box}\n")
    folder = write_arrays(tmp_path / "arrays", 255 - LIGHT_ON_DARK)
    assert pictures.conversion_of("mine", folder) == catalog.Placement(fit=20, centre="box")


@pytest.mark.parametrize("shape", [GREY, COLOUR])
@pytest.mark.parametrize("size", [(1, 500), (500, 1), (2, 3000), (3000, 2), (1, 28), (28, 1), (1, 57), (3, 9999)])
def test_a_thin_picture_keeps_a_line_in_the_middle(tmp_path, size, shape):
    Image.new("RGB", size, "white").save(tmp_path / "a.png")
    image = pictures.read(tmp_path / "a.png", shape, catalog.Pictures())[..., 0]
    upright = image if size[0] < size[1] else image.T
    assert image.mean() > 0
    assert np.flatnonzero(upright.any(axis=0)).tolist() in ([13], [14])
    assert upright.max(axis=1).tolist() == [255] * 28


@pytest.mark.parametrize(
    ("size", "shape", "is_told"),
    [
        ((1, 500), GREY, True),
        ((2000, 20), COLOUR, True),
        ((28, 28 * 8), GREY, False),
        ((28, 28 * 8 + 1), GREY, True),
        ((200, 20), (8, 80, 1), False),
        ((20, 20), (8, 80, 1), True),
        ((20, 20), (10, 80, 1), False),
    ],
)
@pytest.mark.parametrize("conversion", [None, catalog.Pictures()])
def test_a_picture_that_hardly_fills_the_image_is_told(tmp_path, size, shape, is_told, conversion):
    Image.new("L", size, 100).save(tmp_path / "a.png")
    findings = Findings()
    pictures.read(tmp_path / "a.png", shape, conversion, findings)
    assert list(findings._notes) == ([pictures.NARROW_NOTE] if is_told else [])


def test_a_thin_picture_keeps_its_drawing(tmp_path):
    pixels = np.zeros((500, 1), np.uint8)
    pixels[:250] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = pictures.read(tmp_path / "a.png", GREY, catalog.Pictures())[..., 0]
    [column] = np.flatnonzero(image.any(axis=0))
    np.testing.assert_allclose(image[:12, column], 200, atol=5)
    np.testing.assert_allclose(image[16:, column], 0, atol=5)


def write_png_with(path, **save):
    drawing().save(path, **save)
    np.testing.assert_array_equal(pictures.read(path, GREY), EXPECTED)
    assert pictures.read_size(path) == (28, 28)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_png_with_a_long_text_is_read(tmp_path, is_compressed):
    text = PngImagePlugin.PngInfo()
    text.add_text("prompt", "a bar " * 500_000, zip=is_compressed)
    write_png_with(tmp_path / "a.png", pnginfo=text)
    text = PngImagePlugin.PngInfo()
    text.add_itxt("workflow", "ein Balken " * 200_000, zip=is_compressed)
    write_png_with(tmp_path / "a.png", pnginfo=text)


def test_a_png_with_many_texts_is_read(tmp_path):
    text = PngImagePlugin.PngInfo()
    for number in range(80):
        text.add_text(f"text {number}", "a bar " * 160_000, zip=True)
    write_png_with(tmp_path / "a.png", pnginfo=text)


def test_a_png_with_a_large_colour_profile_is_read(tmp_path):
    write_png_with(tmp_path / "a.png", icc_profile=bytes(5 << 20))


def test_a_text_that_fills_the_memory_is_refused(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("bomb", "0" * (65 << 20), zip=True)
    drawing().save(tmp_path / "a.png", pnginfo=text)
    assert (tmp_path / "a.png").stat().st_size < 100_000
    with pytest.raises(InputError, match="expected a picture, received Decompressed data too large"):
        pictures.read(tmp_path / "a.png", GREY)


def test_a_picture_of_too_many_pixels_is_to_be_saved_smaller(tmp_path):
    Image.new("1", (20000, 10000)).save(tmp_path / "scan.png")
    for look in (lambda path: pictures.read(path, GREY), pictures.read_size):
        with pytest.raises(InputError, match="of up to 178 million pixels, received a larger one; save it smaller"):
            look(tmp_path / "scan.png")


def test_a_truncated_jpeg_is_refused(tmp_path):
    colours().resize((200, 240)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    for length in (len(whole) // 2, len(whole) - 200):
        (tmp_path / "a.jpg").write_bytes(whole[:length])
        with pytest.raises(InputError, match="expected a picture, received image file is truncated"):
            pictures.read(tmp_path / "a.jpg", GREY)


FRAMES = ["moving.gif", "moving.webp", "moving.png", "pages.tif"]


def write_frames(folder):
    for name in FRAMES:
        options = {"lossless": True} if name.endswith("webp") else {}
        others = [Image.new("L", (28, 28), level) for level in (90, 180)]
        drawing().save(folder / name, save_all=True, append_images=others, **options)


def test_the_first_frame_of_several_is_read_and_told_once(tmp_path, caplog):
    write_frames(tmp_path)
    drawing().save(tmp_path / "still.gif")
    findings = Findings()
    for name in (*FRAMES, "still.gif"):
        np.testing.assert_allclose(pictures.read(tmp_path / name, GREY, None, findings), EXPECTED, atol=1)
    caplog.set_level("INFO")
    findings.log()
    assert caplog.messages == [
        f"only the first frame or page of several is read: 4 pictures, the first {tmp_path / 'moving.gif'}"
    ]


SCRIPT = """
import sys
from pathlib import Path
from stages.common import console
from stages.images import catalog
from stages.images.picture_files import pictures
from stages.images.findings import Findings
console.show_log()
for name in sys.argv[1:]:
    print(pictures.read(Path(name), (28, 28, 1), catalog.Pictures(), Findings()).mean())
    pictures.read_size(Path(name))
"""


def test_warnings_of_pillow_do_not_show(tmp_path):
    colours().save(
        tmp_path / "exif.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0" + b"\x0f\x01\x02\0\xff\0\0\0" + b"\1" * 4
    )
    black_ink_in_a_palette().save(tmp_path / "palette.png", transparency=b"\0\xff")
    Image.new("1", (12_000, 8_000)).save(tmp_path / "large.png")
    names = [str(tmp_path / name) for name in ("exif.jpg", "palette.png", "large.png")]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *names], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (len(done.stdout.splitlines()), done.stderr) == (3, "")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.ppm", "deep.tif", *DAMAGED])
@examples(40)
@given(st.data())
def test_any_damage_is_refused_in_one_line_or_read_the_same_twice(tmp_path, name, data):
    picture = sixteen_bits() if name == "deep.tif" else colours()
    picture.save(tmp_path / name, **DAMAGED.get(name, {}))
    (tmp_path / name).write_bytes(data.draw(damaged((tmp_path / name).read_bytes())))
    with refused_in_one_line():
        image = pictures.read(tmp_path / name, COLOUR, catalog.Pictures())
        assert (image.shape, image.dtype) == (COLOUR, np.uint8)
        np.testing.assert_array_equal(pictures.read(tmp_path / name, COLOUR, catalog.Pictures()), image)
