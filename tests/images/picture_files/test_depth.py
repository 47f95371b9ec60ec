"""Pictures of 12, 16 and 32 bits, signed integers and floats; all are read by `pictures.read` as any others."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common.errors import InputError
from stages.images import arrays, catalog
from stages.images.findings import Findings
from stages.images.picture_files import depth, pictures
from tests import own, rasters

SIZE = (16, 16, 1)
RAMP = np.arange(256).reshape(16, 16)  # levels 0…255, mean 127.5


def ramp(low, high, dtype):
    """Return 16 × 16 pixels that rise from the lowest to the highest value."""
    values = low + RAMP * (high - low) / 255
    return (values if np.dtype(dtype).kind == "f" else np.rint(values)).astype(dtype)


def png(**chunks):
    return lambda path: rasters.write_png(path.with_suffix(".png"), ramp(0, 65535, np.uint16), **chunks)


def tiff(low, high, dtype, **options):
    return lambda path: rasters.write_tiff(path, ramp(low, high, dtype), **options)


def saved(picture, name="a.png", **options):
    def write(path):
        picture.save(path.with_name(name), **options)
        return path.with_name(name)

    return write


READ = {
    "PNG of 16 bits": png(),
    "PNG of 16 bits of which 12 count, shifted": lambda path: rasters.write_png(
        path, ramp(0, 4095, np.uint16) << 4, sBIT=b"\x0c"
    ),
    "PNG of 16 bits of which 12 count, repeated": png(sBIT=b"\x0c"),
    "PNG of 12 bits that are not scaled": lambda path: rasters.write_png(path, ramp(0, 4095, np.uint16), sBIT=b"\x0c"),
    "PNG of 10 bits that are not scaled": lambda path: rasters.write_png(path, ramp(0, 1023, np.uint16), sBIT=b"\x0a"),
    "TIFF of 12 bits": lambda path: rasters.write_tiff_of_12_bits(path, ramp(0, 4095, np.uint16)),
    "TIFF of 16 bits": tiff(0, 65535, "<u2"),
    "TIFF of 16 bits, big-endian": tiff(0, 65535, ">u2"),
    "TIFF of 16 bits, signed": tiff(-32768, 32767, "<i2"),
    "TIFF of 16 bits, signed, big-endian": tiff(-32768, 32767, ">i2"),
    "TIFF of 8 bits, signed": tiff(-128, 127, "i1"),
    "TIFF of 32 bits": tiff(0, 2**32 - 1, "<u4"),
    "TIFF of 32 bits, signed": tiff(-(2**31), 2**31 - 1, "<i4"),
    "TIFF of floats": tiff(0, 1, "<f4"),
    "TIFF of floats rounded beyond 0…1": tiff(-1e-4, 1 + 1e-4, "<f4"),
    "TIFF of floats rounded beyond what it states": tiff(-0.001, 255.001, "<f4", stated=(0, 255)),
    "TIFF of floats, big-endian": tiff(0, 1, ">f4"),
    "TIFF of floats that states 0…255": tiff(0, 255, "<f4", stated=(0, 255)),
    "TIFF of floats that states -1…1": tiff(-1, 1, "<f4", stated=(-1, 1)),
    "TIFF of 12 bits in 16 that states them": tiff(0, 4095, "<u2", stated=(0, 4095)),
    "TIFF of signed numbers that states 0…4095": tiff(0, 4095, "<i2", stated=(0, 4095)),
    "TIFF of 16 bits whose black is the highest": lambda path: rasters.write_tiff(
        path, ramp(65535, 0, "<u2"), white_is_zero=True
    ),
    "TIFF of 8 bits whose black is the highest": lambda path: rasters.write_tiff(
        path, ramp(255, 0, "u1"), white_is_zero=True
    ),
    "TIFF of floats whose black is the highest": lambda path: rasters.write_tiff(
        path, ramp(1, 0, "<f4"), white_is_zero=True
    ),
    "compressed TIFF of 16 bits": saved(
        Image.fromarray(ramp(0, 65535, np.uint16)), "a.tif", compression="tiff_adobe_deflate"
    ),
    "compressed TIFF of floats": saved(Image.fromarray(ramp(0, 1, np.float32)), "a.tif", compression="tiff_lzw"),
    "TIFF of 3 × 16 bits": lambda path: rasters.write_tiff(path, np.stack([ramp(0, 65535, "<u2")] * 3, 2)),
    "PNG of 3 × 16 bits": lambda path: rasters.write_png(path, np.stack([ramp(0, 65535, "u2")] * 3, 2), rasters.COLOUR),
    "PNG of 4 × 16 bits": lambda path: rasters.write_png(
        path, np.stack([*[ramp(0, 65535, "u2")] * 3, np.full((16, 16), 65535)], 2), rasters.COLOUR_ALPHA
    ),
    "PNG of grey and alpha of 16 bits": lambda path: rasters.write_png(
        path, np.stack([ramp(0, 65535, "u2"), np.full((16, 16), 65535)], 2), rasters.GREY_ALPHA
    ),
    "YCbCr": saved(Image.fromarray(RAMP.astype(np.uint8)).convert("RGB").convert("YCbCr"), "a.tif"),
    "CMYK": saved(Image.fromarray(RAMP.astype(np.uint8)).convert("RGB").convert("CMYK"), "a.tif"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("case", READ)
def test_every_depth_that_the_file_names_is_read_as_the_same_picture(tmp_path, case, channels):
    path = READ[case](tmp_path / "a.tif")
    image = pictures.read(path, (16, 16, channels), catalog.Pictures())
    np.testing.assert_allclose(image[..., 0], RAMP, atol=1)
    assert round(float(image.mean())) in (127, 128)


@pytest.mark.parametrize("mode", ["LAB", "YCbCr", "CMYK", "P", "PA", "LA", "La", "1", "RGB", "RGBA"])
def test_other_colour_spaces_keep_their_levels(tmp_path, mode):
    grey = Image.fromarray(np.where(RAMP < 128, 0, 255).astype(np.uint8))
    converted = grey.convert("LA").convert("La") if mode == "La" else grey.convert("RGB").convert(mode)
    try:
        converted.save(tmp_path / "a.tif")
    except OSError:
        pytest.skip(f"Pillow writes no TIFF in {mode}")
    image = pictures.read(tmp_path / "a.tif", SIZE, catalog.Pictures())
    np.testing.assert_allclose(image[..., 0], np.where(RAMP < 128, 0, 255), atol=2)


def with_value(pixels, value):
    changed = pixels.copy()
    changed[3, 5] = value
    return changed


REFUSED = {
    "12 bits in a PNG": (
        lambda path: rasters.write_png(path, ramp(0, 4095, np.uint16)),
        "expected values that use the 16 bits of the file, 0…65535, received values 0…4095; "
        "add value_range: [0, 4095] under folder, csv or photos in the dataset's file",
    ),
    "14 bits in a TIFF": (tiff(0, 16383, "<u2"), "received values 0…16383; add value_range: [0, 16383]"),
    "8 bits in 16": (tiff(0, 255, "<u2"), "received values 0…255; add value_range: [0, 255]"),
    "16 bits in 32": (tiff(0, 65535, "<u4"), "received values 0…65535; add value_range: [0, 65535]"),
    "16 bits in 32, signed": (tiff(0, 65535, "<i4"), "received values 0…65535; add value_range: [0, 65535]"),
    "positive numbers only": (tiff(0, 32767, "<i2"), "received values 0…32767"),
    "Hounsfield units": (tiff(-1024, 3071, "<i2"), "received values -1024…3071; add value_range: [-1024, 3071]"),
    "floats 0…255": (tiff(0, 255, "<f4"), "received values 0…255; add value_range: [0, 255]"),
    "floats 0…65535": (tiff(0, 65535, "<f4"), "add value_range: [0, 65535]"),
    "floats -1…1": (tiff(-1, 1, "<f4"), "received values -1…1; add value_range: [-1, 1]"),
    "floats that are nearly 0": (tiff(0, 0.004, "<f4"), "received values 0…0.004; add value_range: [0, 1]"),
    "a range of its own pixels": (tiff(13, 977, "<u2", stated=(13, 977)), "received values 13…977"),
    "pixels beyond the stated range": (tiff(0, 9, "<f4", stated=(0, 1)), "received values 0…9"),
    "an empty range": (tiff(0, 1, "<f4", stated=(3, 3)), "received values 0…1"),
    "NaN": (
        lambda path: rasters.write_tiff(path, with_value(ramp(0, 1, "<f4"), np.nan)),
        "expected numbers as pixels, received NaN or infinity in 1 of 256",
    ),
    "infinity": (
        lambda path: rasters.write_tiff(path, with_value(ramp(0, 1, "<f4"), -np.inf)),
        "expected numbers as pixels, received NaN or infinity in 1 of 256",
    ),
    "12 bits in colour": (
        lambda path: rasters.write_tiff(path, np.stack([ramp(0, 4095, "<u2")] * 3, 2)),
        "received values 0…4095; save them with 8 bits a channel",
    ),
    "8 bits in colour of 16": (
        lambda path: rasters.write_png(path, np.stack([ramp(0, 255, "u2")] * 3, 2), rasters.COLOUR),
        "received values 0…255; save them with 8 bits a channel",
    ),
    "floats of 64 bits": (tiff(0, 1, "<f8"), "received a TIFF of 1 × 64-bit float numbers a pixel, which is not read"),
    "floats in colour": (
        lambda path: rasters.write_tiff(path, np.stack([ramp(0, 1, "<f4")] * 3, 2)),
        "received a TIFF of 3 × 32-bit float numbers a pixel, which is not read; save it again, as PNG for instance",
    ),
    "16 bits whose black is the highest, big-endian": (
        lambda path: rasters.write_tiff(path, ramp(65535, 0, ">u2"), white_is_zero=True),
        "received a TIFF of 1 × 16-bit unsigned numbers a pixel, which is not read",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_depth_in_doubt_is_refused_in_one_line(tmp_path, case):
    write, expected = REFUSED[case]
    path = write(tmp_path / "a.tif")
    with pytest.raises(InputError) as caught:
        pictures.read(path, SIZE, catalog.Pictures())
    assert str(caught.value).startswith(f"{path}: expected ")
    assert expected in str(caught.value)


@pytest.mark.parametrize("value", [0, 0.0])
def test_a_black_picture_is_black_at_any_depth(tmp_path, value):
    pixels = np.full((16, 16), value, "<f4" if isinstance(value, float) else "<u2")
    assert pictures.read(rasters.write_tiff(tmp_path / "a.tif", pixels), SIZE, catalog.Pictures()).max() == 0


def test_a_dark_picture_of_12_bits_is_dark(tmp_path):
    path = rasters.write_tiff_of_12_bits(tmp_path / "a.tif", np.full((16, 16), 160))
    assert set(pictures.read(path, SIZE, catalog.Pictures()).ravel().tolist()) == {10}


@pytest.mark.parametrize(
    ("write", "value_range", "expected"),
    [
        (tiff(0, 4095, "<u2"), (0, 4095), RAMP),
        (tiff(0, 255, "<f4"), (0, 255), RAMP),
        (tiff(-1, 1, "<f4"), (-1, 1), RAMP),
        (tiff(-1024, 3071, "<i2"), (-1024, 3071), RAMP),
        (tiff(0, 4095, "<u2"), (0, 65535), RAMP / 16),
        (tiff(0, 255, "u1"), (0, 4095), RAMP),  # 8 bits are in no doubt
        (lambda path: rasters.write_tiff(path, np.stack([ramp(0, 4095, "<u2")] * 3, 2)), (0, 65535), RAMP / 16),
    ],
)
def test_the_dataset_may_set_the_range(tmp_path, write, value_range, expected):
    path = write(tmp_path / "a.tif")
    image = pictures.read(path, SIZE, catalog.Pictures(value_range=value_range))
    np.testing.assert_allclose(image[..., 0], expected, atol=1)


def test_pixels_beyond_the_range_of_the_dataset_are_refused(tmp_path):
    path = rasters.write_tiff(tmp_path / "a.tif", ramp(0, 5000, "<u2"))
    with pytest.raises(InputError, match="the dataset's value_range, 0…4095, received values 0…5000; fix value_range"):
        pictures.read(path, SIZE, catalog.Pictures(value_range=(0, 4095)))


COLOURS = {rasters.COLOUR: 3, rasters.COLOUR_ALPHA: 4, rasters.GREY_ALPHA: 2}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("highest", "value_range"), [(20000, (0, 20000)), (40000, (0, 4095)), (4095, (0, 4095))])
def test_a_range_of_the_dataset_refuses_colour_of_16_bits(tmp_path, colour, highest, value_range):
    path = rasters.write_png(tmp_path / "a.png", np.stack([ramp(0, highest, "u2")] * COLOURS[colour], 2), colour)
    with pytest.raises(
        InputError,
        match=rf"a\.png: expected grey pixels without transparency, as value_range, 0…{value_range[1]}, is for them "
        "alone, received 16 bits in colour or transparent; save them with 8 bits a channel",
    ):
        pictures.read(path, SIZE, catalog.Pictures(value_range=value_range))


def test_the_range_of_a_dataset_holds_for_placed_pictures_too():
    settings = {"folder": {"channels": 1, "value_range": [0, 4095]}, "photos": {"fit": 9, "centre": "box"}}
    dataset = catalog.Dataset.from_values(settings, Path("datasets/own.yaml"))
    assert dataset.conversion_for(SIZE) == catalog.Placement(fit=9, centre="box", value_range=(0, 4095))


@pytest.mark.parametrize("value_range", ["[5, 5]", "[9, 1]", "[0, .inf]", "[0, .nan]", "[1]", "4095"])
def test_a_range_must_be_one(tmp_path, monkeypatch, value_range):
    monkeypatch.chdir(tmp_path)
    [line] = own.errors(own.make(f"folder: {{value_range: {value_range}}}\n"))
    assert line.startswith("datasets/own.yaml: folder.value_range")


def write_folder(folder, write, number=12):
    for index in range(number):
        (folder / f"class {index % 2}").mkdir(parents=True, exist_ok=True)
        write(folder / f"class {index % 2}/{index:02}.tif", index)


def test_all_pictures_in_doubt_are_one_line_with_the_range_of_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(Path("mine"), lambda path, index: rasters.write_tiff(path, ramp(0, 400 * (index + 1), "<u2")), 10)
    [line] = own.errors(own.make("folder: {channels: 1}\n"))
    assert line.startswith(
        "mine/class 0/00.tif and 9 more: expected values that use the 16 bits of the file, 0…65535, "
    )
    assert "received values 0…4000; add value_range: [0, 4095]" in line
    result = own.make("folder: {channels: 1, value_range: [0, 4000]}\n")
    assert result.exit_code == 0, result.output
    assert arrays.read_info(Path("data/processed/own")).train.pixel_mean > 60


def test_pictures_that_state_ranges_of_their_own_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(
        Path("mine"),
        lambda path, index: rasters.write_tiff(path, ramp(5, 90, "<f4"), stated=(0, 100 + index)),
    )
    [line] = own.errors(own.make("folder: {channels: 1}\n"))
    assert line == (
        "mine/class 0/02.tif: expected the range 0…100, as mine/class 0/00.tif states it, received 0…102; "
        "add value_range: [black, white] under folder, csv or photos in the dataset's file"
    )
    assert own.make("folder: {channels: 1, value_range: [0, 111]}\n").exit_code == 0


def test_floats_of_two_ranges_in_one_folder_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(Path("mine"), lambda path, index: rasters.write_tiff(path, ramp(0, 255 if index == 7 else 1, "<f4")))
    [line] = own.errors(own.make("folder: {channels: 1}\n"))
    assert line.startswith("mine/class 1/07.tif: expected floats that reach from about 0, black, to about 1, white")


def test_one_level_of_16_bits_may_be_transparent(tmp_path):
    pixels = np.where(RAMP < 128, 65535, 5)
    path = rasters.write_png(tmp_path / "a.png", pixels, tRNS=(5).to_bytes(2))
    image = pictures.read(path, SIZE, catalog.Pictures())
    np.testing.assert_array_equal(image[..., 0], np.where(RAMP < 128, 255, 0))  # white is seen on black
    path = rasters.write_png(tmp_path / "a.png", np.where(RAMP < 128, 65535, 5), tRNS=(65535).to_bytes(2))
    image = pictures.read(path, SIZE, catalog.Pictures())
    np.testing.assert_array_equal(image[..., 0], np.where(RAMP < 128, 255, 0))  # black on white


@pytest.mark.parametrize(("bits", "level"), [(2, 1), (4, 5)])
def test_one_level_of_few_bits_may_be_transparent(tmp_path, bits, level):
    pixels = np.where(RAMP < 128, level, 0)
    path = rasters.write_png(tmp_path / "a.png", rasters.pack(pixels, bits), bits=bits, tRNS=level.to_bytes(2))
    image = pictures.read(path, SIZE, catalog.Pictures())
    np.testing.assert_array_equal(image[..., 0], np.where(RAMP < 128, 255, 0))


def test_errors_of_one_depth_are_merged_and_others_stay():
    of_16, of_floats = depth.Depth("unsigned", 16), depth.Depth("float", 32)
    errors = [
        InputError("z.png", "a picture", "none", "look"),
        depth.DepthError([Path("b.png")], of_16, (3, 900), None),
        depth.DepthError([Path("c.tif")], of_floats, (-1, 1), None),
        depth.DepthError([Path("a.png")], of_16, (0, 12), None),
    ]
    first, second, third = sorted(map(str, depth.merged(errors)))
    assert (first.startswith("a.png and 1 more: "), "received values 0…900" in first) == (True, True)
    assert (second.startswith("c.tif: "), third.startswith("z.png: ")) == (True, True)


def test_a_range_is_noted_only_if_the_file_states_it(tmp_path):
    findings = Findings()
    for number, write in enumerate([tiff(0, 65535, "<u2"), tiff(0, 1, "<f4"), tiff(0, 1, "<f4", stated=(0, 1))]):
        pictures.read(write(tmp_path / f"{number}.tif"), SIZE, catalog.Pictures(), findings)
    assert findings.find_contradictions() == []


@pytest.mark.parametrize("colour", [rasters.COLOUR_ALPHA, rasters.GREY_ALPHA])
def test_a_black_drawing_of_16_bits_on_transparency_is_read(tmp_path, colour):
    pixels = np.zeros((16, 16, 4 if colour == rasters.COLOUR_ALPHA else 2))
    pixels[:8, ..., -1] = 65535
    path = rasters.write_png(tmp_path / "a.png", pixels, colour)
    image = pictures.read(path, SIZE, catalog.Pictures())
    np.testing.assert_array_equal(image[..., 0], np.where(RAMP < 128, 0, 255))
    path = rasters.write_png(tmp_path / "a.png", pixels // 16, colour)
    with pytest.raises(InputError, match=r"received values 0…4095; save them with 8 bits a channel"):
        pictures.read(path, SIZE, catalog.Pictures())


def test_deep_pixels_of_another_format_are_refused(tmp_path):
    path = tmp_path / "a.pfm"
    path.write_bytes(b"Pf\n16 16\n-1.0\n" + ramp(0, 1, "<f4").tobytes())
    with pytest.raises(
        InputError, match=f"^{path}: expected pixels of 8 bits, received deeper ones in PPM, whose range"
    ):
        pictures.read(path, SIZE, catalog.Pictures())


@pytest.mark.parametrize(("value_range", "is_told"), [((0, 15), True), ((0, 255), False), (None, False)])
def test_a_range_for_pictures_of_8_bits_is_told_and_not_used(tmp_path, value_range, is_told):
    Image.fromarray((RAMP // 16).astype(np.uint8)).save(tmp_path / "a.png")
    findings = Findings()
    image = pictures.read(tmp_path / "a.png", SIZE, catalog.Pictures(value_range=value_range), findings)
    np.testing.assert_array_equal(image[..., 0], RAMP // 16)
    assert list(findings._notes) == ([pictures.UNUSED_RANGE_NOTE] if is_told else [])


def test_a_dark_picture_among_others_of_16_bits_may_be_read_by_its_bits(tmp_path):
    path = rasters.write_png(tmp_path / "a.png", ramp(0, 9000, np.uint16))
    with pytest.raises(
        InputError, match=r"0…9000; add value_range: \[0, 16383\] .* \(\[0, 65535\] if they are only dark"
    ):
        pictures.read(path, SIZE, catalog.Pictures())
    image = pictures.read(path, SIZE, catalog.Pictures(value_range=(0, 65535)))
    np.testing.assert_allclose(image[..., 0], RAMP * 9000 / 65535, atol=1)


def test_floats_rounded_beyond_the_range_of_the_dataset_are_read(tmp_path):
    path = rasters.write_tiff(tmp_path / "a.tif", ramp(0, 255.001, "<f4"))
    image = pictures.read(path, SIZE, catalog.Pictures(value_range=(0, 255)))
    np.testing.assert_array_equal(image[..., 0], RAMP)
