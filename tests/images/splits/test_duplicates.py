"""Copies of pictures: found by their pixels, kept on one side of the split, and told."""

import io
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from stages.common.hashes import sha256
from stages.images import arrays
from stages.images.splits import duplicates, perceptual_hash
from tests import own

OUTPUT = Path("data/processed/own")
CLASSES = ("cat", "dog")


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def noise(seed, size=(32, 32)):
    """Return a picture of pure noise."""
    random = np.random.Generator(np.random.PCG64(seed))
    return Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8))


def scene(seed, size=96):
    """Return a picture of smooth colours with detail all over, as a photograph has."""
    random = np.random.Generator(np.random.PCG64(seed))
    coarse = Image.fromarray(random.integers(0, 200, (6, 6, 3), dtype=np.uint8))
    picture = coarse.resize((size, size), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y = random.integers(0, size - 20, 2).tolist()
        draw.ellipse((x, y, x + 18, y + 12), fill=tuple(random.integers(0, 256, 3).tolist()))
    return picture


def jpeg(quality):
    def save(picture):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file).convert(picture.mode)

    return save


COPIES = {
    "JPEG 90": jpeg(90),
    "JPEG 40": jpeg(40),
    "half the size": lambda picture: picture.resize((48, 48), Image.Resampling.LANCZOS),
    "twice the size": lambda picture: picture.resize((192, 192), Image.Resampling.BICUBIC),
    "cropped": lambda picture: picture.crop((1, 1, 95, 95)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.8),
    "256 colours": lambda picture: picture.quantize(256).convert("RGB"),
    "small JPEG": lambda picture: jpeg(75)(picture.resize((64, 64), Image.Resampling.LANCZOS)),
}


def find(images):
    """Return the copies among images, uint8, (num_images, height, width, channels)."""
    recorder = duplicates.Recorder(Path())
    for start in range(0, len(images), 7):
        recorder.add(images[start : start + 7])
    return recorder.find()


def fitted(pictures, size=(32, 32)):
    return np.stack([np.asarray(picture.resize(size, Image.Resampling.LANCZOS)) for picture in pictures])


