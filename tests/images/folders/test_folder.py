"""Folders of pictures, from files to arrays; these tests cover folder_tree, split_folders and class_folders, too."""

import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common.errors import InputError
from stages.images import arrays
from tests import own
from tests.images.conftest import HEIC

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


def write_classes(folder, *names, each=3):
    """Write a sub-folder of pictures for each name; no two pictures are the same."""
    for name in names:
        (Path(folder) / name).mkdir(parents=True, exist_ok=True)
        for index in range(each):
            seed = zlib.crc32(f"{folder}/{name}/{index}".encode(errors="surrogateescape"))
            own.picture("red", seed).save(Path(folder) / name / f"{index}.png")


def made(text="folder:\n", source="made"):
    result = own.make(text, source)
    assert result.exit_code == 0, result.output
    return arrays.read_info(OUTPUT), result.stderr.splitlines()


def refusal(text="folder:\n", source="made"):
    """Return the one line by which a folder is refused."""
    [line] = own.errors(own.make(text, source))
    assert not OUTPUT.exists()
    return line


TRAIN_NAMES = ["train", "training", "Train", "TRAINING", "train_set", "Training Set", "traindata", "train-images"]
TEST_NAMES = ["test", "testing", "Test", "TESTING", "test_set", "Testing Set", "testdata", "test-images"]
VALIDATION_NAMES = ["val", "valid", "validation", "Val", "VALID", "Validation", "dev", "val_set"]


@pytest.mark.parametrize(("train", "test"), zip(TRAIN_NAMES, TEST_NAMES, strict=True))
def test_folders_named_after_splits_are_splits_in_any_capitals(train, test):
    write_classes(f"made/{train}", "cat", "dog", "owl", each=5)
    write_classes(f"made/{test}", "cat", "dog", "owl", each=2)
    info, _ = made()
    assert info.classes == ["cat", "dog", "owl"]
    assert (info.train.images_per_class, info.test.images_per_class) == ([5, 5, 5], [2, 2, 2])
    assert info.validation is None
    assert "validation" not in (OUTPUT / "dataset.json").read_text()


@pytest.mark.parametrize("name", VALIDATION_NAMES)
def test_validation_pictures_are_a_split_of_their_own(name):
    for split, each in (("train", 5), ("test", 2), (name, 3)):
        write_classes(f"made/{split}", "cat", "dog", each=each)
    info, [line] = made()
    assert line == "own: 10 images to train on, 6 to validate on and 4 to test on, 12 × 16 in colour, of 2 classes"
    assert info.validation.images_per_class == [3, 3]
    images, labels = arrays.read_split(OUTPUT, "validation")
    originals = {np.asarray(Image.open(path)).tobytes(): path.parent.name for path in Path(f"made/{name}").glob("*/*")}
    assert [info.classes[label] for label in labels] == [originals.pop(image.tobytes()) for image in images]
    assert originals == {}


def test_without_test_pictures_some_training_pictures_are_held_out_and_the_validation_pictures_are_not():
    write_classes("made/train", "cat", "dog", each=10)
    write_classes("made/val", "cat", "dog", each=4)
    info, [held_out, _] = made("folder:\ntest_fraction: 0.3\n")
    assert held_out == (
        "no test pictures: 6 of the training pictures are held out as such; the validation pictures stay apart"
    )
    counts = [split.images_per_class for split in (info.train, info.validation, info.test)]
    assert counts == [[7, 7], [4, 4], [3, 3]]
    originals = {np.asarray(Image.open(path)).tobytes(): path.parts[1] for path in Path("made").glob("*/*/*")}
    for split, folder in (("train", "train"), ("test", "train"), ("validation", "val")):
        assert {originals[image.tobytes()] for image in arrays.read_split(OUTPUT, split)[0]} == {folder}


