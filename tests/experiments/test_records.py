import hashlib
import math
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dump_yaml

from stages.common.errors import InputError
from stages.experiments import records
from stages.experiments.records import Experiment

OUTPUTS = {"models/mlp.keras": "a" * 32, "models/mlp.tflite": "b" * 32, "plots/history/mlp.csv": "c" * 32}
HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy\n1,0.5,0.8,0.5,0.9\n2,0.4,0.9,0.6,0.7\n"
INPUTS = {"data/code/train.txt": "1" * 32, "data/processed/tiny": "2" * 32 + ".dir"}
METRICS = {"accuracy": 0.93, "loss": 0.3}
RECIPE = {"network": ["flatten"]}
LINE = {"dataset": "tiny", "recipe": "small", "seed": 0}


@pytest.fixture()
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with DVC's folder, and one history in its cache."""
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        monkeypatch.setenv(f"GIT_{name}", "tests@example.org")
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    cached = tmp_path / ".dvc/cache/files/md5/cc" / ("c" * 30)
    cached.parent.mkdir(parents=True)
    cached.write_text(HISTORY)
    return tmp_path


def recipe(**training: Any) -> dict[str, Any]:
    return {"network": ["flatten"], "training": {"epochs": 2, "validation": "none"} | training}


def revision(
    current: dict[str, Any],
    trained: dict[str, Any] | None,
    inputs: dict[str, str] | None = None,
    other_line: dict[str, Any] | None = None,
    written: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Commit a dvc.lock, and return the commit as `dvc exp show --json` gives it, metrics included.

    Args:
        current: Recipe of the commit.
        trained: Recipe of the last training, or None before the first.
        inputs: Hashes of the run's files that evaluate read when it ran, or None if it never did.
        other_line: Values of `LINE` that were different in the last training.
        written: Hashes of what evaluate wrote.
    """
    line = LINE | (other_line or {})
    trained_by = {"params": {"params.yaml": {"runs.mlp": line}, f"recipes/{line['recipe']}.yaml": trained}}
    stages = {
        "train@mlp-wide": {"cmd": "train another", "params": {}, "outs": files(dict.fromkeys(OUTPUTS, "f" * 32))},
        "train@mlp": {**trained_by, "deps": files(INPUTS), "outs": files(OUTPUTS)},
        "evaluate@mlp": {
            "deps": files({"data/code/evaluate.txt": "d" * 32} | (inputs or {})),
            "outs": files(written or {}),
        },
    }
    finished = {} if trained is None else stages if inputs else {name: stages[name] for name in list(stages)[:2]}
    dump_yaml("dvc.lock", {"schema": "2.0", "stages": finished})
    subprocess.run(["git", "add", "dvc.lock"], check=True)
    subprocess.run(["git", "commit", "--quiet", "--allow-empty", "--message", "as it stands"], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    return {"rev": head, "data": data(recipe=current)}


def data(line: dict[str, Any] = LINE, recipe: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the data of a revision as `dvc exp show --json` lists it."""
    params = {
        "params.yaml": {"data": {"runs": {"mlp": line}}},
        "recipes/small.yaml": {"data": RECIPE if recipe is None else recipe},
    }
    return {"params": params, "metrics": {"metrics/mlp.json": {"data": METRICS}}}


def files(hashes: dict[str, str]) -> list[dict[str, str]]:
    """Return outs or deps as they stand in dvc.lock."""
    return [{"path": path, "hash": "md5", "md5": md5} for path, md5 in hashes.items()]


def read(commit: dict[str, Any], *experiments: dict[str, Any]) -> tuple[Experiment, list[Experiment]]:
    """Read a commit with experiments, each an entry of the listing or a revision."""
    entries = [
        each if "revs" in each else {"name": f"exp-{number}", "revs": [each], "executor": None}
        for number, each in enumerate(experiments)
    ]
    return records.read([{"rev": "workspace"}, commit | {"name": "main", "experiments": entries or None}], "mlp")


def results(commit: dict[str, Any]) -> Mapping[str, float]:
    return read(commit)[0].metrics


@pytest.mark.usefixtures("repository")
def test_metrics_count_only_where_evaluate_read_what_train_made():
    assert results(revision(recipe(), recipe(), OUTPUTS)) == METRICS
    assert results(revision(recipe(), recipe(), OUTPUTS | {"models/mlp.tflite": "9" * 32})) == {}
    assert results(revision(recipe(), recipe())) == {}


@pytest.mark.usefixtures("repository")
def test_a_training_of_other_parameters_gives_no_result():
    assert results(revision(recipe(epochs=3, validation=50), recipe(validation=50), OUTPUTS)) == {}
    for other in ({"seed": 10}, {"dataset": "other"}, {"recipe": "other"}):
        assert results(revision(recipe(), recipe(), OUTPUTS, other)) == {}
    assert results(revision(recipe(), None)) == {}


def test_a_commit_without_lock_file_has_no_result(repository: Path):
    subprocess.run(["git", "commit", "--quiet", "--allow-empty", "--message", "nothing has run"], check=True)
    assert results({"rev": "HEAD", "data": data()}) == {}


@pytest.mark.usefixtures("repository")
def test_a_run_has_its_parameters_its_seed_and_the_hashes_of_its_data_and_code():
    base, [experiment] = read(revision(recipe(), recipe(), OUTPUTS), revision(recipe(), recipe(epochs=1), OUTPUTS))

    assert (base.name, base.seed, experiment.name) == ("main", 0, "exp-0")
    assert base.params == experiment.params == {"dataset": "tiny", "recipe": "small", **recipe()}
    assert base.inputs == {
        "data/processed/tiny": "2" * 32 + ".dir", "code of train": "1" * 32, "code of evaluate": "d" * 32,
    }  # fmt: skip
    assert experiment.inputs == {}  # it has no result


def test_a_project_in_a_sub_folder_of_a_repository_has_results(repository: Path, monkeypatch: pytest.MonkeyPatch):
    sub = repository / "a/project"
    sub.mkdir(parents=True)
    (repository / ".dvc").rename(sub / ".dvc")
    monkeypatch.chdir(sub)

    assert results(revision(recipe(validation=50), recipe(validation=50), OUTPUTS)) == METRICS | {"held_out": 0.7}


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"validation": 50}, {"held_out": 0.7}),
        ({"validation": 50, "keep": "last"}, {"held_out": 0.7}),
        ({"validation": 50, "keep": "best"}, {"held_out": 0.9}),
        ({"validation": "folder"}, {"held_out": 0.7}),
        ({"validation": "test"}, {}),
    ],
)
def test_held_out_is_the_accuracy_of_the_weights_that_were_kept(training: dict[str, Any], expected: dict[str, float]):
    assert results(revision(recipe(**training), recipe(**training))) == expected


