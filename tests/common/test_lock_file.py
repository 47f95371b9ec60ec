import re
from pathlib import Path

import pytest

from stages.common.errors import InputError
from stages.common.lock_file import LockFile, StageRecord
from stages.common.params import Run

LOCK = """\
schema: '2.0'
stages:
  train@mlp-wide:
    cmd: python -m stages.train --run mlp-wide
    params:
      params.yaml:
        runs.mlp-wide: {dataset: tiny, recipe: wide, seed: 9}
  train@mlp:
    cmd: python -m stages.train --run mlp
    deps:
    - path: data/code/train.txt
      hash: md5
      md5: aaaa
      size: 9
    - path: data/processed/tiny
      hash: md5
      md5: bbbb.dir
      size: 9
      nfiles: 5
    params:
      params.yaml:
        runs.mlp:
          dataset: tiny
          recipe: small
          seed: 7
      recipes/small.yaml:
        optimizer:
          learning_rate: 5e-05
          amsgrad: no
        training:
          epochs: 2
    outs:
    - path: models/mlp.keras
      md5: cccc
    - path: models/mlp.tflite
      md5: dddd
  evaluate@mlp:
    cmd: python -m stages.evaluate --run mlp
    deps:
    - path: data/code/evaluate.txt
      md5: eeee
    - path: models/mlp.keras
      md5: cccc
    - path: models/mlp.tflite
      md5: dddd
    outs:
    - path: metrics/mlp.json
      md5: ffff
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_run_has_what_made_it():
    record = LockFile(LOCK).find_run("mlp")

    assert record.run == Run("mlp", "tiny", "small", 7)
    assert record.recipe == {"optimizer": {"learning_rate": 5e-05, "amsgrad": "no"}, "training": {"epochs": 2}}
    assert (record.arrays, record.code) == ("bbbb.dir", {"train": "aaaa", "evaluate": "eeee"})
    assert record.evaluate.outs == {"metrics/mlp.json": "ffff"}


def test_an_evaluation_of_another_model_does_not_count():
    again = LOCK.replace("md5: cccc", "md5: 0000", 1)
    record = LockFile(again).find_run("mlp")

    assert (record.evaluate, record.code) == (None, {"train": "aaaa"})
    assert LockFile(LOCK[: LOCK.index("  evaluate@")]).find_run("mlp").evaluate is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "schema: '2.0'\n",
        "schema: '2.0'\nstages: {}\n",
        LOCK.replace("train@mlp:", "train@other:"),
        "stages:\n  train@mlp:\n    cmd: python -m stages.train --run mlp --dataset tiny --recipe small --seed 7\n",
        LOCK.replace("seed: 7", "seed: x"),
        LOCK.replace("          seed: 7\n", ""),
        LOCK.replace("runs.mlp:\n", "runs.other:\n"),
    ],
)
def test_a_run_that_is_not_recorded_is_none(text: str):
    assert LockFile(text).find_run("mlp") is None


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("    cmd: python -m stages.train --run mlp\n", "    cmd: ]\n", r"dvc.lock:9: expected YAML"),
        ("    - path: data/code/train.txt\n", "    - 5\n", r"dvc.lock:12: expected YAML"),
        ("      md5: cccc\n", "", r"dvc.lock: train@mlp: expected a stage as DVC writes it"),
        ("      md5: cccc\n", "      hash: etag\n", r"dvc.lock: train@mlp: expected a stage as DVC writes it"),
        (
            LOCK[LOCK.index("    cmd: python -m stages.train --run mlp\n") : LOCK.index("  evaluate@")],
            "    5\n",
            "train@mlp",
        ),
    ],
)
def test_a_damaged_stage_is_an_error_of_one_line(old: str, new: str, place: str):
    assert old in LOCK
    with pytest.raises(InputError, match=place) as caught:
        LockFile(LOCK.replace(old, new, 1)).find_run("mlp")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", "=======", ">>>>>>> 78b1d10"])
def test_the_markers_of_a_merge_are_an_error(mark: str):
    Path("dvc.lock").write_text(LOCK.replace("  evaluate@mlp:\n", f"{mark}\n  evaluate@mlp:\n"))
    with pytest.raises(InputError, match=r"dvc.lock:37: expected one version, received the markers of a merge"):
        LockFile.load()


def test_a_lock_file_is_read_from_the_working_folder():
    assert LockFile.load() is None
    Path("dvc.lock").write_text(LOCK)
    assert LockFile.load().find_stage("train@mlp-wide").run("mlp-wide") == Run("mlp-wide", "tiny", "wide", 9)
    Path("dvc.lock").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=re.escape("dvc.lock: expected UTF-8 text, received byte 0xff")):
        LockFile.load()


def test_lines_that_end_as_in_windows_are_read():
    Path("dvc.lock").write_bytes(LOCK.replace("\n", "\r\n").encode())
    assert LockFile.load().find_run("mlp").run.seed == 7


def test_a_path_counts_as_read_however_it_is_written(tmp_path: Path):
    record = StageRecord({}, {"data/raw/tiny": "1", "/elsewhere/pictures": "2"}, {})
    for written in ("data/raw/tiny", "./data/raw/tiny/", "data/raw/../raw/tiny", tmp_path / "data/raw/tiny"):
        assert record.has_read(Path(written))
    assert record.has_read(Path("/elsewhere/pictures"))
    assert not record.has_read(Path("data/raw"))