def test_validation_arrays_go_when_the_folder_goes():
    for split in ("train", "test", "val"):
        write_classes(f"made/{split}", "cat", "dog")
    made()
    shutil.rmtree("made/val")
    info, _ = made()
    assert info.validation is None
    assert len(list(OUTPUT.iterdir())) == 5
    with pytest.raises(InputError, match="own: expected images of the split validation, received none; add some"):
        arrays.read_split(OUTPUT, "validation")


def test_a_split_folder_in_one_of_the_same_name_is_read():
    write_classes("made/training_set/training_set", "cat", "dog")
    write_classes("made/test_set/test_set", "cat", "dog", each=2)
    info, _ = made()
    assert (info.classes, info.train.images, info.test.images) == (["cat", "dog"], 6, 4)


def test_class_folders_may_hold_folders_of_their_own_and_a_line_says_so():
    write_classes("made/cat", "indoor", "outdoor")
    write_classes("made/dog", "pictures")
    write_classes("made/owl", "summer", "winter/night")
    info, [deeper, _] = made()
    assert info.classes == ["cat", "dog", "owl"]
    assert deeper == (
        "made/cat: the pictures in indoor and outdoor are of the class cat, whatever these folders' names "
        "(and the like in 1 more)"
    )
    assert len(made("folder:\nclasses: [cat, dog, owl]\n")[1]) == 1
    counts = zip(info.train.images_per_class, info.test.images_per_class, strict=True)
    assert [sum(pair) for pair in counts] == [6, 3, 6]


@pytest.mark.parametrize(
    "folders",
    [
        ("cat/indoor", "dog/indoor"),
        ("cat/images/indoor", "cat/images/outdoor", "dog/images"),
        ("cat/1", "cat/2", "dog"),
    ],
)
def test_class_folders_with_pictures_one_folder_below_are_classes(folders):
    write_classes("made", *folders)
    assert made()[0].classes == ["cat", "dog"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("cat", "dog", "test"), "test"),
        (("bus", "car", "train"), "train"),
        (("a", "b", "Val 2"), "Val 2"),
        (("cat", "dog", "Unlabeled"), "Unlabeled"),
    ],
)
def test_a_class_named_after_a_split_is_one_and_is_told(names, told):
    write_classes("made", *names)
    info, [warning, _] = made()
    assert info.classes == sorted(names)
    assert warning == (
        f"warning: made/{told} is read as a class named {told}; move it away if its pictures are of several classes"
    )
    _, lines = made(f"folder:\nclasses: {json.dumps(names)}\n")
    assert len(lines) == 1


@pytest.mark.parametrize("names", [("train", "test"), ("test", "val"), ("train2017", "val2017"), ("fold1", "fold2")])
def test_classes_that_the_dataset_file_lists_are_classes_whatever_their_names(names):
    write_classes("made", *names)
    for name in names:
        write_classes(f"made/{name}", "day", "night")
    info, lines = made(f"folder:\nclasses: {json.dumps(names)}\n")
    assert (info.classes, info.train.images + info.test.images, len(lines)) == ([*names], 18, 1)


