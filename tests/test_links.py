"""The pipeline where DVC links outputs to its cache: what a stage writes never reaches what the cache holds."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import pipeline, tiny
from tests.pipeline import Repository

RUNS = {"download@tiny", "preprocess@tiny", "train@tiny"}
OUTPUTS = ("data/raw/tiny/train-images-idx3-ubyte", "data/processed/tiny/train_images.npy", "models/tiny.keras")


@pytest.fixture(params=["hardlink", "symlink"])
def linked(request, tmp_path) -> Repository:
    """A repository after `dvc repro train@tiny`, with links."""
    folder = pipeline.write(tmp_path / "repository", tmp_path / "source", pipeline.ONE_RUN, {"mlp": tiny.RECIPE})
    repository = Repository(folder, tmp_path / "source")
    repository.run("git", "init", "--quiet")
    repository.dvc("config", "cache.type", request.param)
    assert repository.repro("train@tiny").ran == {"code", *RUNS}
    return repository


def damaged(repository: Repository) -> list[Path]:
    """Return the files of the cache whose content is not that of their name."""
    cached = [path for path in (repository.folder / ".dvc/cache/files/md5").rglob("*") if path.is_file()]
    assert len(cached) > 10
    names = {path: (path.parent.name + path.name).removesuffix(".dir") for path in cached}
    return [path for path, name in names.items() if hashlib.md5(path.read_bytes()).hexdigest() != name]


def contents(repository: Repository) -> list[bytes]:
    return [(repository.folder / output).read_bytes() for output in OUTPUTS]


def test_outputs_are_links_and_what_changes_them_leaves_the_cache_alone(linked):
    for output in OUTPUTS:
        path = linked.folder / output
        assert path.is_symlink() or path.stat().st_nlink == 2
    first = contents(linked)

    linked.edit("recipes/mlp.yaml", "units: 16", "units: 17")
    linked.edit("datasets/tiny.yaml", '["0"', '["zero"')
    assert linked.repro("train@tiny").ran >= {"preprocess@tiny", "train@tiny"}
    assert contents(linked)[:2] == first[:2]
    assert contents(linked)[2] != first[2]

    (linked.folder / "data/raw/tiny/train-labels-idx1-ubyte").unlink()
    tiny.write_idx(linked.folder / "data/raw/tiny/train-labels-idx1-ubyte", np.full(200, 3, np.uint8))
    for command in (["stages.preprocess", "tiny"], ["stages.train", "--run", "tiny"]):  # by hand, over the links
        linked.run(sys.executable, "-m", *command)
    assert damaged(linked) == []

    linked.dvc("checkout", "--force", *sorted(RUNS))
    linked.edit("recipes/mlp.yaml", "units: 17", "units: 16")
    linked.edit("datasets/tiny.yaml", '["zero"', '["0"')
    assert linked.repro("train@tiny").ran == set()  # all from the cache
    assert contents(linked) == first
    assert damaged(linked) == []
