import subprocess
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dump_yaml

from stages.experiments import records

OUTPUTS = {"models/mlp.keras": "a" * 32, "models/mlp.tflite": "b" * 32, "plots/history/mlp.csv": "c" * 32}
HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy\n1,0.5,0.8,0.5,0.9\n2,0.4,0.9,0.6,0.7\n"
METRICS = {"accuracy": 0.93, "loss": 0.3}
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
) -> dict[str, Any]:
    """Commit a dvc.lock, and return the commit as `dvc exp show --json` gives it, metrics included.

    Args:
        current: Recipe of the commit.
        trained: Recipe of the last training, or None before the first.
        inputs: Hashes of the run's files that evaluate read when it ran, or None if it never did.
        other_line: Values of `LINE` that were different in the last training.
    """
    line = LINE | (other_line or {})
    options = " ".join(f"--{name} {value}" for name, value in line.items())
    trained_by = {"cmd": f"train --run mlp {options}", "params": {f"recipes/{line['recipe']}.yaml": trained}}
    stages = {
        "train@mlp-wide": {"cmd": "train another", "params": {}, "outs": files(dict.fromkeys(OUTPUTS, "f" * 32))},
        "train@mlp": {**trained_by, "outs": files(OUTPUTS)},
        "evaluate@mlp": {"cmd": "evaluate", "deps": files({"data/code/evaluate.txt": "d" * 32} | (inputs or {}))},
    }
    finished = {} if trained is None else stages if inputs else {name: stages[name] for name in list(stages)[:2]}
    dump_yaml("dvc.lock", {"schema": "2.0", "stages": finished})
    subprocess.run(["git", "add", "dvc.lock"], check=True)
    subprocess.run(["git", "commit", "--quiet", "--allow-empty", "--message", "as it stands"], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    params = {
        "params.yaml": {"data": {"runs": {"mlp": LINE}}},
        "recipes/small.yaml": {"data": current},
    }
    return {"rev": head, "data": {"params": params, "metrics": {"metrics/mlp.json": {"data": METRICS}}}}


def files(hashes: dict[str, str]) -> list[dict[str, str]]:
    """Return outs or deps as they stand in dvc.lock."""
    return [{"path": path, "hash": "md5", "md5": md5} for path, md5 in hashes.items()]


def results(commit: dict[str, Any]) -> dict[str, float]:
    return records.read([{"rev": "workspace"}, commit], "mlp")[commit["rev"]]


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
    data = {"params": {"params.yaml": {"data": {"runs": {"mlp": LINE}}}}}
    assert results({"rev": "HEAD", "data": data}) == {}


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
def test_only_experiments_that_succeeded_have_results():
    commit = revision(recipe(), recipe(), OUTPUTS)
    states = [None, {"state": "success"}, {"state": "running"}, {"state": "queued"}]
    commit["experiments"] = [
        {"name": None, "revs": [revision(recipe(), recipe(), OUTPUTS)], "executor": state} for state in states
    ]
    commit["experiments"].append({"name": "broken", "revs": [{"rev": "f" * 40, "data": None}], "executor": None})
    by_revision = records.read([{"rev": "workspace"}, commit], "mlp")
    succeeded = [each["revs"][0]["rev"] for each in commit["experiments"][:2]]
    assert set(by_revision) == {commit["rev"], *succeeded}