ANIMALS = ("cat", "dog", "owl")
SPLITS_OR_CLASSES = {
    "folds": (
        {"fold1": ANIMALS, "fold2": ANIMALS},
        "made: expected a folder of pictures for each class, received fold1 and fold2, which hold the same folders "
        "(cat, dog and owl); name the folders train, test and validation if they are splits; if these are classes, lis",
    ),
    "years": (
        {"2023": ANIMALS, "2024": ("cat", "dog")},
        "received 2023 and 2024, which hold the same folders (cat and dog)",
    ),
    "words before": (
        {"seg_train/seg_train": ANIMALS, "seg_test/seg_test": ANIMALS, "seg_pred": (".",)},
        "received seg_test and seg_train, which hold the same folders (cat, dog and owl)",
    ),
    "sizes": ({"small": ANIMALS, "large": ANIMALS, "other": (".",)}, "received large and small, which hold the same"),
    "views": (
        {"cat": ("front", "side"), "dog": ("front", "side")},
        "received cat and dog, which hold the same folders (front and side)",
    ),
    "sites of which one lacks a class": (
        {"site_a": ("cat", "dog"), "site_b": ("cat",)},
        "received site_a and site_b, which hold the same folders (cat)",
    ),
    "sites of which one has a class alone, and deeper": (
        {"site_a/pictures": ("cat", "dog"), "site_b": ("cat/2024",), "site_c": (".",)},
        "received site_a and site_b, which hold the same folders (cat)",
    ),
    "sites with a class in common": (
        {"site_a": ("cat", "dog"), "site_b": ("cat", "owl")},
        "received site_a and site_b, which hold the same folders (cat)",
    ),
    "COCO": (
        {"train2017": (".",), "val2017": (".",)},
        "received the folders train2017 and val2017, named like splits; sort the pictures into folders such as "
        "made/train/cat",
    ),
    "numbers": ({"test1": (".",), "train": (".",)}, "received the folders test1 and train, named like splits"),
    "no train": (
        {"test": ANIMALS, "val": ANIMALS},
        "expected a folder train beside test and val, received none; add it",
    ),
    "two for one split": (
        {"train": ANIMALS, "Training": ANIMALS, "test": ANIMALS},
        "made: expected one folder for the split train, received Training and train; merge them, or move one away",
    ),
    "only two for one split": (
        {"train": ANIMALS, "Training": ANIMALS},
        "received Training and train, which hold the same folders (cat, dog and owl)",
    ),
    "no classes": (
        {"train": (".",), "test": (".",)},
        "made: expected a folder of pictures for each class in train and test, received 6 pictures without a class, "
        "the first made/train/0.png; sort them into such folders, or list their classes in a table and use `csv`",
    ),
    "unlabelled test pictures": (
        {"train": ANIMALS, "test": (".",)},
        "made/test: expected a folder of pictures for each class, as in made/train, received 3 pictures without a "
        "class, the first made/test/0.png; sort them into such folders, or move this folder away",
    ),
    "unlabelled test pictures beside a class": (
        {"train": ANIMALS, "test": (".", "cat")},
        "made/test: expected each picture in the folder of its class, received 3 pictures outside, the first made/test",
    ),
    "unlabelled test pictures in a folder of their own": (
        {"train": ANIMALS, "test": ("unknown",)},
        "made/test/unknown: expected a class of made/train (cat, dog and owl), received none; rename the folder after "
        "a class, add training pictures of it, or move it away",
    ),
    "classes of other names": (
        {"train": ("cats", "dogs"), "val": ("cat", "dog")},
        "made/val/cat: expected a class of made/train (cats and dogs), received none (did you mean 'cats'?) (and 1 mor",
    ),
    "object detection": (
        {"train/images": (".",), "train/labels": (), "valid/images": (".",), "valid/labels": ()},
        "made/train: expected a folder of pictures for each class, received the folders images and labels, as for "
        "detection or segmentation; sort the pictures into a folder for each class; if these are classes, list",
    ),
    "object detection, the other way": (
        {"images/train": (".",), "images/val": (".",), "labels/train": (), "labels/val": ()},
        "made: expected a folder of pictures for each class, received the folders images and labels, as for detection",
    ),
    "the same folders in the splits": (
        {"train/2023": ANIMALS, "train/2024": ANIMALS, "test/2023": ANIMALS, "test/2024": ANIMALS},
        "made/train: expected a folder of pictures for each class, received 2023 and 2024, which hold the same folders",
    ),
    "segmentation": (
        {"JPEGImages": (".",), "masks": (".",)},
        "made: expected a folder of pictures for each class, received the folders JPEGImages and masks, as for detect",
    ),
    "empty test folder": (
        {"train": ANIMALS, "test": ()},
        "made/test: expected a folder of pictures for each class, as in made/train, received no pictures; add some, or",
    ),
    "test beside the classes": (
        {".": ("cat", "dog"), "test": ("cat", "dog")},
        "made/test: expected the pictures of one class, like cat and dog beside it, received folders of classes "
        "(cat and dog); move the training pictures into made/train, or if these are classes, list them",
    ),
    "train beside others": (
        {"train": ANIMALS, "unlabelled": (".",), "eval": ANIMALS},
        "made: expected only folders of splits beside train, which holds folders of classes, received eval and "
        "unlabelled; name them train, test or validation, or move them away; if these are classes, list them",
    ),
    "splits in classes": (
        {"cat": ("train", "test"), "dog": ("train", "test")},
        "made/cat: expected the pictures of one class, received folders of splits (test and train); put the splits "
        "above the classes, as in made/train/cat",
    ),
    "beside the splits": (
        {"train": ANIMALS, "test": ANIMALS, ".": (".",)},
        "made: expected nothing beside the folders train and test, received 3 pictures there, the first made/0.png; mo",
    ),
    "too deep": (
        {"made/pictures": ANIMALS},
        "made: expected a folder of pictures for each class, received one folder, made/made/pictures, which holds 3 "
        "(cat, dog and owl); set the dataset's `source` in params.yaml to made/made/pictures",
    ),
    "too deep beside what macOS left": (
        {"pictures": ANIMALS, "__MACOSX/pictures": ANIMALS},
        "`source` in params.yaml to made/pictures",
    ),
    "only train": ({"train": ANIMALS}, "set the dataset's `source` in params.yaml to made/train"),
    "splits too deep": ({"a/train": ANIMALS, "a/test": ANIMALS}, "`source` in params.yaml to made/a"),
    "beside other folders": ({"images": ANIMALS, "labels": ()}, "`source` in params.yaml to made/images"),
    "too deep in the splits": (
        {"train/images": ANIMALS, "test/images": ANIMALS},
        "made: expected the folders of classes directly in train and test, received one folder, made/train/images, "
        "which holds 3 (cat, dog and owl); move the folders of classes up",
    ),
    "too deep in one split": (
        {"train/pictures": ANIMALS, "test": ANIMALS},
        "received one folder, made/train/pictures, w",
    ),
    "one class": ({".": ("cat",)}, "made: expected pictures of 2…256 classes, received 1 (cat)"),
    "too many classes": (
        {".": [f"{number:03}" for number in range(300)]},
        "made: expected pictures of 2…256 classes, received 300; merge classes, or leave some out",
    ),
    "no class folders": (
        {".": (".",)},
        "made: expected each picture in the folder of its class, received 3 pictures outside, the first made/0.png; "
        "sort them into folders, or set `source` to the folder above if these are one class",
    ),
    "pictures outside": (
        {".": (".", "cat", "dog")},
        "made: expected each picture in the folder of its class, received 3 pictures outside, the first made/0.png",
    ),
    "an empty class": ({".": ("cat", "dog"), "owl": ()}, "made/owl: expected pictures (PNG, JPEG, "),
    "empty classes": (
        {".": ("cat", "dog"), **{f"owl{number:03}": () for number in range(297)}},
        "made: expected pictures in each class folder, received none in 297 of 299, the first made/owl000; add some",
    ),
    "capitals": (
        {".": ("cat", "Cat")},
        "made: expected one name for each class, received 'Cat' (made/Cat) and 'cat' (made/cat), which differ only in "
        "capitals; merge the folders, or list both names under `classes` in the dataset's file",
    ),
    "capitals in the splits": (
        {"train": ("cat", "dog"), "test": ("Cat", "dog")},
        "received 'cat' (made/train/cat) and 'Cat' (made/test/Cat), which differ only in capitals",
    ),
    "capitals of letters": (
        {".": (*"aAbBcC",)},
        "received 'A' (made/A) and 'a' (made/a), which differ only in capitals (and 2 more); merge",
    ),
    "a blank": (
        {".": ("cat", "cat ")},
        "received 'cat' (made/cat) and 'cat ' (made/cat ), which differ only in blanks",
    ),
    "two blanks": (
        {".": ("a cat", "a  cat")},
        "received 'a  cat' (made/a  cat) and 'a cat' (made/a cat), which differ",
    ),
    "leading zeros": (
        {".": ("7", "007")},
        "received '007' (made/007) and '7' (made/7), which differ only in how the num",
    ),
    "one letter of another alphabet": (
        {".": ("cat", "c\u0430t")},
        "received 'cat' (made/cat) and 'c\\u0430t' (made/c\u0430t), which differ only in characters that look alike or",
    ),
    "a line break": ({".": ("a\nb", "c")}, "made/a\\nb: expected a name that is text of one line, received"),
    "a blank alone": ({".": (" ", "c")}, "made/ : expected a name that is text of one line, received ' '; rename"),
    "no UTF-8": (
        {".": (os.fsdecode(b"caf\xe9"), "tea")},
        "made/caf\\xe9: expected a name that is text of one line, received 'caf\\\\xe9'; rename the folder",
    ),
}