def test_without_its_history_in_the_cache_a_run_has_no_held_out_accuracy(repository: Path):
    (repository / ".dvc/cache/files/md5/cc" / ("c" * 30)).unlink()
    assert results(revision(recipe(validation=50), recipe(validation=50), OUTPUTS)) == METRICS


@pytest.mark.usefixtures("repository")
def test_only_experiments_that_succeeded_have_results(caplog: pytest.LogCaptureFixture):
    scored = revision(recipe(), recipe(), OUTPUTS)
    states = [None, {"state": "success"}, {"state": "running"}, {"state": "queued"}, {"state": "failed"}, {}]
    entries = [{"name": None, "revs": [scored], "executor": state} for state in states]
    _, experiments = read(scored, *entries)

    assert [bool(experiment.metrics) for experiment in experiments] == [True, True, False, False, False, True]
    assert caplog.messages == [f"failed, see dvc queue logs: {scored['rev'][:7]}"]


MISTAKES = {
    "text as a seed": ({"seed": "x"}, "its params.yaml has 'x' as runs.mlp.seed"),
    "true as a seed": ({"seed": True}, "its params.yaml has true as runs.mlp.seed"),
    "null as a seed": ({"seed": None}, "its params.yaml has null as runs.mlp.seed"),
    "no seed": ({"seed": ...}, "its params.yaml lacks runs.mlp.seed"),
    "a negative seed": ({"seed": -1}, "its params.yaml has -1 as runs.mlp.seed"),
    "a key too many": ({"epochs": 9}, "its params.yaml has 'epochs' as runs.mlp"),
    "a recipe that is no name": ({"recipe": "../x"}, "its params.yaml has '../x' as runs.mlp.recipe"),
    "a recipe that git lacks": ({"recipe": "new"}, "its recipes/new.yaml: missing"),
}


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(("changes", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_an_experiment_with_a_mistake_is_told_in_a_line_and_the_others_are_read(
    caplog: pytest.LogCaptureFixture, changes: dict[str, Any], reason: str
):
    scored = revision(recipe(), recipe(), OUTPUTS)
    line = {key: value for key, value in (LINE | changes).items() if value is not ...}
    base, experiments = read(scored, scored | {"data": data(line)}, scored)

    assert (base.metrics, [experiment.name for experiment in experiments]) == (METRICS, ["exp-1"])
    assert caplog.messages == [f"exp-0 is left out: {reason}"]


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("revision_data", "reason"),
    [
        ({"data": None}, "missing"),
        ({"data": None, "error": {"type": "X", "msg": "no\nsecond line"}}, "no"),
        ({"data": None, "error": "odd"}, "odd"),
        ({"data": {}}, "missing"),
        ({"data": {"params": {"params.yaml": {"error": {"msg": "not YAML"}}}}}, "its params.yaml: not YAML"),
        ({"data": {"params": {"params.yaml": {"data": {"runs": None}}}}}, "its params.yaml has no run mlp"),
        ({"data": {"params": {"params.yaml": {"data": {"runs": ["mlp"]}}}}}, "its params.yaml has no run mlp"),
        ({"data": {"params": {"params.yaml": {"data": {"runs": {"mlp": 5}}}}}}, "its params.yaml has 5 as runs.mlp"),
        ({"data": {"params": {"params.yaml": {"data": None}}}}, "its params.yaml has no run mlp"),
        ({"data": data(recipe={})}, "its recipes/small.yaml has no values"),
        ({"data": data(recipe="text")}, "its recipes/small.yaml has no values"),
    ],
)
def test_an_experiment_that_dvc_cannot_read_is_told_in_a_line(
    caplog: pytest.LogCaptureFixture, revision_data: dict[str, Any], reason: str
):
    scored = revision(recipe(), recipe(), OUTPUTS)
    _, experiments = read(scored, {"rev": "f" * 40} | revision_data, scored)

    assert len(experiments) == 1
    assert caplog.messages == [f"exp-0 is left out: {reason}"]


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("metrics", "expected", "lines"),
    [
        ({"accuracy": 0.9}, {"accuracy": 0.9}, 0),
        ({"accuracy": 0.9, "loss": None, "note": "x", "is": True, "by": {"a": 1}}, {"accuracy": 0.9}, 0),
        ({"accuracy": 1, "parameters": 7}, {"accuracy": 1, "parameters": 7}, 0),
        ({"accuracy": math.nan, "loss": 1.0}, {}, 1),
        ({"accuracy": math.inf}, {}, 1),
        ({"accuracy": 93.0}, {}, 1),
        ({"accuracy": "0.9"}, {}, 1),
        ({"loss": 0.3}, {}, 1),
        ({}, {}, 1),
        ([], {}, 1),
        (None, {}, 1),
    ],
)
def test_metrics_without_an_accuracy_are_told_in_a_line(
    caplog: pytest.LogCaptureFixture, metrics: Any, expected: dict[str, float], lines: int
):
    commit = revision(recipe(), recipe(), OUTPUTS)
    commit["data"]["metrics"]["metrics/mlp.json"]["data"] = metrics

    assert results(commit) == expected
    assert [message.split(":")[0] for message in caplog.messages] == ["main has no test accuracy"] * lines


