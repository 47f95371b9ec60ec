import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.images import arrays
from tests import own

OUTPUT = Path("data/processed/own")


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """A folder of thirty pictures in three classes."""
    monkeypatch.chdir(tmp_path)
    return own.write_folder(Path("mine"))


def contents():
    return {path.name: path.read_bytes() for path in OUTPUT.iterdir()}


def test_two_words_make_arrays_of_a_folder(mine):
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    assert result.stderr == "own: 24 images to train on and 6 to test on, 12 × 16 in colour, of 3 classes\n"
    info = arrays.read_info(OUTPUT)
    assert (info.classes, info.image_shape) == (["blue", "green", "red"], (12, 16, 3))
    assert (info.train.images_per_class, info.test.images_per_class) == ([8, 8, 8], [2, 2, 2])
    originals = {
        np.asarray(Image.open(path)).tobytes(): colour for colour in own.COLOURS for path in mine.glob(f"{colour}/*")
    }
    seen = []
    for split in arrays.SPLITS:
        images, labels = arrays.read_split(OUTPUT, split)
        assert [info.classes[label] for label in labels] == [originals[image.tobytes()] for image in images]
        seen += [image.tobytes() for image in images]
    assert sorted(seen) == sorted(originals)


def test_the_first_images_are_not_all_of_one_class():
    assert own.make("folder:\n").exit_code == 0
    for split, first in (("train", 8), ("test", 6)):
        assert len(set(arrays.read_split(OUTPUT, split)[1][:first].tolist())) == 3


def test_the_same_folder_gives_the_same_bytes_in_whatever_order_it_is_listed(mine, monkeypatch):
    assert own.make("folder:\n").exit_code == 0
    first = contents()
    monkeypatch.setattr(Path, "iterdir", lambda self, original=Path.iterdir: reversed(list(original(self))))
    monkeypatch.setattr(Path, "rglob", lambda self, *given, original=Path.rglob: reversed(list(original(self, *given))))
    moved = mine.rename("elsewhere")
    assert own.make("folder:\n", moved).exit_code == 0
    assert contents() == first


def test_the_folders_train_and_test_are_the_splits():
    own.write_folder(Path("both/train"), each=5)
    own.write_folder(Path("both/test"), each=2)
    (Path("both") / "README.md").touch()
    result = own.make("folder:\n", "both")
    assert result.exit_code == 0, result.output
    info = arrays.read_info(OUTPUT)
    assert (info.train.images_per_class, info.test.images_per_class) == ([5, 5, 5], [2, 2, 2])


def test_the_dataset_file_may_set_the_order_of_the_classes():
    assert own.make("folder:\nclasses: [red, green, blue]\n").exit_code == 0
    assert arrays.read_info(OUTPUT).classes == ["red", "green", "blue"]


def test_what_is_hidden_is_left_out_and_what_is_no_picture_is_counted(mine):
    (mine / ".DS_Store").touch()
    (mine / ".thumbnails").mkdir()
    (mine / "blue/._0.png").touch()
    (mine / "blue/.cache").mkdir()
    (mine / "blue/.cache/0.png").touch()
    (mine / "blue/deeper").mkdir()
    shutil.copy(mine / "blue/0.png", mine / "blue/deeper/0.PNG")
    (mine / "LICENSE").touch()
    (mine / "red/notes.txt").touch()
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    left_out, told = result.stderr.splitlines()
    assert left_out == "left out: 2 files that are no pictures by their suffix, the first mine/LICENSE"
    assert "25 images to train on and 6 to test on" in told


def empty_folder(mine):
    (mine / "yellow").mkdir()


def only_others(mine):
    (mine / "yellow").mkdir()
    (mine / "yellow/a.heic").touch()


def outside(mine):
    (mine / "red/0.png").rename(mine / "0.png")


def one_class(mine):
    shutil.rmtree(mine / "red")
    shutil.rmtree(mine / "blue")