@pytest.mark.parametrize("case", SPLITS_OR_CLASSES)
def test_folders_that_are_no_classes_are_refused_in_one_line(case):
    folders, expected = SPLITS_OR_CLASSES[case]
    for folder, names in folders.items():
        Path(f"made/{folder}").mkdir(parents=True, exist_ok=True)
        write_classes(f"made/{folder}", *names)
    assert expected in refusal()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "mien",
            "mien: expected a folder with a sub-folder for each class, received no such folder (did you mean 'mine'?)",
        ),
        (
            "~/mine",
            "~/mine: expected a folder with a sub-folder for each class, received a ~, which only a shell knows",
        ),
    ],
)
def test_a_source_that_is_not_there_is_refused_with_what_may_be_meant(source, expected):
    assert expected in refusal(source=source)


def test_a_class_that_is_listed_in_other_letters_is_pointed_out(mine):
    [line] = own.errors(own.make("folder:\nclasses: [blue, green, Red]\n"))
    assert (
        "expected classes that datasets/own.yaml lists (did you mean 'Red'?), received 'red'; rename the class" in line
    )


OTHER_DATA = {
    "nothing": (lambda folder: None, "received an empty folder; correct the dataset's `source`"),
    "folders": (lambda folder: (folder / "cat").mkdir(), "received folders without files"),
    "arrays": (
        lambda folder: [np.save(folder / f"{number}.npy", np.zeros(3)) for number in range(3)],
        "received no pictures, but 3 NumPy arrays (the first made/0.npy); write them into one file with numpy.savez",
    ),
    "npz": (
        lambda folder: np.savez(folder / "a.npz", x_train=np.zeros(3)),
        "received no pictures, but 1 NumPy .npz archive (made/a.npz); use `npz` in the dataset's file",
    ),
    "zip files": (
        lambda folder: [shutil.make_archive(str(folder / name), "zip", "mine", name) for name in own.COLOURS],
        "received no pictures, but 3 zip archives (the first made/blue.zip); unpack them",
    ),
    "text": (
        lambda folder: (folder / "a.txt").write_text("x"),
        "received no pictures, but 1 text file (made/a.txt); correct",
    ),
    "IDX": (
        lambda folder: (folder / "train").write_bytes(b"\0\0\x08\1\0\0\0\1\1"),
        "received no pictures, but 1 IDX file (made/train); use `files` in the dataset's file",
    ),
}


