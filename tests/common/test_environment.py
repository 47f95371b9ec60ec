"""Neither a user's keras.json nor a variable of the environment changes a result."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages import evaluate, predict, train
from stages.common import environment
from tests.commands import run_all
from tests.pipeline import ROOT

HOSTILE = {"backend": "jax", "floatx": "float16", "epsilon": 0.01, "image_data_format": "channels_first"}
HOSTILE_VARIABLES = {
    "COLUMNS": "1",
    "LC_ALL": "C",
    "MPLBACKEND": "nonsense",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "7",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "TZ": "Asia/Kolkata",
    "XDG_CACHE_HOME": "relative",
    "KERAS_BACKEND": "torch",
    "KERAS_MAX_EPOCHS": "some",
    "KERAS_NNX_ENABLED": "1",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_FUNCTION_JIT_COMPILE_DEFAULT": "1",
    "TF_XLA_FLAGS": "--nonsense",
    "XLA_FLAGS": "--nonsense",
}
SETTINGS = """\
import json, keras
config = keras.config
print(json.dumps([config.backend(), config.floatx(), config.epsilon(), config.image_data_format()]))
"""
COMMANDS = """\
import runpy, sys
for command in ("train", "evaluate", "predict"):
    sys.argv = [command, "--run", "tiny-mlp"]
    try:
        runpy.run_module(f"stages.{command}", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        assert not ended.code
"""
OUTPUTS = ("models", "metrics", "plots", "predictions")
Fix = Callable[..., list[str]]


@pytest.fixture
def fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fix:
    """Fix the environment of a user with these variables and, if any, this keras.json; return the lines said."""

    def fix(text: str | bytes | None = None, **variables: str) -> list[str]:
        if text is not None:
            (tmp_path / ".keras").mkdir(exist_ok=True)
            (tmp_path / ".keras/keras.json").write_bytes(text.encode() if isinstance(text, str) else text)
        monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path), **variables})
        environment.fix_environment()
        return capsys.readouterr().err.splitlines()

    return fix


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"floatx": "float16"}, "floatx 'float16'; every run here uses floatx 'float32'"),
        (
            {"image_data_format": "channels_first", "backend": "jax"},
            "backend 'jax', image_data_format 'channels_first'; "
            "every run here uses backend 'tensorflow', image_data_format 'channels_last'",
        ),
        ({"epsilon": None}, "epsilon None; every run here uses epsilon 1e-07"),
        ({"epsilon": ["\n" * 500]}, "epsilon ['\\n\\n\\n"),
    ],
)
def test_a_keras_json_that_differs_is_told_in_one_line(fix: Fix, settings: dict[str, Any], told: str, tmp_path: Path):
    for home in ({}, {"KERAS_HOME": "~/.keras"}):
        [line] = fix(json.dumps(settings), **home)
        assert line.startswith(f"warning: ~/.keras/keras.json says {told}")
        assert len(line) < 300

    [line] = fix(KERAS_HOME=f"{tmp_path}/.keras")
    assert line.startswith(f"warning: {tmp_path}/.keras/keras.json says {told}")


@pytest.mark.parametrize(
    "text",
    [
        None,
        json.dumps(environment.KERAS),
        json.dumps({"epsilon": 0.0000001, "other": "float16"}),
        "",
        "hello",
        "[1]",
        "7",
        "[" * 10**5,
        b"\xff\xfe\x00",
    ],
)
def test_one_that_agrees_or_is_broken_is_not_told(fix: Fix, text: str | bytes | None):
    assert fix(text) == []


def test_one_that_cannot_be_read_is_not_told(fix: Fix, tmp_path: Path):
    (tmp_path / ".keras/keras.json").mkdir(parents=True)
    assert fix() == []
    assert fix(KERAS_HOME="/etc/hostname") == []
    assert fix(KERAS_HOME="~nobody-of-this-name") == []
    os.mkfifo(tmp_path / "keras.json")
    assert fix(KERAS_HOME=str(tmp_path)) == []


def test_variables_are_hidden_and_told_in_one_line(fix: Fix):
    [line] = fix(KERAS_BACKEND="jax", TF_ENABLE_ONEDNN_OPTS="0", XLA_FLAGS="--a=b\n--c")

    assert line == (
        "warning: every run here ignores KERAS_BACKEND='jax', TF_ENABLE_ONEDNN_OPTS='0', XLA_FLAGS='--a=b\\n--c', "
        "which could change its result"
    )
    assert os.environ == {"HOME": os.environ["HOME"], **environment.SET, "MPLBACKEND": "agg"}


def test_variables_that_ask_for_what_holds_anyway_are_not_told(fix: Fix):
    assert fix(KERAS_BACKEND="tensorflow", TF_ENABLE_ONEDNN_OPTS="1", TF_DETERMINISTIC_OPS="1", XLA_FLAGS="") == []
    assert os.environ == {"HOME": os.environ["HOME"], **environment.SET, "MPLBACKEND": "agg"}


def test_other_variables_stay(fix: Fix):
    others = {
        "CUDA_VISIBLE_DEVICES": "0",
        "TF_CLI_CONFIG_FILE": "terraform",
        "TF_CONFIG": "{}",
        "TF_CPP_MIN_LOG_LEVEL": "1",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    assert fix(**others) == []
    assert os.environ.items() >= others.items()


def test_a_second_call_says_nothing(fix: Fix):
    assert fix(json.dumps(HOSTILE), KERAS_BACKEND="jax")
    assert fix(json.dumps(HOSTILE), **{name: value for name, value in os.environ.items() if name != "HOME"}) == []


def test_keras_has_the_projects_settings_here():
    import keras

    config = keras.config
    assert [config.backend(), config.floatx(), config.epsilon(), config.image_data_format()] == [
        *environment.KERAS.values()
    ]


def test_hostile_settings_change_no_byte_and_the_file_stays_as_it_was(preprocessed: Path, tmp_path_factory):
    shutil.rmtree(preprocessed / "plots")  # of the samples, drawn by preprocess
    run_all(preprocessed, *((command.app, ["--run", "tiny-mlp"]) for command in (train, evaluate, predict)))
    expected = contents(preprocessed)
    assert {name.split("/")[0] for name in expected} == {*OUTPUTS}
    for folder in OUTPUTS:
        shutil.rmtree(preprocessed / folder)
    (preprocessed / "matplotlibrc").write_text("savefig.dpi: 30\nfont.family: serif\n")
    home = tmp_path_factory.mktemp("home")
    (home / ".keras").mkdir()
    (home / ".keras/keras.json").write_text(json.dumps(HOSTILE))

    variables = {**os.environ, **HOSTILE_VARIABLES, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    variables = {name: value for name, value in variables.items() if name != "KERAS_HOME"}
    done = subprocess.run([sys.executable, "-c", COMMANDS], env=variables, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert contents(preprocessed) == expected
    assert done.stderr.count("every run here uses") == done.stderr.count("every run here ignores") == 1
    assert list(home.glob(".keras/*")) == [home / ".keras/keras.json"]
    assert json.loads((home / ".keras/keras.json").read_text()) == HOSTILE


def contents(project: Path) -> dict[str, bytes]:
    """Return the bytes of each output of the commands."""
    files = [path for folder in OUTPUTS for path in (project / folder).rglob("*") if path.is_file()]
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}