def no_class(mine):
    one_class(mine)
    shutil.rmtree(mine / "green")


def lonely(mine):
    for path in mine.glob("*/[1-9].png"):
        if path.parent.name != "green":
            path.unlink()


def cut(mine):
    path = mine / "red/3.png"
    path.write_bytes(path.read_bytes()[:200])


def no_picture(mine):
    (mine / "red/3.png").write_text("<html>")


def other_size(mine):
    own.picture("red", 1, (20, 10)).save(mine / "red/3.png")


def beside(mine):
    for split in ("train", "test"):
        own.write_folder(mine / split)


WRONG = {
    "empty folder": (empty_folder, "mine/yellow: expected pictures (.bmp, .gif", "received an empty folder"),
    "no picture by suffix": (only_others, "mine/yellow: expected pictures (.bmp, .gif", "received none, but a.heic"),
    "outside": (outside, "mine/0.png: expected a picture in the folder of its class", "move it"),
    "one class": (one_class, "mine: expected pictures of 2…256 classes", "received 1 (green)"),
    "no class": (no_class, "mine: expected pictures of 2…256 classes", "received 0"),
    "one picture": (lonely, "mine: expected two images of each class", "received one of blue, red"),
    "cut": (cut, "mine/red/3.png: expected a picture", "truncated"),
    "no picture": (no_picture, "mine/red/3.png: expected a picture", "received something else"),
    "other size": (
        other_size,
        "datasets/own.yaml: folder: expected an image_size",
        "height × width are 12 × 16 (mine/blue/0.png) and 20 × 10 (mine/red/3.png)",
    ),
    "no folder": (shutil.rmtree, "mine: expected a folder with a sub-folder for each class", "received none"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_folder_gives_one_line_and_leaves_what_stood_there(mine, case):
    assert own.make("folder:\n").exit_code == 0
    before = contents()
    spoil, place, received = WRONG[case]
    spoil(mine)
    [line] = own.errors(own.make("folder:\n"))
    assert line.startswith(place)
    assert received in line
    assert contents() == before
    assert list(OUTPUT.parent.iterdir()) == [OUTPUT]


def test_a_folder_beside_train_and_test_is_refused(mine):
    beside(mine)
    *lines, last = own.errors(own.make("folder:\n"))
    assert [line.split(": expected nothing beside")[0] for line in lines] == ["mine/blue", "mine/green", "mine/red"]
    assert "received 3 mistakes; mend them all" in last


def test_all_pictures_that_cannot_be_read_are_listed_up_to_twenty(mine):
    for path in mine.glob("red/[5-7].png"):
        path.write_bytes(path.read_bytes()[:200])
    *lines, last = own.errors(own.make("folder: {image_size: [8, 8]}\n"))
    assert [line.split(":")[0] for line in lines] == [f"mine/red/{number}.png" for number in (5, 6, 7)]
    assert last == "mine: expected data without a mistake, received 3 mistakes; mend them all"

    for path in mine.glob("*/*.png"):
        path.write_bytes(b"")
    *lines, last = own.errors(own.make("folder: {image_size: [8, 8]}\n"))
    assert (len(lines), "30 mistakes (10 of them not shown)" in last) == (20, True)
    assert not OUTPUT.exists()
    assert len(own.errors(own.make("folder:\n"))) == 21  # no size can be read either


def test_classes_that_the_dataset_file_does_not_list_are_named(mine):
    *lines, _ = own.errors(own.make("folder:\nclasses: [blue, yellow]\n"))
    assert lines == [
        "mine/green/0.png: expected a class that datasets/own.yaml lists, received 'green'; mend one of the two",
        "mine/red/0.png: expected a class that datasets/own.yaml lists, received 'red'; mend one of the two",
    ]
    [line] = own.errors(own.make("folder:\nclasses: [blue, green, red, yellow]\n"))
    assert "mine: expected images of every class to train on, received none of yellow" in line


def test_settings_of_a_split_that_is_not_made_are_refused():
    own.write_folder(Path("both/train"), each=2)
    own.write_folder(Path("both/test"), each=2)
    [line] = own.errors(own.make("folder:\nsplit_seed: 1\n", "both"))
    assert line.startswith("datasets/own.yaml: expected no split_seed, since the data have test images of their own")


def test_pictures_of_all_sizes_and_kinds_become_images_of_one(mine):
    shutil.rmtree(mine)
    (mine / "a").mkdir(parents=True)
    (mine / "b").mkdir()
    upright = np.zeros((40, 20, 3), np.uint8)
    upright[:20] = 200, 100, 50  # its upper half
    turned = Image.fromarray(np.rot90(upright).copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(upright).save(mine / "a/upright.png")
    turned.save(mine / "a/turned.png", exif=exif)
    Image.fromarray(upright[::2, ::2]).save(mine / "a/half.bmp")
    Image.fromarray(np.dstack([upright, np.full((40, 20), 255, np.uint8)])).save(mine / "b/alpha.webp", lossless=True)
    Image.fromarray(upright).quantize(4).save(mine / "b/palette.gif")
    Image.fromarray(upright).save(mine / "b/compressed.jpg", quality=95)
    assert own.make("folder: {image_size: [8, 8]}\n").exit_code == 0
    both = [arrays.read_split(OUTPUT, split)[0] for split in arrays.SPLITS]
    for image in np.concatenate(both):
        assert image[:, [0, 1, 6, 7]].max() == 0  # black at both sides: the aspect ratio is kept
        np.testing.assert_allclose(image[:3, 2:6].reshape(-1, 3), np.full((12, 3), (200, 100, 50)), atol=12)
        assert image[5:, 2:6].max() <= 12


def test_grey_pictures_stay_as_light_as_they_are(mine):
    shutil.rmtree(mine)
    for name, grey in (("dark", 10), ("light", 250)):
        (mine / name).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (5, 4), grey + number).save(mine / name / f"{number}.png")
    assert own.make("folder: {channels: 1}\n").exit_code == 0
    info = json.loads((OUTPUT / "dataset.json").read_text())
    assert info["image_shape"] == [4, 5, 1]
    images, labels = arrays.read_split(OUTPUT, "train")
    assert [int(image.min()) // 10 * 10 for image in images] == [10 if label == 0 else 250 for label in labels]


def test_photos_places_the_foreground_of_each_picture(mine):
    shutil.rmtree(mine)
    for name, height in (("long", 60), ("short", 20)):
        (mine / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((100, 120), 255, np.uint8)
            pixels[10 : 10 + height, 20 + number : 40] = 0
            Image.fromarray(pixels).save(mine / name / f"{number}.png")
    photos = "photos: {fit: 20, centre: box}\n"
    assert own.make(f"folder: {{channels: 1, image_size: [28, 28]}}\n{photos}").exit_code == 0
    for image in arrays.read_split(OUTPUT, "train")[0]:
        rows, columns = (np.flatnonzero(image[..., 0].max(axis=axis) > 0) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    [line] = own.errors(own.make(f"folder: {{channels: 1, image_size: [16, 16]}}\n{photos}"))
    assert line.startswith("datasets/own.yaml: photos.fit: expected 1…16, the smaller side of the images, received 20")
    [line] = own.errors(own.make(f"folder: {{image_size: [28, 28]}}\n{photos}"))
    assert line.startswith("datasets/own.yaml: photos: expected grey images (channels: 1), received images in colour")
    Image.new("L", (50, 50), 255).save(mine / "long/blank.png")
    [line] = own.errors(own.make(f"folder: {{channels: 1, image_size: [28, 28]}}\n{photos}"))
    assert line.startswith("mine/long/blank.png: expected an object on a plain background, received a blank picture")