@pytest.mark.parametrize("case", OTHER_DATA)
def test_a_folder_of_other_data_is_refused_with_what_it_holds(case):
    Path("made").mkdir()
    fill, expected = OTHER_DATA[case]
    fill(Path("made"))
    line = refusal()
    assert line.startswith("made: expected a folder of pictures for each class, ")
    assert expected in line


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("made.zip", "received a zip archive; unpack it, and set the dataset's `source` in params.yaml to the folder"),
        ("made.npz", "received a NumPy .npz archive; use `npz` in the dataset's file"),
        ("made.csv", "received a text file; correct the dataset's `source`"),
    ],
)
def test_a_file_in_place_of_a_folder_is_refused(name, expected):
    shutil.make_archive("made", "zip", "mine")
    np.savez("made.npz", x_train=np.zeros(3))
    Path("made.csv").write_text("path,label\n")
    assert f"{name}: expected a folder with a sub-folder for each class, {expected}" in refusal(source=name)


def test_a_zip_in_a_class_folder_is_named():
    write_classes("made", "cat", "dog")
    Path("made/owl").mkdir()
    shutil.make_archive("made/owl/owl", "zip", "mine")
    assert "received none, but 1 zip archive (made/owl/owl.zip); add some, or remove it" in refusal()


def test_a_table_beside_loose_pictures_is_pointed_out():
    write_classes("made", ".")
    Path("made/labels.csv").write_text("path,label\n")
    assert "; if made/labels.csv says the classes, use `csv` in the dataset's file" in refusal()


