"""What changed since a result was made, by a dvc.lock that is written here."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dump_yaml

from stages.common import fingerprints, params
from stages.common.lock_file import LockFile
from stages.common.params import Params, Run
from stages.evaluation.published import Published
from stages.reporting import sources as data_sources
from stages.reporting.freshness import Freshness, Origin
from tests import tiny
from tests.pipeline import read_yaml

Lock = dict[str, dict[str, Any]]
RUN = Run("tiny-mlp", "tiny", "mlp", 0)
MODEL = {"models/tiny-mlp.keras": "a" * 32, "models/tiny-mlp.tflite": "b" * 32, "plots/history/tiny-mlp.csv": "c" * 32}
ARRAYS = {"data/processed/tiny": "d" * 32 + ".dir"}
METRICS = {"accuracy": 0.9, "errors": 5, "parameters": 7, "published": 0.5, "gain": 0.4}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def code(stage: str) -> dict[str, str]:
    lines = (f"{path} {sha256}\n" for path, sha256 in fingerprints.fingerprint_stage(stage).items())
    return {f"data/code/{stage}.txt": md5("".join(lines).encode())}


CODE = {stage: code(stage) for stage in ("preprocess", "train", "evaluate", "predict")}


@pytest.fixture(autouse=True)
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lock:
    """Stages of the dvc.lock of a project that is up to date, with the files that they name."""
    monkeypatch.chdir(tiny.write_project(tmp_path))
    Path("metrics").mkdir()
    Path("metrics/tiny-mlp.json").write_text(json.dumps(METRICS))
    run = {"params.yaml": {"runs.tiny-mlp": {"dataset": "tiny", "recipe": "mlp", "seed": 0}}}
    file = {"datasets/tiny.yaml": md5(Path("datasets/tiny.yaml").read_bytes())}
    return {
        "preprocess@tiny": {
            "deps": CODE["preprocess"] | file | {"data/raw/tiny": "e" * 32 + ".dir"},
            "outs": dict(ARRAYS),
        },
        "train@tiny-mlp": {
            "deps": CODE["train"] | ARRAYS,
            "params": run | {"recipes/mlp.yaml": read_yaml(Path("recipes/mlp.yaml"))},
            "outs": dict(MODEL),
        },
        "evaluate@tiny-mlp": {
            "deps": CODE["evaluate"] | ARRAYS | file | MODEL,
            "params": run,
            "outs": {"metrics/tiny-mlp.json": md5(Path("metrics/tiny-mlp.json").read_bytes())},
        },
        "predict@tiny-mlp": {"deps": CODE["predict"] | ARRAYS | MODEL, "params": run, "outs": {}},
    }


def freshness(stages: Lock) -> Freshness:
    written = {
        name: {
            **stage,
            **{key: [{"path": path, "md5": md5} for path, md5 in stage[key].items()] for key in ("deps", "outs")},
        }
        for name, stage in stages.items()
    }
    dump_yaml("dvc.lock", json.loads(json.dumps({"schema": "2.0", "stages": written})))  # without aliases
    sources = {name: dataset.source for name, dataset in Params.load(params.PATH).datasets.items()}
    return Freshness(LockFile.load(), sources, Published.load(Path("published.yaml")))


def find_origin(stages: Lock, run: Run = RUN) -> Origin:
    return freshness(stages).find_origin(run, METRICS)


def replace(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def test_nothing_has_changed(lock: Lock):
    assert find_origin(lock) == Origin(RUN, [])
    assert freshness(lock).has_predictions(RUN)


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        (Run("tiny-mlp", "tiny", "mlp", 77), ["seed 0 → 77"]),
        (Run("tiny-mlp", "tiny", "wide", 0), ["recipe mlp → wide"]),
        (Run("tiny-mlp", "big", "mlp", 0), ["dataset tiny → big"]),
        (Run("tiny-mlp", "big", "wide", 7), ["dataset tiny → big", "recipe mlp → wide", "seed 0 → 7"]),
    ],
)
def test_an_edit_of_a_run_that_has_not_run_is_named_and_the_result_keeps_its_own(
    lock: Lock, now: Run, changes: list[str]
):
    assert find_origin(lock, now) == Origin(RUN, changes)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("epochs: 2", "epochs: 3", ["training.epochs 2 → 3"]),
        ("learning_rate: 0.01", "learning_rate: 1e-2", []),
        ("network:", "# as before\nnetwork:", []),
        ("name: adam, ", "name: adam, beta_1: 0.8, ", ["optimizer.beta_1 null → 0.8"]),
        (
            "[rescale, flatten, hidden]",
            "[rescale, flatten]",
            ["network [rescale, flatten, hidden] → [rescale, flatten]"],
        ),
        ("training:", "<<<<<<< HEAD\ntraining:", ["recipes/mlp.yaml cannot be read"]),
        (tiny.RECIPE, "", ["recipes/mlp.yaml cannot be read"]),
    ],
)
def test_an_edit_of_the_recipe_is_named(lock: Lock, old: str, new: str, changes: list[str]):
    replace("recipes/mlp.yaml", old, new)
    assert find_origin(lock).changes == changes


def test_a_recipe_that_is_gone_is_named(lock: Lock):
    Path("recipes/mlp.yaml").unlink()
    assert find_origin(lock).changes == ["recipes/mlp.yaml cannot be read"]


@pytest.mark.parametrize(
    ("path", "old", "new", "changes"),
    [
        ("datasets/tiny.yaml", '"9"', '"nine"', ["datasets/tiny.yaml"]),
        ("params.yaml", "source: data/raw/tiny", "source: pictures", ["source of tiny"]),
        ("params.yaml", "source: data/raw/tiny", "source: ./data/raw/tiny/", []),
        ("published.yaml", "mlp: 0.5", "mlp: 0.6", ["published accuracy"]),
        ("published.yaml", "mlp: 0.5", "mlp: 0.5, wide: 0.6", []),
        ("published.yaml", "mlp: 0.5", "wide: 0.6", ["published accuracy"]),
    ],
)
def test_an_edit_of_another_file_is_named(lock: Lock, path: str, old: str, new: str, changes: list[str]):
    replace(path, old, new)
    assert find_origin(lock).changes == changes


def recode(stage: str, name: str) -> Callable[[Lock], None]:
    return lambda lock: lock[stage]["deps"].update({f"data/code/{name}.txt": "0" * 32})


def edit(stage: str, kind: str, path: str) -> Callable[[Lock], None]:
    return lambda lock: lock[stage][kind].update({path: "0" * 32})


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        (recode("train@tiny-mlp", "train"), ["code of train"]),
        (recode("evaluate@tiny-mlp", "evaluate"), ["code of evaluate"]),
        (recode("preprocess@tiny", "preprocess"), ["code of preprocess"]),
        (recode("predict@tiny-mlp", "predict"), []),
        (edit("preprocess@tiny", "outs", "data/processed/tiny"), ["data/processed/tiny"]),
        (edit("train@tiny-mlp", "deps", "data/processed/tiny"), ["data/processed/tiny"]),
        (edit("train@tiny-mlp", "outs", "models/tiny-mlp.keras"), ["its model was trained again and not evaluated"]),
        (lambda lock: lock.pop("train@tiny-mlp"), ["its model was trained again and not evaluated"]),
        (lambda lock: lock.pop("preprocess@tiny"), []),
        (lambda lock: lock.pop("predict@tiny-mlp"), []),
    ],
)
def test_what_another_stage_recorded_since_is_named(lock: Lock, change: Callable[[Lock], None], changes: list[str]):
    change(lock)
    assert find_origin(lock) == Origin(RUN, changes)


def test_other_pictures_in_the_source_are_named(lock: Lock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(data_sources, "find_changed", lambda sources: set(sources))
    assert find_origin(lock) == Origin(RUN, ["data/raw/tiny"])


def test_metrics_that_evaluate_did_not_write_are_of_unknown_origin(lock: Lock):
    expected = Origin(None, ["metrics/tiny-mlp.json is not what dvc.lock records"])
    Path("metrics/tiny-mlp.json").write_text(json.dumps(METRICS | {"accuracy": 1.0}))
    assert find_origin(lock) == expected
    del lock["evaluate@tiny-mlp"]
    assert find_origin(lock) == expected


def test_a_dvc_lock_of_an_earlier_version_does_not_say_what_made_a_result(lock: Lock):
    for stage in lock.values():
        stage.get("params", {}).pop("params.yaml", None)
    assert find_origin(lock) == Origin(None, ["dvc.lock does not record its dataset, recipe and seed"])


def test_predictions_of_an_older_model_are_told_apart(lock: Lock):
    lock["predict@tiny-mlp"]["deps"]["models/tiny-mlp.keras"] = "0" * 32
    assert not freshness(lock).has_predictions(RUN)
    assert find_origin(lock).changes == []
