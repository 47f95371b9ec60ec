"""Data of one's own, from a folder of pictures to a scored model, with real `dvc`: as docs/your-own-data.md has it."""

import json
import sys
from pathlib import Path

import pytest

from tests import own, pipeline, tiny
from tests.test_pipeline import UP_TO_DATE, Repository

BEFORE = """\
downloads: [tiny]
datasets:
  tiny: {source: data/raw/tiny}
runs:
  tiny-mlp: {dataset: tiny, recipe: mlp, seed: 0}
"""
RECIPE = """\
network: [rescale, conv, pool, flatten]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  conv: {layer: Conv2D, filters: 4, kernel_size: 3}
  pool: {layer: MaxPooling2D, pool_size: 2}
  flatten: {layer: Flatten}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 6, batch_size: 8, validation: none}
"""
DATASET = "title: Three colours\nfolder: {image_size: [10, 12]}\n"
PLAN = BEFORE.replace("runs:", "  colours: {source: data/own/three colours}\nruns:")
PLAN += "  colours-cnn: {dataset: colours, recipe: cnn, seed: 0}\n"
CHAIN = {"preprocess@colours", "train@colours-cnn", "evaluate@colours-cnn"}
CHAIN_END = "evaluate@colours-cnn"
ADDED = "data/own/three colours/red/77.png"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository to which a folder of pictures, with a space in its name, was added in four lines of YAML."""
    base = tmp_path_factory.mktemp("own")
    recipes = {"mlp": tiny.RECIPE, "cnn": RECIPE}
    repository = Repository(pipeline.write(base / "repository", base / "source", BEFORE, recipes), base / "source")
    repository.run("git", "init", "--quiet")
    repository.commit()
    own.write_folder(repository.folder / "data/own/three colours")
    (repository.folder / "datasets/colours.yaml").write_text(DATASET)
    (repository.folder / "params.yaml").write_text(PLAN)
    repository.dvc("add", "data/own/three colours")
    assert repository.repro(CHAIN_END, "predict@colours-cnn").ran == {"code", *CHAIN, "predict@colours-cnn"}
    repository.commit()
    return repository


@pytest.fixture
def repository(made: Repository, tmp_path: Path) -> Repository:
    return made.copy_to(tmp_path / "repository")


def repro(repository):
    return repository.repro(CHAIN_END)


def test_it_took_four_lines(made):
    added = len(PLAN.splitlines()) - len(BEFORE.splitlines()) + len(DATASET.splitlines())
    assert added == 4
    tracked = made.run("git", "ls-files", "data").stdout.splitlines()
    assert {"data/own/.gitignore", "data/own/three colours.dvc"} <= set(tracked)
    assert not [path for path in tracked if path.endswith(".png")]


def test_the_names_of_the_folders_stand_in_every_table(made):
    assert made.json("metrics/colours-cnn.json")["accuracy"] == 1
    assert [row["class"] for row in made.rows("plots/classes/colours-cnn.csv")] == ["blue", "green", "red"]
    confusion = made.rows("plots/confusion/colours-cnn.csv")
    assert {row["actual"] for row in confusion} == {row["predicted"] for row in confusion} == {"blue", "green", "red"}
    predictions = made.rows("predictions/colours-cnn.csv")
    assert list(predictions[0]) == ["index", "label", "predicted", "blue", "green", "red"]
    assert len(predictions) == 6


def test_a_picture_of_ones_own_is_seen_as_those_of_the_folder(made):
    picture = made.folder / "data/own/three colours/green/0.png"
    asked = [sys.executable, "-m", "stages.predict", "--run", "colours-cnn", "--format", "json", str(picture)]
    [answer] = json.loads(made.run(*asked).stdout)
    assert answer["class"] == "green"


def test_an_added_picture_runs_the_chain_again_a_changed_one_asks_for_it_and_going_back_runs_nothing(repository):
    assert UP_TO_DATE in repro(repository).stdout
    before = (repository.folder / "metrics/colours-cnn.json").read_text()
    own.picture("red", seed=77).save(repository.folder / ADDED)
    assert repository.changed_stages() >= {"preprocess@colours"}
    assert repro(repository).ran == CHAIN
    count = repository.json("data/processed/colours/dataset.json")
    assert count["train"]["images"] + count["test"]["images"] == 31

    own.picture("red", seed=78).save(repository.folder / ADDED)
    assert repository.repro("preprocess@colours").ran == {"preprocess@colours"}
    below = {"train@colours-cnn", CHAIN_END, "predict@colours-cnn"}
    assert repository.changed_stages(*below) == below

    (repository.folder / ADDED).unlink()
    back = repro(repository)
    assert (back.ran, back.cached) == (set(), CHAIN)
    assert (repository.folder / "metrics/colours-cnn.json").read_text() == before


def contents(repository, folder):
    return {path: path.read_bytes() for path in (repository.folder / folder).rglob("*") if path.is_file()}


def test_a_picture_that_cannot_be_read_stops_the_chain_and_keeps_what_was_made(repository):
    before = {folder: contents(repository, folder) for folder in ("models", "metrics", "data/processed/colours")}
    assert all(before.values())
    (repository.folder / ADDED).write_bytes(b"no picture")
    done = repository.run(sys.executable, "-m", "dvc", "repro", "evaluate@colours-cnn", code=255)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert [line.split(";")[0] for line in errors] == [f"error: {ADDED}: expected a picture, received a text file"]
    for folder in ("models", "metrics"):
        assert contents(repository, folder) == before[folder]
    assert contents(repository, "data/processed/colours") in ({}, before["data/processed/colours"])

    (repository.folder / ADDED).unlink()
    assert repro(repository).ran == set()
    assert {folder: contents(repository, folder) for folder in before} == before
    assert repository.git_status() == set()


def test_a_queued_experiment_finds_the_pictures_in_its_temporary_copy(repository):
    settings = ["-S", "recipes/cnn.yaml:layers.conv.filters=2", "-S", "datasets/colours.yaml:+split_seed=1"]
    repository.dvc("exp", "run", "--queue", "--name", "other", *settings, CHAIN_END)
    repository.run_queue(jobs=1)
    log = repository.dvc("queue", "logs", "other")
    assert "Running stage 'preprocess@colours'" in log  # another choice of pictures to test on
    _, head = json.loads(repository.dvc("exp", "show", "--json"))
    [metrics] = [one["revs"][-1]["data"]["metrics"] for one in head["experiments"]]
    assert metrics["metrics/colours-cnn.json"]["data"]["parameters"] == 3 * 9 * 2 + 2 + (4 * 5 * 2 + 1) * 3, log