def test_pictures_are_known_by_their_content(without_extras):
    write_classes("made", "cat", "dog", each=9)
    names = ["0.jfif", "1.jpe", "2.tif", "3.HEIC", "4", "5.txt", "6.JPEG", "7.png", "8.webp"]
    formats = ["JPEG", "JPEG", "TIFF", "JPEG", "PNG", "PNG", "JPEG", "BMP", "WEBP"]
    for number, (name, kind) in enumerate(zip(names, formats, strict=True)):
        path = Path(f"made/cat/{number}.png")
        picture = Image.open(path).copy()
        path.unlink()
        picture.save(f"made/cat/{name}", format=kind)
    info, [line] = made()
    assert line == "own: 14 images to train on and 4 to test on, 12 × 16 in colour, of 2 classes"
    assert info.train.images_per_class == [7, 7]


def test_pictures_that_cannot_be_read_are_refused_by_the_name_of_their_format(without_extras):
    write_classes("made", "cat", "dog", each=2)
    for number in range(48):
        Path(f"made/cat/IMG_{number}.HEIC").write_bytes(HEIC)
    line = refusal()
    assert line.startswith("made: expected pictures of the formats PNG, JPEG, ")
    assert line.endswith(
        "received 48 HEIF pictures, the first made/cat/IMG_0.HEIC; pip install pillow-heif, or save it as JPEG"
    )


def test_heic_pictures_are_read_where_pillow_heif_is_installed(with_heif):
    write_classes("made", "cat", "dog", each=2)
    for number in range(3):
        Path(f"made/cat/IMG_{number}.HEIC").write_bytes(HEIC)
    info, _ = made("folder: {image_size: [2, 3]}\n")
    assert info.train.images + info.test.images == 7


def test_a_name_in_two_forms_of_unicode_is_one_class():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    write_classes("made", composed, decomposed, "tea")
    info, [warning, _] = made()
    assert (info.classes, info.train.images_per_class) == ([composed, "tea"], [5, 2])
    assert warning == (
        "warning: the folders named café differ only in the form of Unicode (NFC and NFD); they are one class"
    )


@pytest.mark.parametrize("listed", ["caf\u00e9", "cafe\u0301"])
@pytest.mark.parametrize("name", ["caf\u00e9", "cafe\u0301"])
def test_a_name_of_the_dataset_file_fits_in_either_form_of_unicode(name, listed):
    write_classes("made", name, "tea")
    info, _ = made(f"folder:\nclasses: [tea, {listed}]\n")
    assert info.classes == ["tea", listed]


def test_names_may_be_the_numbers_of_the_classes_that_the_dataset_file_lists():
    write_classes("made", "0", "1", "02", each=2)
    write_classes("made", "1", each=5)
    info, [numbers, _] = made("folder:\nclasses: [cat, dog, owl]\n")
    assert numbers == "labels are numbers of classes: 0 is cat, 1 is dog and 02 is owl"
    assert (info.classes, info.train.images_per_class) == (["cat", "dog", "owl"], [1, 4, 1])


