"""Warnings of images that show nothing, and of splits that are nearly black, white or without contrast."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.images import arrays, checks
from tests import own

OUTPUT = Path("data/processed/own")
NOISE = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (10, 8, 9, 3), dtype=np.uint8)


def watch(images):
    watched = checks.Watched(images)
    for start in range(0, len(images), 3):
        watched[start : start + 3]
    return watched


def warnings(tmp_path, caplog, images):
    """Return the warnings of a split with these images."""
    watched = checks.Watched(images)
    labels = np.zeros(len(images), np.int32)
    info = arrays.write_split(tmp_path, "train", watched, labels, 1, lambda count: None)
    caplog.clear()
    checks.warn("train", watched, info, ["cat", "dog"][: len(info.images_per_class)])
    return caplog.messages


def test_images_of_one_colour_are_found_whatever_the_colour():
    images = NOISE.copy()
    images[1] = 0
    images[4] = (255, 0, 0)
    images[5] = 128 + NOISE[5] // 100  # nearly one grey
    images[6] = 0
    images[6, 4, 4] = 255  # a dot is something
    images[7] = 255
    assert watch(images).plain == [1, 4, 5, 7]
    assert watch(images[..., 0]).plain == [1, 4, 5, 7]


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (5, 7, 1), (5, 7, 3), (300, 400, 3)])
def test_images_of_one_colour_are_those_of_a_small_deviation(shape):
    random = np.random.Generator(np.random.PCG64(0))
    scales = np.linspace(0, 5, 40).reshape(-1, *[1] * len(shape))
    images = np.rint(128 + scales * random.normal(size=(40, *shape))).astype(np.uint8)
    deviations = images.reshape(40, shape[0] * shape[1], -1).std(axis=1).max(axis=1)
    assert checks.find_plain(images).tolist() == np.flatnonzero(deviations < checks.MIN_DEVIATION).tolist()


def test_large_images_are_looked_at_one_at_a_time():
    images = np.zeros((8, 512, 512, 3), np.uint8)
    tracemalloc.start()
    found = checks.find_plain(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(found), peak < images.nbytes) == (8, True)


@pytest.mark.parametrize("shape", [(8, 9, 3), (8, 9, 1), (8, 9)])
def test_images_read_through_are_the_same(shape):
    images = NOISE[..., 0] if len(shape) == 2 else NOISE[..., : shape[2]]
    watched = checks.Watched(images)
    assert watched.shape == (10, *shape)
    np.testing.assert_array_equal(watched[2:7], images[2:7])


def test_classes_without_images_in_a_split_are_named(tmp_path, caplog):
    info = arrays.write_split(tmp_path, "test", NOISE, np.zeros(10, np.int32), 3, lambda count: None)
    checks.warn("test", watch(NOISE), info, ["cat", "dog", "o\x1bwl"])
    assert caplog.messages == [
        "warning: none of the 10 test images is of dog and o\\x1bwl, so the scores say nothing about them"
    ]


def test_good_images_are_not_warned_of(tmp_path, caplog):
    assert warnings(tmp_path, caplog, NOISE) == []


def test_images_of_one_colour_are_counted_and_the_first_named(tmp_path, caplog):
    images = NOISE.copy()
    images[[1, 3, 5, 7]] = 200
    [line] = warnings(tmp_path, caplog, images)
    assert line == "warning: 4 of 10 train images show one colour, or nearly: number 1, number 3, number 5, …"


ODD = {
    "black": (NOISE // 200, "train images are nearly black (mean 0."),
    "white": (255 - NOISE // 120, "train images are nearly white (mean 254."),
    "dark but for a hot pixel each": (
        np.where(np.arange(8 * 9 * 3).reshape(8, 9, 3) == 50, 255, NOISE // 10),
        "train images lie within 0…25 but for a few pixels (mean 13",
    ),
    "of little contrast": (NOISE // 10 + 100, "train images have hardly any contrast (mean 11"),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_split_is_warned_of(tmp_path, caplog, case):
    images, expected = ODD[case]
    *_, line = warnings(tmp_path, caplog, images)
    assert line.startswith(f"warning: the {expected}")
    assert line.endswith("of 0…255); scale the data to 0…255")


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([7], (7, 7)),
        ([0, 255], (0, 255)),
        ([3] * 50 + [9] * 50, (3, 9)),
        ([0] + [20] * 498 + [255], (20, 20)),
        ([0] * 6 + [20] * 988 + [255] * 6, (0, 255)),
    ],
)
def test_the_usual_range_leaves_out_a_few_pixels(levels, expected):
    assert checks.find_usual_range(np.bincount(levels, minlength=256)) == expected


def test_few_images_are_all_looked_at(tmp_path, caplog):
    images = NOISE.copy()
    images[0] = images[0] // 100 + 90
    caplog.clear()
    assert [line for line in warnings(tmp_path, caplog, images) if "few pixels" in line] == []


def test_a_thin_drawing_on_a_large_sheet_is_not_warned_of(tmp_path, caplog):
    images = np.zeros((10, 100, 100), np.uint8)
    images[:, 20:80, 50] = 255  # 0.6 % of the pixels
    images[::2] = 0
    images[::2, 50:52, 10:90] = 255
    assert warnings(tmp_path, caplog, images) == []


def test_images_that_are_all_equal_are_warned_of(tmp_path, caplog):
    assert warnings(tmp_path, caplog, np.repeat(NOISE[:1], 7, axis=0)) == [
        "warning: all 7 train images are equal to one another"
    ]
    first, _ = warnings(tmp_path, caplog, np.full_like(NOISE, 7))
    assert first == "warning: all 10 train images are equal to one another"


def test_pictures_of_one_colour_are_named_and_framed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own.write_folder(Path("mine"))
    assert own.make("folder:\n").stderr.count("warning") == 0
    clean = Path("plots/samples/own.png").read_bytes()
    for name in ("blue/3", "green/5", "red/0", "red/1"):
        Image.new("RGB", (16, 12), "white").save(f"mine/{name}.png")
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    images, _ = arrays.read_split(OUTPUT, "train")
    count = int((images.min(axis=(1, 2, 3)) == 255).sum())
    [line] = [line for line in result.stderr.splitlines() if line.startswith("warning: ") and "train" in line]
    assert line.startswith(f"warning: {count} of {len(images)} train images show one colour, or nearly: mine/")
    assert line.count("mine/") == min(count, 3)
    with Image.open("plots/samples/own.png") as sheet:
        framed = np.asarray(sheet.convert("RGB")).astype(int)
    assert (np.abs(framed - (0xD5, 0x5E, 0x00)).max(axis=2) < 8).sum() > 100 * count
    own.write_folder(Path("mine"))
    assert own.make("folder:\n").exit_code == 0
    assert Path("plots/samples/own.png").read_bytes() == clean
