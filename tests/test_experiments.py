"""Experiments with real `dvc`: queued, compared, applied, reverted, listed for an editor; and the compare command."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dvc.api
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from stages import compare
from stages.experiments import records
from stages.experiments.groups import Group
from stages.experiments.records import Experiment
from tests import pipeline, tiny
from tests.pipeline import Repository

WIDER = "layers.hidden.units=24"
HELD_OUT = "training.validation=50"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with one committed run and four experiments from the queue, two at a time.

    One of them holds images out, and is trained but not evaluated. The downloaded files are gone, so experiments have
    DVC's cache alone.
    """
    base = tmp_path_factory.mktemp("experiments")
    created = Repository(
        pipeline.write(base / "repository", base / "source", pipeline.ONE_RUN, {"mlp": tiny.RECIPE}), base / "source"
    )
    created.run("git", "init", "--quiet", "--initial-branch=main")
    created.commit()
    created.repro()
    created.commit()
    for file in created.source.glob("*-ubyte"):
        file.unlink()
    created.dvc("exp", "run", "--queue", "--name", "seeds", "-S", "runs.tiny.seed=1,2", "evaluate@tiny")
    created.dvc("exp", "run", "--queue", "--name", "wider", "-S", f"recipes/mlp.yaml:{WIDER}", "evaluate@tiny")
    created.dvc("exp", "run", "--queue", "--name", "held-out", "-S", f"recipes/mlp.yaml:{HELD_OUT}", "train@tiny")
    status = created.run_queue(jobs=2)
    assert re.findall("Success|Failed", status) == ["Success"] * 4, status
    return created


def listing(repository: Repository) -> list[dict[str, Any]]:
    return json.loads(repository.dvc("exp", "show", "--json"))


def test_queued_experiments_find_the_data_and_fetch_nothing(repository: Repository):
    for name in ("seeds-1", "seeds-2", "wider"):
        log = repository.dvc("queue", "logs", name)
        ran = set(re.findall("Running stage '(.+)'", log)) - {"code"}  # which checks a changed params.yaml
        assert ran == {"train@tiny", "evaluate@tiny"}, log
    assert repository.git_status() == set()


def test_compare_groups_seeds_and_tells_what_is_chance(repository: Repository, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = repository.run(sys.executable, "-m", "stages.compare", "tiny")
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert header[:7] == ["experiment", "seeds", "held", "out", "against", "main", "accuracy"]
    main, _, *others = [entry["data"]["metrics"]["metrics/tiny.json"]["data"] for entry in revisions(repository)]
    seeds = [result["accuracy"] for result in (main, *others[:2])]
    assert rows[0][:6] == ["main,", "seeds-1,", "seeds-2", "3", "-", f"{sum(seeds) / 3:.4f}"]
    assert rows[3][:3] == ["wider", "1", "-"]
    assert f"{others[2]['accuracy']:.4f}" in rows[3]
    assert rows[4] == [WIDER]


def test_compare_ranks_by_held_out_images_and_shows_no_accuracy_of_an_older_model(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "200")
    done = repository.run(sys.executable, "-m", "stages.compare", "tiny")
    row, changed = [line.split() for line in done.stdout.splitlines()][2:4]
    history = dvc.api.read("plots/history/tiny.csv", repo=str(repository.folder), rev="held-out")
    held_out = float(history.split()[-1].split(",")[-1])
    assert row[:4] == ["held-out", "1", f"{held_out:.4f}", "-"]
    assert changed == [HELD_OUT]
    assert "main has no held-out accuracy" in done.stderr


def revisions(repository: Repository) -> list[dict[str, Any]]:
    """Return the commit and the experiments by name: main, held-out, seeds-1, seeds-2, wider."""
    _, commit = listing(repository)
    by_name = {experiment["name"]: experiment["revs"][-1] for experiment in commit["experiments"]}
    return [commit, *(by_name[name] for name in sorted(by_name))]


# Output of DVC that its VS Code extension reads, after the types ExpShowOutput and PlotsOutput in its
# src/cli/dvc/contract.ts.
FILES = {
    "type": "object",
    "additionalProperties": {"type": "object", "required": ["data"], "not": {"required": ["error"]}},
}
HASH = {"type": "object", "required": ["hash", "size", "nfiles"]}
DATA = {
    "type": "object",
    "required": ["rev", "timestamp", "params", "metrics", "deps", "outs", "meta"],
    "properties": {
        "rev": {"type": "string"},
        "timestamp": {"type": ["string", "null"]},
        "params": FILES,
        "metrics": FILES,
        "deps": {"type": "object", "additionalProperties": HASH},
        "outs": {
            "type": "object",
            "additionalProperties": {**HASH, "required": [*HASH["required"], "use_cache", "is_data_source"]},
        },
    },
}
STATE = {
    "type": "object",
    "required": ["rev", "name", "data"],
    "properties": {"rev": {"type": "string"}, "name": {"type": ["string", "null"]}, "data": DATA},
}
RANGE = {
    "type": "object",
    "required": ["revs", "name", "executor"],
    "properties": {"revs": {"type": "array", "minItems": 1, "items": STATE}},
}
EXPERIMENTS = {
    "type": "array",
    "minItems": 2,
    "items": {
        **STATE,
        "properties": {**STATE["properties"], "experiments": {"type": ["array", "null"], "items": RANGE}},
    },
}
VEGA = {
    "required": ["type", "revisions", "content", "anchor_definitions"],
    "properties": {
        "type": {"const": "vega"},
        "revisions": {"type": "array", "items": {"type": "string"}},
        "anchor_definitions": {
            "required": ["<DVC_METRIC_DATA>"],
            "properties": {
                "<DVC_METRIC_DATA>": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["rev"]}}
            },
        },
    },
}
IMAGE = {
    "required": ["type", "revisions", "url"],
    "properties": {"type": {"const": "image"}, "revisions": {"type": "array"}, "url": {"type": "string"}},
}
PLOTS = {
    "type": "object",
    "required": ["data"],
    "not": {"required": ["errors"]},
    "properties": {
        "data": {
            "type": "object",
            "additionalProperties": {"type": "array", "minItems": 1, "items": {"anyOf": [VEGA, IMAGE]}},
        }
    },
}