def test_blanks_around_a_name_are_dropped():
    write_classes("made", " cat", "dog ")
    info, _ = made()
    assert info.classes == ["cat", "dog"]


def test_folders_with_other_numbers_than_those_of_the_classes_are_refused_in_one_line():
    write_classes("made", "1", "2")
    assert refusal("folder:\nclasses: [cat, dog, owl]\n") == (
        "made/1/0.png: expected classes that datasets/own.yaml lists, or their numbers, 0…2, received '1' and '2'; "
        "rename the classes here, or list them there"
    )


def test_pictures_named_like_masks_of_others_are_told():
    write_classes("made", "benign", "normal")
    for number, name in enumerate(("0_mask.png", "1_mask_1.png", "2-GT.png", "gas_mask.png")):
        own.picture("green", number).save(f"made/benign/{name}")
    info, [masks, *_] = made()
    assert info.train.images + info.test.images == 10
    assert masks == (
        "warning: 3 pictures named like masks of others, the first made/benign/0_mask.png; if these are masks, move "
        "them away, since they are read as pictures of the class"
    )


def test_a_dead_link_in_place_of_a_class_folder_is_one_error():
    write_classes("made", "cat", "dog")
    Path("made/owl").symlink_to("../gone")
    assert refusal().startswith("made/owl: expected a link to a file or a folder, received a link to ../gone")


def test_names_that_are_alike_may_be_listed():
    write_classes("made", "A", "a", "b", "007", "7")
    info, _ = made('folder:\nclasses: [A, a, b, "007", "7"]\n')
    assert info.classes == ["A", "a", "b", "007", "7"]


def test_names_that_are_all_numbers_are_sorted_by_value():
    write_classes("made", "0", "007", "1", "10", "11", "2", "-3")
    info, _ = made()
    assert info.classes == ["-3", "0", "1", "2", "007", "10", "11"]
    write_classes("decimal", "1.5", "10.0", "2", "-0.5")
    info, _ = made(source="decimal")
    assert info.classes == ["-0.5", "1.5", "2", "10.0"]
    write_classes("made", "many")
    info, _ = made()
    assert info.classes == ["-3", "0", "007", "1", "10", "11", "2", "many"]


def test_a_file_name_that_is_not_utf8_is_read_and_shown_with_escapes():
    write_classes("made", "cat", "dog")
    odd = os.fsdecode(b"made/cat/caf\xe9\n.png")
    own.picture("blue", 1).save(odd)
    info, _ = made()
    assert info.train.images + info.test.images == 7
    Path(odd).write_bytes(b"no picture")
    [line] = own.errors(own.make("folder:\n", "made"))
    assert line.startswith("made/cat/caf\\xe9\\n.png: expected a picture, received a text file")


def test_linked_folders_and_pictures_are_read_and_dead_links_are_refused():
    write_classes("made", "cat", "dog", each=5)
    write_classes("store", "dogs", each=5)
    Path("made/dog/more").symlink_to("../../store/dogs")
    Path("made/owl").symlink_to("../store")
    (Path("store") / "dogs" / "5.png").symlink_to("0.png")
    Path("made/owl").unlink()
    info, _ = made()
    assert info.train.images + info.test.images == 16
    (Path("store") / "dogs" / "5.png").unlink()
    (Path("store") / "dogs" / "5.png").symlink_to("gone.png")
    [line] = own.errors(own.make("folder:\n", "made"))
    assert line.startswith("made/dog/more/5.png: expected a link to a file or a folder, received a link to gone.png")


def test_a_folder_linked_twice_in_a_class_is_told_and_in_two_classes_refused():
    write_classes("made", "cat", "dog")
    write_classes("store", "dogs")
    for name in ("more", "again"):
        Path(f"made/dog/{name}").symlink_to("../../store/dogs")
    Path("made/dog/up").symlink_to("..")
    _, lines = made()
    assert lines[:2] == [
        "warning: made/dog/up leads back to made, which holds it; it is not followed",
        "warning: made/dog/again and made/dog/more are one folder, whose pictures are read twice",
    ]
    Path("made/owl").symlink_to("cat")
    [line] = own.errors(own.make("folder:\n", "made"))
    assert line.startswith(
        "made/owl: expected pictures of its own, received those of made/cat, since both are the same"
    )


