import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stages import evaluate, predict, train
from stages.common import params
from stages.common.errors import InputError
from tests import tiny
from tests.pipeline import ROOT

RUN = "{dataset: tiny, recipe: mlp, seed: 0}"
WRONG = {
    "seed is text": (RUN, RUN.replace("0}", "zero}"), "runs.tiny-mlp.seed: expected a whole number, received 'zero'"),
    "seed is a fraction": (
        RUN,
        RUN.replace("0}", "1.0}"),
        "runs.tiny-mlp.seed: expected a whole number, received 1.0",
    ),
    "seed below zero": (RUN, RUN.replace("0}", "-1}"), "seed: expected greater than or equal to 0, received -1"),
    "misspelt key": (RUN, RUN.replace("recipe", "recipie"), "(did you mean 'recipe'?), received 'recipie'"),
    "missing key": (RUN, "{recipe: mlp, seed: 0}", "runs.tiny-mlp.dataset: expected a value, received nothing"),
    "unknown dataset": (
        RUN,
        RUN.replace("tiny", "tyni"),
        "dataset to be one of tiny (did you mean 'tiny'?), received 'tyni'",
    ),
    "recipe outside": (RUN, RUN.replace("mlp", "../mlp"), "runs.tiny-mlp.recipe: expected"),
    "run's name an option": ("tiny-mlp:", "--tiny-mlp:", "received '--tiny-mlp'"),
    "download's name for a shell": ("downloads: []", "downloads: ['x; rm -rf ~']", "received 'x; rm -rf ~'"),
    "download's name an option": ("downloads: []", "downloads: [--foo]", "received '--foo'"),
    "runs as a list": ("tiny-mlp: {", "- {", "runs: expected names, each with its values, received"),
    "no runs": (f"\n  tiny-mlp: {RUN}\n", "\n", "runs: expected names, each with its values, received nothing"),
    "downloads left empty": ("downloads: []", "downloads:", "downloads: expected a list, received nothing"),
    "twice the same run": (
        "  tiny-mlp:",
        f"  tiny-mlp: {RUN}\n  tiny-mlp:",
        ":6: expected YAML, received a mistake in it: found duplicate key",
    ),
    "unclosed": (RUN, RUN[:-1], "expected YAML, received"),
    "no such run": (
        "tiny-mlp",
        "tiny-mpl",
        "expected one of the runs tiny-mpl (did you mean 'tiny-mpl'?), received 'tiny-mlp'",
    ),
}


def test_a_run_is_found_with_its_paths(project):
    run = params.find_run("tiny-mlp")
    assert run == params.Run("tiny-mlp", dataset="tiny", recipe="mlp", seed=0)
    assert (run.recipe_path, run.arrays) == (Path("recipes/mlp.yaml"), Path("data/processed/tiny"))
    assert params.load_runs() == {"tiny-mlp": run}


def test_what_is_given_takes_the_place_of_what_the_file_says(project):
    assert params.find_run("tiny-mlp", recipe="wide", seed=3) == params.Run("tiny-mlp", "tiny", "wide", 3)
    assert params.find_run("tiny-mlp", "other", seed=0) == params.Run("tiny-mlp", "other", "mlp", 0)


def test_a_run_that_is_given_whole_needs_no_file(project):
    Path("params.yaml").unlink()
    assert params.find_run("mine", "tiny", "wide", 3) == params.Run("mine", dataset="tiny", recipe="wide", seed=3)


def test_the_projects_own_params_and_their_files_exist(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert [run.recipe_path for run in params.load_runs().values() if not run.recipe_path.is_file()] == []
    loaded = params.Params.load(params.PATH)
    named = {*loaded.downloads, *loaded.datasets}
    assert [name for name in named if not Path(f"datasets/{name}.yaml").is_file()] == []


@pytest.mark.parametrize("case", WRONG)
def test_wrong_params_give_one_line_and_exit_code_1(project, case):
    right, wrong, expected = WRONG[case]
    assert right in tiny.PARAMS
    Path("params.yaml").write_text(tiny.PARAMS.replace(right, wrong))
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp"])
    [line] = result.stderr.splitlines()
    assert (result.exit_code, line.startswith("error: params.yaml")) == (1, True)
    assert expected in line
    assert not Path("models").exists()


@pytest.mark.parametrize("app", [train.app, evaluate.app, predict.app])
def test_every_command_that_takes_a_run_refuses_wrong_params(project, app):
    Path("params.yaml").unlink()
    result = CliRunner().invoke(app, ["--run", "tiny-mlp"])
    assert result.exit_code == 1
    assert re.fullmatch(r"error: params.yaml: expected a file of this name, received none; .*\n", result.stderr)


def test_an_unsafe_tag_in_params_runs_nothing(project):
    Path("params.yaml").write_text("runs: !!python/object/apply:os.system ['touch ran']\n")
    with pytest.raises(InputError, match="could not determine a constructor"):
        params.find_run("tiny-mlp")
    assert not Path("ran").exists()
