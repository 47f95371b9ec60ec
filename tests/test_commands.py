import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stages import code, compare, download, evaluate, predict, preprocess, report, schemas, train
from tests.pipeline import ROOT

STAGES = {"download": download, "preprocess": preprocess, "train": train, "evaluate": evaluate, "predict": predict}
COMMANDS = {**STAGES, "code": code, "compare": compare, "report": report, "schemas": schemas}
HEAVY = {"tensorflow", "keras", "numpy", "pydantic", "rich", "PIL", "matplotlib", "jinja2"}
HELP = """\
import json, runpy, sys

module = sys.argv.pop(1)
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    print(json.dumps(sorted(name for name in sys.modules if "." not in name)))
"""


def run(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_imports_nothing_heavy_in_any_folder(name: str, tmp_path: Path):
    done = run("-c", HELP, f"stages.{name}", "--help", folder=tmp_path)
    *told, imported = done.stdout.splitlines()

    assert done.returncode == 0, done.stderr
    assert told[0].startswith(f"Usage: python -m stages.{name} [OPTIONS]")
    assert not HEAVY & set(json.loads(imported))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, ["--nonsense"]) for name in COMMANDS),
        *((name, []) for name in STAGES),
        *((name, ["one", "two"]) for name in STAGES if name != "predict"),
        ("train", ["--run"]),
        ("predict", ["photo.png"]),
    ],
)
def test_wrong_usage_is_exit_code_2(name: str, arguments: list[str]):
    result = CliRunner().invoke(COMMANDS[name].app, arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_python_without_the_packages_is_told_how_to_find_them(name: str):
    """As in a terminal where the environment is not active."""
    done = run("-S", "-m", f"stages.{name}", "--help")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: Python: expected the project's environment, .venv, received {sys.executable}; "
        "run source .venv/bin/activate\n"
    )


def test_the_package_itself_only_looks_for_the_environment_and_ctrl_c():
    """Its code is in no fingerprint."""
    docstring, *imports, ctrl_c, check = ast.parse((ROOT / "stages/__init__.py").read_text(encoding="utf-8")).body

    assert isinstance(docstring, ast.Expr)
    assert [ast.unparse(each) for each in imports] == ["import importlib.util", "import signal", "import sys"]
    assert ast.unparse(ctrl_c).startswith("if sys.argv[:1] == ['-m'] and signal.getsignal(signal.SIGINT) is ")
    assert ast.unparse(check).startswith("if importlib.util.find_spec('typer') is None:")
    assert ctrl_c.orelse == check.orelse == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("download", ["mnist"]), ("preprocess", ["mnist"]), ("train", ["--run", "mnist-mlp"]),
        ("evaluate", ["--run", "mnist-mlp"]), ("predict", ["--run", "mnist-mlp"]), ("compare", ["mnist-mlp"]),
        ("report", []), ("schemas", []),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_the_projects_is_told_as_such(
    name: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Beside another YAML file too, as in recipes/."""
    monkeypatch.chdir(tmp_path)
    Path("mlp.yaml").write_text("network: []\n")
    result = CliRunner().invoke(COMMANDS[name].app, arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("run the command in the project's folder\n")
    assert result.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == [tmp_path / "mlp.yaml"]