def test_an_editor_finds_experiments_with_their_params_and_metrics(repository: Repository):
    listed = listing(repository)
    assert [error.message for error in Draft202012Validator(EXPERIMENTS).iter_errors(listed)] == []
    for revision in revisions(repository):
        data = revision["data"]
        assert set(data["params"]) == {"params.yaml", "recipes/mlp.yaml"}
        assert set(data["metrics"]) == {"metrics/tiny.json"}
        assert 0 <= data["metrics"]["metrics/tiny.json"]["data"]["accuracy"] <= 1
        assert "models/tiny.keras" in data["outs"]


def test_an_editor_finds_the_plots_of_each_revision(repository: Repository):
    plots = json.loads(
        repository.dvc("plots", "diff", "workspace", "main", "wider", "-o", ".dvc/tmp/plots", "--split", "--json")
    )
    assert [error.message for error in Draft202012Validator(PLOTS).iter_errors(plots)] == []
    (history,) = plots["data"]["plots/history/tiny.csv"]
    assert set(history["revisions"]) == {"workspace", "main", "wider"}
    points = history["anchor_definitions"]["<DVC_METRIC_DATA>"]
    assert {(point["rev"], point["epoch"]) for point in points} == {
        (revision, epoch) for revision in history["revisions"] for epoch in "12"
    }
    assert "<DVC_METRIC_DATA>" in json.dumps(history["content"])


def test_the_best_is_applied_committed_and_reverted_without_training(repository: Repository, tmp_path: Path):
    copy = repository.copy_to(tmp_path / "copy")
    copy.dvc("exp", "apply", "wider")
    assert copy.git_status() == {" M dvc.lock", " M metrics/tiny.json", " M recipes/mlp.yaml"}
    copy.commit()
    units = ["recipes/mlp.yaml", "layers.hidden.units", "16", "24"]
    assert units in copy.table("params", "diff", "HEAD~1")
    assert ["metrics/tiny.json", "parameters", "12730", "19090", "6360"] in copy.table("metrics", "diff", "HEAD~1")
    better = (copy.folder / "models/tiny.keras").read_bytes()

    copy.run("git", "checkout", "--quiet", "HEAD~1")
    copy.dvc("checkout")
    assert (copy.folder / "models/tiny.keras").read_bytes() != better
    assert copy.repro().ran == set()


ADVERTISEMENT = "\nHaving any troubles? Hit us up at https://dvc.org/support, we are always happy to help!\n"


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "quoted"),
    [
        ("", f"WARNING: old\nERROR: unexpected error - no space{ADVERTISEMENT}", 255, "unexpected error - no space"),
        ("", "Traceback\nKeyError: 'x'\n", 1, "KeyError: 'x'"),
        ("", "", 1, "nothing"),
        ("not JSON", "", 0, "nothing"),
    ],
)
def test_if_dvc_fails_its_error_is_quoted_and_not_its_advertisement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stdout: str, stderr: str, code: int, quoted: str
):
    monkeypatch.chdir(tiny.write_project(tmp_path))
    done = subprocess.CompletedProcess([], code, stdout, stderr)
    monkeypatch.setattr(compare.subprocess, "run", lambda *_, **__: done)
    result = CliRunner().invoke(compare.app, ["tiny-mlp"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: dvc exp show: expected a list of experiments, received {quoted}; fix that first\n"
    )


@pytest.mark.parametrize(
    ("is_shallow", "advice"), [(False, "make one with dvc exp run -S"), (True, "git fetch --unshallow")]
)
def test_without_experiments_there_is_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_shallow: bool, advice: str
):
    monkeypatch.chdir(tiny.write_project(tmp_path))
    base = Experiment("main", 0, {}, {"accuracy": 0.9}, {})
    monkeypatch.setattr(compare, "_list_experiments", list)
    monkeypatch.setattr(records, "read", lambda listing, run: (base, []))
    monkeypatch.setattr(compare, "_is_shallow", lambda: is_shallow)
    [line] = CliRunner().invoke(compare.app, ["tiny-mlp"]).stderr.splitlines()

    assert line.startswith("tiny-mlp has no experiments since the last commit; ")
    assert advice in line


def test_a_clone_knows_whether_it_is_shallow(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url = repository.folder.as_uri()
    for depth, is_shallow in ((["--depth", "1"], True), ([], False)):
        subprocess.run(["git", "clone", "--quiet", *depth, url, str(tmp_path / str(is_shallow))], check=True)
        monkeypatch.chdir(tmp_path / str(is_shallow))
        assert compare._is_shallow() == is_shallow


def test_a_metric_that_some_seeds_lack_says_so(capsys: pytest.CaptureFixture[str]):
    metrics = {0: {"held_out": 0.8, "accuracy": 0.5}, 1: {"held_out": 0.9}, 2: {}}
    group = Group([], {0: "main", 1: "a", 2: "b"}, metrics)
    compare._print_table([group], "main", "held_out")

    row = capsys.readouterr().out.splitlines()[1]
    assert re.split(" {2,}", row) == ["main, a, b", "2 of 3", "0.8500 ± 0.0707", "0.5000 (1 of 2)"]