def test_one_folder_for_two_splits_is_refused():
    write_classes("store", "cat", "dog")
    Path("made").mkdir()
    for split in ("train", "test"):
        Path(f"made/{split}").symlink_to("../store")
    assert refusal().startswith("made/train: expected pictures of its own, received those of made/test, since both are")


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
    own.picture("blue", 77).save(mine / "blue/deeper/0.PNG")
    (mine / "LICENSE").write_text("Be kind.")
    (mine / "red/notes.txt").write_text("seen in June")
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output
    left_out, told = result.stderr.splitlines()
    assert left_out == (
        "left out: 2 hidden folders (the first mine/.thumbnails), 2 text files (the first mine/LICENSE), "
        "1 hidden file (mine/.DS_Store), 1 resource fork (mine/blue/._0.png)"
    )
    assert "25 images to train on and 6 to test on" in told


def empty_folder(mine):
    (mine / "yellow").mkdir()


def only_others(mine):
    (mine / "yellow").mkdir()
    (mine / "yellow/a.pdf").write_bytes(b"%PDF-1.7")


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
    "empty folder": (empty_folder, "mine/yellow: expected pictures (PNG, JPEG", "received an empty folder"),
    "other files": (
        only_others,
        "mine/yellow: expected pictures (PNG, JPEG",
        "received none, but 1 PDF document (mine/yellow/a.pdf)",
    ),
    "outside": (outside, "mine/0.png: expected a picture in the folder of its class", "move it"),
    "one class": (one_class, "mine: expected pictures of 2…256 classes", "received 1 (green)"),
    "no class": (no_class, "mine: expected a folder of pictures for each class", "received an empty folder"),
    "one picture": (lonely, "mine: expected two images of each class", "received one of blue and red"),
    "cut": (cut, "mine/red/3.png: expected a picture", "truncated"),
    "no picture": (no_picture, "mine/red/3.png: expected a picture", "received a web page"),
    "other size": (
        other_size,
        "datasets/own.yaml: folder: expected an image_size",
        "height × width are 12 × 16 (mine/blue/0.png) and 20 × 10 (mine/red/3.png)",
    ),
    "no folder": (shutil.rmtree, "mine: expected a folder with a sub-folder for each class", "received no such folder"),
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
    assert "received 3 mistakes; fix them all" in last


def test_all_pictures_that_cannot_be_read_are_listed_up_to_twenty(mine):
    for path in mine.glob("red/[5-7].png"):
        path.write_bytes(path.read_bytes()[:200])
    *lines, last = own.errors(own.make("folder: {image_size: [8, 8]}\n"))
    assert [line.split(":")[0] for line in lines] == [f"mine/red/{number}.png" for number in (5, 6, 7)]
    assert last == "mine: expected data without a mistake, received 3 mistakes; fix them all"

    for path in mine.glob("*/*.png"):
        path.write_bytes(b"")
    *lines, last = own.errors(own.make("folder: {image_size: [8, 8]}\n"))
    assert (len(lines), "30 mistakes (10 of them not shown)" in last) == (20, True)
    assert not OUTPUT.exists()
    assert len(own.errors(own.make("folder:\n"))) == 21  # no size can be read either


def test_classes_that_the_dataset_file_does_not_list_are_named(mine):
    [line] = own.errors(own.make("folder:\nclasses: [blue, yellow]\n"))
    assert line == (
        "mine/green/0.png: expected classes that datasets/own.yaml lists, received 'green' and 'red'; rename the "
        "classes here, or list them there"
    )
    [line] = own.errors(own.make("folder:\nclasses: [blue, green, red, yellow]\n"))
    assert "mine: expected images of every class to train on, received none of class yellow" in line


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