@pytest.mark.usefixtures("repository")
def test_a_missing_metrics_file_leaves_the_accuracy_on_held_out_images(caplog: pytest.LogCaptureFixture):
    commit = revision(recipe(validation=50), recipe(validation=50), OUTPUTS)
    del commit["data"]["metrics"]["metrics/mlp.json"]

    assert results(commit) == {"held_out": 0.7}
    assert caplog.messages == ["main has no test accuracy: its metrics/mlp.json: missing"]


def test_metrics_that_evaluate_did_not_write_are_no_result(repository: Path, caplog: pytest.LogCaptureFixture):
    path = repository / "metrics/mlp.json"
    path.parent.mkdir()
    path.write_text("by hand")
    subprocess.run(["git", "add", "metrics"], check=True)
    written = {"metrics/mlp.json": hashlib.md5(b"by evaluate").hexdigest()}

    assert results(revision(recipe(), recipe(), OUTPUTS, written=written)) == {}
    assert caplog.messages == ["main has no test accuracy: its metrics/mlp.json is not what its dvc.lock records"]
    written = {"metrics/mlp.json": hashlib.md5(b"by hand").hexdigest()}
    assert results(revision(recipe(), recipe(), OUTPUTS, written=written)) == METRICS


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    "lock", ["<<<<<<< ours\nschema: '2.0'\n", "stages:\n  train@mlp:\n    outs: 5\n", "stages:\n  train@mlp:\n    ]\n"]
)
def test_a_damaged_lock_file_is_told_in_a_line(caplog: pytest.LogCaptureFixture, lock: str):
    scored = revision(recipe(), recipe(), OUTPUTS)
    Path("dvc.lock").write_text(lock)
    subprocess.run(["git", "commit", "--quiet", "--all", "--message", "damaged"], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    _, experiments = read(scored, scored | {"rev": head}, scored)

    assert [experiment.name for experiment in experiments] == ["exp-1"]
    [line] = caplog.messages
    assert line.startswith("exp-0 is left out: dvc.lock:")


@pytest.mark.usefixtures("repository")
def test_a_run_that_is_not_committed_is_an_error():
    scored = revision(recipe(), recipe(), OUTPUTS)
    with pytest.raises(InputError, match=r"the last commit: expected the run newcomer, received its params"):
        records.read([{"rev": "workspace"}, scored | {"name": "main"}], "newcomer")


@pytest.mark.parametrize("listing", [[], [{"rev": "workspace"}]])
def test_a_repository_without_a_commit_is_an_error(listing: list[dict[str, Any]]):
    with pytest.raises(InputError, match=r"git: expected a commit"):
        records.read(listing, "mlp")
