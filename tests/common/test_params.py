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
    "seed in quotes": (
        RUN,
        RUN.replace("0}", "'0'}"),
        "seed: expected a whole number, received '0'; remove the quotes, which make it text",
    ),
    "name with a dot": ("tiny-mlp:", "'1.5':", "received '1.5'; edit the file"),
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
    "runs that differ by capitals alone": (
        "  tiny-mlp:",
        f"  Tiny-MLP: {RUN}\n  tiny-mlp:",
        "expected runs whose names differ by more than capitals, as files of macOS and Windows do, "
        "received 'Tiny-MLP and tiny-mlp'",
    ),
    "a name too long for a file": ("tiny-mlp:", f"{101 * 'a'}:", "expected a name of up to 100 letters"),
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


def test_the_source_of_a_dataset_is_found(project):
    assert params.find_source("tiny") == Path("data/raw/tiny")
    with pytest.raises(InputError, match=r"one of the datasets tiny \(did you mean 'tiny'\?\), received 'tyni'"):
        params.find_source("tyni")


def test_an_edit_of_another_run_leaves_a_run_unchanged(project):
    run = params.find_run("tiny-mlp")
    Path("params.yaml").write_text(tiny.PARAMS + "  other: {dataset: tiny, recipe: half-writ\n")
    with pytest.raises(InputError, match="expected YAML"):  # which DVC could not read either when the stage ends
        run.check_unchanged()
    Path("params.yaml").write_text(tiny.PARAMS + "  other: {dataset: nothing}\n")
    run.check_unchanged()


@pytest.mark.parametrize(
    "wrong",
    [
        tiny.PARAMS.replace("seed: 0", "seed: 1"),
        tiny.PARAMS.replace("recipe: mlp", "recipe: wide"),
        tiny.PARAMS.replace("tiny-mlp", "renamed"),
        tiny.PARAMS.replace("seed: 0", "seed: 0, more: 1"),
        tiny.PARAMS[: tiny.PARAMS.index("runs:")] + "runs: [tiny-mlp]\n",
        "[]\n",
    ],
)
def test_an_edit_of_the_run_itself_is_told(project, wrong):
    run = params.find_run("tiny-mlp")
    Path("params.yaml").write_text(wrong)
    with pytest.raises(InputError, match=r"runs.tiny-mlp: expected the values it had when the stage began, received"):
        run.check_unchanged()


MISSING = {
    "recipe": ("recipe: mlp", "recipe: mpl", "runs.tiny-mlp.recipe: expected one of mlp, wide (did you mean 'mlp'?)"),
    "dataset": ("  tiny: {", "  tyni: {source: x}\n  tiny: {", "datasets: expected one of tiny (did you mean 'tiny'?)"),
    "download": ("downloads: []", "downloads: [mnits]", "downloads: expected one of tiny, received 'mnits'"),
    "case of a recipe": ("recipe: mlp", "recipe: MLP", "runs.tiny-mlp.recipe: expected one of mlp, wide (did you mean"),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_name_without_a_file_is_told(project, case):
    right, wrong, expected = MISSING[case]
    Path("recipes/wide.yaml").write_text(tiny.RECIPE)
    params.Params.load(params.PATH).check_files()
    Path("params.yaml").write_text(tiny.PARAMS.replace(right, wrong, 1))
    with pytest.raises(InputError) as caught:
        params.Params.load(params.PATH).check_files()
    assert expected in str(caught.value)
    assert str(caught.value).endswith(" and add it to git")  # an experiment has a copy of what git knows


def test_the_projects_own_params_and_their_files_exist(monkeypatch):
    monkeypatch.chdir(ROOT)
    params.Params.load(params.PATH).check_files()


def test_a_source_where_nothing_is_is_told(project):
    Path("params.yaml").write_text(tiny.PARAMS.replace("data/raw/tiny", "data/raw/tyni"))
    with pytest.raises(InputError) as caught:
        params.Params.load(params.PATH).check_files()
    assert str(caught.value) == (
        "params.yaml: datasets.tiny.source: expected the path of data that are there, that are downloaded or that "
        "`dvc add` has added, received 'data/raw/tyni'; correct it, add the data, or remove the dataset"
    )


@pytest.mark.parametrize(
    "source", ["data/raw/new", "./data/raw/new/", "{project}/data/raw/new", "own/pets", "own/pets.csv"]
)
def test_a_source_that_dvc_will_bring_need_not_be_there_yet(project, source):
    Path("own").mkdir()
    for added in ("own/pets.dvc", "own/pets.csv.dvc"):
        Path(added).touch()
    Path("datasets/new.yaml").write_text(tiny.DATASET)
    text = tiny.PARAMS.replace("data/raw/tiny", source.format(project=project)).replace("[]", "[new]")
    params.Params.parse(text, params.PATH).check_files()


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
