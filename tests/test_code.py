"""The files of fingerprints that the command writes."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stages import code
from stages.common import fingerprints
from tests import tiny
from tests.pipeline import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a copy of the code, which is the working folder."""
    shutil.copytree(ROOT / "stages", tiny.write_project(tmp_path) / "stages")
    monkeypatch.setattr(fingerprints, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(project: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (project / "data/code").iterdir()}


def test_each_stage_has_a_line_for_each_of_its_modules(project):
    assert CliRunner().invoke(code.app, []).exit_code == 0
    listed = {stage: dict(line.split() for line in text.splitlines()) for stage, text in written(project).items()}
    assert set(listed) == set(code.STAGES)
    assert all(f"stages/{stage}.py" in modules for stage, modules in listed.items())
    assert all(len(sha256) == 64 for modules in listed.values() for sha256 in modules.values())
    assert not any("stages/common/console.py" in modules for modules in listed.values())


def test_a_changed_module_changes_the_files_of_the_stages_that_import_it(project):
    CliRunner().invoke(code.app, [])
    before = written(project)
    with (project / "stages/images/array_files/idx.py").open("a") as file:
        file.write("CHANGED = True\n")
    CliRunner().invoke(code.app, [])
    assert {stage for stage, text in written(project).items() if text != before[stage]} == {"preprocess"}


def test_code_that_is_no_python_is_one_line_and_changes_no_file(project):
    CliRunner().invoke(code.app, [])
    before = written(project)
    (project / "stages/predict.py").write_text("this is (no Python\n")
    result = CliRunner().invoke(code.app, [])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: stages/predict.py, line 1: expected Python, received")
    assert result.stderr.count("\n") == 1
    assert written(project) == before


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("seed: 0", "seed: '0; touch ran'", "runs.tiny-mlp.seed: expected a whole number, received '0; touch ran'"),
        ("recipe: mlp", "recipe: mpl", "runs.tiny-mlp.recipe: expected one of mlp (did you mean 'mlp'?), received"),
        ("seed: 0", "seed: 0, epochs: 20", "expected only the keys dataset, recipe, seed, received 'epochs'"),
        ("tiny-mlp:", "2024:", "runs: expected a name of up to 100 letters"),
    ],
)
def test_wrong_params_are_one_line_and_change_no_file(project, right, wrong, line):
    Path("params.yaml").write_text(tiny.PARAMS.replace(right, wrong))
    result = CliRunner().invoke(code.app, [])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("error: params.yaml: ")
    assert line in result.stderr
    assert not Path("data/code").exists()