def write(pictures, folder="mine"):
    """Write pictures by their paths, as PNG or by their suffix."""
    for path, picture in pictures.items():
        (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
        picture.save(Path(folder) / path)


def read():
    """Return the images of each split, and the info."""
    return {split: arrays.read_split(OUTPUT, split)[0] for split in arrays.SPLITS}, arrays.read_info(OUTPUT)


def shared():
    """Return the number of test images that are training images, too."""
    images, _ = read()
    train = {image.tobytes() for image in images["train"]}
    return sum(image.tobytes() in train for image in images["test"])


@pytest.mark.parametrize("seed", range(3))
def test_pure_noise_four_times_is_not_learned_by_heart(seed):
    names = {f"{CLASSES[index % 2]}/{index}-{copy}.png": noise(index) for index in range(40) for copy in range(4)}
    write(names)
    result = own.make(f"folder:\nsplit_seed: {seed}\n")
    assert result.exit_code == 0, result.output
    _, info = read()
    assert shared() == 0
    assert (info.train.images_per_class, info.test.images_per_class) == ([64, 64], [16, 16])
    [told, _] = result.stderr.splitlines()
    assert told.startswith("mine: 160 pictures are copies, or nearly so; copies stay together")
    assert told.endswith("…")


def test_the_pixels_count_and_not_the_file():
    pictures = {f"{CLASSES[index % 2]}/{index}.png": noise(index) for index in range(20)}
    write(pictures)
    for path, picture in pictures.items():
        if path.startswith("cat/"):
            turned = Image.Exif()
            turned[0x0112] = 6  # to be turned a quarter clockwise
            picture.save(Path("mine") / f"{path}.a.png", compress_level=0)
            picture.save(Path("mine") / f"{path}.b.webp", lossless=True)
            picture.convert("RGBA").save(Path("mine") / f"{path}.c.tif")
            picture.transpose(Image.Transpose.ROTATE_90).save(Path("mine") / f"{path}.d.png", exif=turned)
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    assert "mine: 50 pictures are copies" in result.stderr
    assert shared() == 0
    assert read()[1].test.images_per_class == [10, 2]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_that_is_nearly_equal_stays_on_one_side(name):
    originals = {f"{CLASSES[index % 2]}/{index:02}.png": scene(index) for index in range(24)}
    write(originals)
    write({path.replace(".png", "-copy.png"): COPIES[name](picture) for path, picture in originals.items()})
    result = own.make("folder: {image_size: [48, 48]}\n")
    assert result.exit_code == 0, result.output
    assert "mine: 48 pictures are copies, or nearly so" in result.stderr
    images, info = read()
    assert info.test.images_per_class == [4, 4]
    for image in images["test"]:  # the other one of the pair is a test image, too
        assert sorted(distance(image, other) for other in images["test"])[1] < distance_to_nearest(
            image, images["train"]
        )


def distance(one, other):
    one, other = (each.astype(float) - each.mean() for each in (one, other))
    return float(np.sqrt(((one / one.std() - other / other.std()) ** 2).mean()))


def distance_to_nearest(image, images):
    return min(distance(image, other) for other in images)


def test_distinct_pictures_are_no_copies():
    shapes = [drawing(index) for index in range(300)]
    digits = [Image.fromarray(image) for image in digit_strokes(300)]
    squares = [own.picture(colour, seed) for colour in own.COLOURS for seed in range(100)]
    for name, images in {
        "shapes": fitted(shapes),
        "strokes": fitted(digits, (28, 28))[..., np.newaxis],
        "squares on noise": np.stack([np.asarray(each) for each in squares]),
        "scenes": fitted([scene(index) for index in range(200)]),
        "noise": np.stack([np.asarray(noise(index)) for index in range(200)]),
    }.items():
        found = find(images)
        assert (name, len(found.equal), len(found.near)) == (name, 0, 0)


def drawing(seed):
    """Return a disc or a square of some colour, size and place, on white."""
    random = np.random.Generator(np.random.PCG64(seed))
    picture = Image.new("RGB", (64, 64), "white")
    x, y = random.integers(14, 50, 2).tolist()
    radius = int(random.integers(6, 14))
    colour = tuple(random.integers(0, 200, 3).tolist())
    draw = ImageDraw.Draw(picture)
    (draw.ellipse if seed % 2 else draw.rectangle)((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return picture


def digit_strokes(count):
    """Return three strokes at random in grey, light on dark."""
    random = np.random.Generator(np.random.PCG64(1))
    for _ in range(count):
        picture = Image.new("L", (56, 56))
        points = [tuple(point) for point in random.integers(8, 48, (4, 2)).tolist()]
        ImageDraw.Draw(picture).line(points, fill=255, width=5)
        yield np.asarray(picture.resize((28, 28), Image.Resampling.LANCZOS))


def test_a_family_of_plain_pictures_is_not_taken_for_copies():
    ramps = [np.linspace(index, 200, 32)[np.newaxis] * np.ones((32, 1)) for index in range(60)]
    plain = [np.full((32, 32), index) for index in range(100, 160)]
    bars = [
        np.where(np.arange(32) // 4 == index % 8, 200 + index // 8, 20)[np.newaxis] * np.ones((32, 1))
        for index in range(64)
    ]
    for pictures in (ramps, plain, bars):
        found = find(np.stack(pictures).astype(np.uint8)[..., np.newaxis])
        assert (len(found.equal), len(found.near)) == (0, 0)


def test_other_colours_make_another_picture():
    heart = drawing(1)
    pixels = np.asarray(heart).astype(int)
    others = [np.roll(pixels, shift, axis=2) for shift in (1, 2)]
    found = find(np.stack([pixels, *others]).astype(np.uint8))
    assert (len(found.equal), len(found.near)) == (0, 0)
    grey = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    assert len(find(fitted(grey)).near) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 3), (11, 11), (12, 12), (13, 17), (40, 300)])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_are_compared(size, channels):
    random = np.random.Generator(np.random.PCG64(0))
    images = random.integers(0, 256, (9, *size, channels), dtype=np.uint8)
    images[:, 0, 0, 0] = range(9)
    images[7] = images[2]
    found = find(images)
    assert found.equal.tolist() == [[7, 2]]
    assert len(found.near) == 0


def test_thousands_of_like_pictures_hang_together(monkeypatch):
    monkeypatch.setattr(perceptual_hash, "CHUNK_PAIRS", 256)
    base = np.asarray(scene(0, 32)).astype(int)
    random = np.random.Generator(np.random.PCG64(0))
    images = np.clip(base + random.integers(-3, 4, (3000, *base.shape)), 0, 255).astype(np.uint8)
    tracemalloc.start()
    found = find(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16_000_000  # bytes; the pairs of all sorted lists at once take 40 MB
    assert len(np.unique(found.roots(with_near=True))) < 30
    assert len(found.near) < 16 * 16 * 3000


def test_the_hash_is_the_same_on_every_machine():
    thumbs = np.random.Generator(np.random.PCG64(5)).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    expected = ["0x1097cddc3655f795", "0x9b61e73f8d2c8e0c"]
    for some in (thumbs, thumbs[::-1]):
        assert [hex(bits) for bits in perceptual_hash.hash_thumbnails(some).bits.tolist()] == expected
        expected.reverse()
    large = np.arange(3 * 40 * 50).astype(np.uint8).reshape(1, 40, 50, 3)
    rows = large[0, 2:5, 3:6].reshape(-1, 3)
    assert perceptual_hash.thumbnails(large)[0, 1, 1].tolist() == np.rint(rows.mean(axis=0)).tolist()


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (16, 17), (100, 71)])
def test_a_thumbnail_holds_the_rounded_means(size):
    images = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    thumbs = perceptual_hash.thumbnails(images)
    tops, lefts = (np.arange(min(side, 16) + 1) * side // min(side, 16) for side in size)
    for row, column in np.ndindex(thumbs.shape[1:3]):
        block = images[:, tops[row] : tops[row + 1], lefts[column] : lefts[column + 1]]
        assert thumbs[:, row, column].tolist() == np.floor(block.mean(axis=(1, 2)) + 0.5).tolist()


def test_thumbnails_of_large_images_take_little_memory():
    images = np.zeros((8, 512, 512, 3), np.uint8)
    tracemalloc.start()
    perceptual_hash.thumbnails(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * images.nbytes


def test_the_same_picture_in_two_classes_is_told():
    pictures = {f"{CLASSES[index % 2]}/{index}.png": noise(index) for index in range(20)}
    write(pictures)
    for index in (0, 2, 4, 6):
        write({f"dog/copy-{index}.png": noise(index)})
    write({"dog/again.png": noise(0)})
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert warnings[0].startswith(
        "warning: mine: 4 pairs of pictures with equal pixels but different labels; correct the labels: "
    )
    named = warnings[0].split("labels: ")[1].removesuffix(", …").split(", ")
    assert len(named) == 3
    for pair in named:
        one, other = sorted(pair.split(" and "))
        assert (one.split("/")[1], other.split("/")[1]) == ("cat", "dog")
    assert shared() == 0


def test_a_nearly_equal_picture_in_two_classes_is_told():
    write({f"{CLASSES[index % 2]}/{index}.png": scene(index) for index in range(20)})
    write({"dog/copy.jpg": scene(4)})
    result = own.make("folder: {image_size: [48, 48]}\n")
    assert result.exit_code == 0, result.output
    [warning] = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert "1 pair of pictures with nearly equal pixels but different labels; correct the labels: mine/" in warning
    assert {"mine/cat/4.png", "mine/dog/copy.jpg"} == {*warning.split("labels: ")[1].split(" and ")}


@pytest.mark.parametrize("test", ["test", "Testing"])
def test_training_pictures_among_the_test_pictures_are_told(test):
    write({f"train/{CLASSES[index % 2]}/{index}.png": scene(index) for index in range(20)})
    write({f"{test}/{CLASSES[index % 2]}/{index}.png": scene(index) for index in range(17, 25)})
    write({f"{test}/cat/small.jpg": scene(2).resize((64, 64))})
    result = own.make("folder: {image_size: [48, 48]}\n")
    assert result.exit_code == 0, result.output
    [warning] = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert warning.startswith(
        "warning: mine: 4 of 9 test images are among the train images, too, 1 of them nearly, so the score is too high"
    )
    assert "train/" in warning
    assert f"{test}/" in warning
    assert read()[1].test.images == 9


def test_validation_pictures_are_compared_with_both_other_splits():
    for split, seeds in (("train", range(10)), ("val", range(8, 14)), ("test", range(13, 20))):
        write({f"{split}/{CLASSES[seed % 2]}/{seed}.png": noise(seed) for seed in seeds})
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert [line.split(", too")[0] for line in warnings] == [
        "warning: mine: 2 of 6 validation images are among the train images",
        "warning: mine: 1 of 7 test images are among the validation images",
    ]


def test_copies_that_lie_in_two_splits_are_not_told_as_kept_together():
    for split, seeds in (("train", range(20)), ("val", range(30, 34))):
        write({f"{split}/{CLASSES[seed % 2]}/{seed}.png": noise(seed) for seed in seeds})
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    held_out = arrays.read_split(OUTPUT, "test")[0][0].tobytes()
    [seed] = [seed for seed in range(20) if np.asarray(noise(seed)).tobytes() == held_out]
    write({f"val/{CLASSES[seed % 2]}/copy.png": noise(seed)})
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    assert "1 of 4 test images are" in result.stderr
    assert "stay together" not in result.stderr


@pytest.mark.parametrize("has_test", [True, False])
def test_arrays_with_copies(has_test):
    images = np.stack([np.asarray(noise(index % 25)) for index in range(100)])
    labels = np.arange(100) % 25 % 2
    given = {"x_train": images[:75], "y_train": labels[:75]}
    given |= {"x_test": images[75:], "y_test": labels[75:]} if has_test else {}
    np.savez("mine.npz", **given)
    result = own.make("npz:\n", "mine.npz")
    assert result.exit_code == 0, result.output
    if has_test:
        assert "warning: mine.npz: 25 of 25 test images are among the train images, too, so the score" in result.stderr
        assert "mine.npz: x_test[0]" in result.stderr
    else:
        assert "mine.npz: 75 pictures are copies" in result.stderr
        assert shared() == 0
        info = read()[1]
        assert (info.train.images_per_class, info.test.images_per_class) == ([30, 30], [9, 6])


def test_tables_of_pixels_and_of_pictures_with_copies():
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (20, 16))
    rows = [",".join(map(str, [index % 20 % 2, *pixels[index % 20]])) for index in range(60)]
    Path("mine").mkdir()
    Path("mine/labels.csv").write_text("\n".join([",".join(["label", *map(str, range(16))]), *rows]))
    assert own.make("csv: {pixels: [4, 4]}\n").exit_code == 0
    assert shared() == 0
    assert read()[1].test.images_per_class == [6, 6]
    write({f"{index}.png": noise(index % 20) for index in range(60)})
    rows = [f"{index}.png,{CLASSES[index % 2]}" for index in range(60)]
    Path("mine/labels.csv").write_text("\n".join(["path,label", *rows]))
    assert own.make("csv:\n").exit_code == 0
    assert shared() == 0
    assert read()[1].test.images_per_class == [6, 6]


def test_a_class_of_copies_alone_is_divided_and_told():
    write({f"cat/{index}.png": noise(0) for index in range(10)})
    write({f"dog/{index}.png": noise(index + 1) for index in range(10)})
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert warnings[0].startswith("warning: mine: 2 of 4 test images are among the train images, too")
    assert warnings[1].startswith("warning: mine: all pictures of cat are copies, or nearly so; divided nevertheless")
    assert "copies stay together" not in result.stderr
    assert read()[1].test.images_per_class == [2, 2]


def test_without_copies_the_bytes_are_those_of_before():
    own.write_folder(Path("mine"))
    assert own.make("folder:\n").exit_code == 0
    first = digests()
    assert first == [
        "5638bc2784012214",
        "be9059c14eea7317",
        "5483c6118a65897c",
        "7ad6a15d47aaecf3",
    ]  # before there were
    assert own.make("folder:\ntest_fraction: 0.3\nsplit_seed: 7\n").exit_code == 0
    assert digests() == ["c5ce1723b38e2cbb", "746cc96bf27de5f4", "2f2d419c350ea5db", "423f970d15b3ff8a"]  # copies
    shutil.copy("mine/blue/0.png", "mine/blue/0-copy.png")
    assert own.make("folder:\n").exit_code == 0
    assert shared() == 0
    Path("mine/blue/0-copy.png").unlink()
    assert own.make("folder:\n").exit_code == 0
    assert digests() == first


def digests():
    """Return the first digits of the SHA-256 of the arrays: test images and labels, training images and labels."""
    return [sha256(path)[:16] for path in sorted(OUTPUT.glob("*.npy"))]


def test_an_unreadable_picture_is_an_error_beside_copies():
    write({f"{CLASSES[index % 2]}/{index}.png": noise(index // 4) for index in range(16)})
    content = Path("mine/cat/4.png").read_bytes()
    Path("mine/cat/4.png").write_bytes(content[: len(content) // 2])
    [line] = own.errors(own.make("folder:\n"))
    assert line.startswith("mine/cat/4.png: expected a picture")
    assert not OUTPUT.exists()
    assert list(Path("data/processed").iterdir()) == []
