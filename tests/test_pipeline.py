"""The pipeline as people use it: real `dvc` in a git repository of its own, on tiny data.

`made` is made once, by one `dvc repro`; each test works in a copy of it, so that none depends on another.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests import pipeline, tiny
from tests.pipeline import Repository

PARAMS = """\
downloads: [tiny]
datasets:
  tiny: {source: data/raw/tiny}
runs:
  mlp-0: {dataset: tiny, recipe: mlp, seed: 0}
  mlp-1: {dataset: tiny, recipe: mlp, seed: 1}
  wide-0: {dataset: tiny, recipe: wide, seed: 0}
"""
RECIPES = {"mlp": tiny.RECIPE.replace("validation: none", "validation: 40"), "wide": tiny.RECIPE}
RUNS = ("mlp-0", "mlp-1", "wide-0")
UP_TO_DATE = "Data and pipelines are up to date."


def chain(run: str) -> set[str]:
    return {f"train@{run}", f"evaluate@{run}", f"predict@{run}"}


EVERYTHING = {"code", "download@tiny", "preprocess@tiny"}.union(*map(chain, RUNS))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after `dvc repro` and a commit."""
    base = tmp_path_factory.mktemp("pipeline")
    repository = Repository(pipeline.write(base / "repository", base / "source", PARAMS, RECIPES), base / "source")
    repository.run("git", "init", "--quiet")
    repository.commit()
    assert repository.repro().ran == EVERYTHING
    assert repository.git_status() == {"?? dvc.lock", *(f"?? metrics/{run}.json" for run in RUNS)}
    repository.commit()
    return repository


@pytest.fixture
def repository(made: Repository, tmp_path: Path) -> Repository:
    return made.copy_to(tmp_path / "repository")


def test_a_second_repro_has_nothing_to_do(repository):
    again = repository.repro()
    assert again.ran | again.cached == set()
    assert UP_TO_DATE in again.stdout
    assert UP_TO_DATE in repository.dvc("status")
    assert repository.git_status() == set()


def test_dag_shows_a_chain_for_each_run(repository):
    edges = set(re.findall(r'"(.+)" -> "(.+)"', repository.dvc("dag", "--dot")))
    below = {(f"train@{run}", f"{stage}@{run}") for run in RUNS for stage in ("evaluate", "predict")}
    data = {("preprocess@tiny", stage) for run in RUNS for stage in chain(run)}
    code = {("code", stage) for stage in EVERYTHING - {"code"}}
    assert edges == {("download@tiny", "preprocess@tiny")} | code | data | below


def test_metrics_are_one_table(repository):
    header, *rows = repository.table("metrics", "show")
    expected = {
        "Path", "accuracy", "balanced_accuracy", "macro_f1", "train_accuracy", "loss", "errors", "parameters",
        "published", "gain",
    }  # fmt: skip
    assert set(header) == expected
    assert [row[0] for row in rows] == [f"metrics/{run}.json" for run in RUNS]
    published = {row[0]: row[header.index("published")] for row in rows}
    assert list(published.values()) == ["0.5", "0.5", "-"]


def test_plots_draw_what_the_tables_say(repository):
    repository.dvc("plots", "show")
    shown = json.loads(repository.dvc("plots", "show", "--json"))
    assert "errors" not in shown
    tables = {f"plots/{kind}/{run}.csv" for kind in ("history", "classes", "confusion") for run in RUNS}
    kinds = ("calibration", "classes", "confusion", "history", "mistakes")
    drawn = {f"plots/pictures/{run}/{kind}.png" for kind in kinds for run in RUNS}
    drawn |= {f"plots/predictions/{run}.png" for run in RUNS} | {"plots/samples/tiny.png"}
    assert set(shown["data"]) == tables | drawn
    assert {plot["type"] for path in drawn for plot in shown["data"][path]} == {"image"}
    for path in tables:
        (plot,) = shown["data"][path]
        expected = [{**row, "rev": "workspace"} for row in repository.rows(path)]
        values = plot["content"]["data"]["values"]
        assert [{key: row[key] for key in expected[0]} for row in values] == expected
    page = (repository.folder / "dvc_plots/index.html").read_text()
    for row in repository.rows("plots/history/mlp-0.csv"):
        assert f'"accuracy": "{row["accuracy"]}"' in page
        assert f'"val_accuracy": "{row["val_accuracy"]}"' in page
    confusion = repository.rows("plots/confusion/mlp-0.csv")
    assert sum(float(row["share"]) for row in confusion if row["actual"] == "3") == pytest.approx(1)
    assert repository.git_status() == set()


def test_an_edited_recipe_reruns_its_runs_and_going_back_runs_nothing(repository):
    repository.edit("recipes/mlp.yaml", "units: 16", "units: 24")
    assert repository.changed_stages() == {f"{stage}@mlp-{seed}" for stage in ("train", "evaluate") for seed in (0, 1)}
    repository.edit("recipes/mlp.yaml", "units: 24", "units: 16")
    assert repository.changed_stages() == set()

    repository.edit("recipes/wide.yaml", "units: 16", "units: 24")
    assert repository.changed_stages() == {"train@wide-0", "evaluate@wide-0"}
    story = ["recipes/wide.yaml", "layers.hidden.units", "16", "24"]
    assert repository.table("params", "diff") == [["Path", "Param", "HEAD", "workspace"], story]
    assert repository.repro().ran == chain("wide-0")
    parameters = ["metrics/wide-0.json", "parameters", "12730", "19090", "6360"]
    assert parameters in repository.table("metrics", "diff")
    assert repository.git_status() == {" M dvc.lock", " M metrics/wide-0.json", " M recipes/wide.yaml"}

    repository.commit()
    assert repository.table("params", "diff") == []
    assert story in repository.table("params", "diff", "HEAD~1")
    assert parameters in repository.table("metrics", "diff", "HEAD~1")
    repository.dvc("plots", "diff", "HEAD~1")
    page = (repository.folder / "dvc_plots/index.html").read_text()
    assert '"rev": "HEAD~1", "filename": "plots/history/wide-0.csv"' in page
    diff = json.loads(repository.dvc("plots", "diff", "--json", "HEAD~1", "--targets", "plots/history/wide-0.csv"))
    (curves,) = diff["data"]["plots/history/wide-0.csv"]
    rows = curves["content"]["data"]["values"]
    assert sorted((row["rev"], row["epoch"]) for row in rows) == [
        (revision, epoch) for revision in ("HEAD~1", "workspace") for epoch in ("1", "2")
    ]
    assert {chart["encoding"]["color"]["field"] for chart in curves["content"]["hconcat"]} == {"rev"}

    repository.edit("recipes/wide.yaml", "units: 24", "units: 16")
    back = repository.repro()
    assert back.ran == set()
    assert back.cached == chain("wide-0")
    assert repository.json("metrics/wide-0.json")["parameters"] == 12730


def test_an_edited_run_reruns_that_run_and_what_reads_the_edited_value(repository):
    repository.edit("params.yaml", "seed: 1", "seed: 2")
    assert ["params.yaml", "runs.mlp-1.seed", "1", "2"] in repository.table("params", "diff")
    assert repository.repro().ran == {"code"} | chain("mlp-1")
    assert repository.git_status() == {" M dvc.lock", " M metrics/mlp-1.json", " M params.yaml"}

    repository.edit("params.yaml", "wide-0: {dataset: tiny, recipe: wide", "wide-0: {dataset: tiny, recipe: mlp")
    assert repository.repro().ran == {"code"} | chain("wide-0")
    assert repository.json("metrics/wide-0.json")["parameters"] == 12730

    shutil.copyfile(repository.folder / "datasets/tiny.yaml", repository.folder / "datasets/again.yaml")
    repository.edit("params.yaml", "runs:", "  again: {source: data/raw/tiny}\nruns:")
    repository.edit("params.yaml", "wide-0: {dataset: tiny", "wide-0: {dataset: again")
    assert repository.changed_stages() == {"code", "preprocess@again", *chain("wide-0")}


HOSTILE = {  # an edit of params.yaml, and what DVC is asked to do
    "seed": (("seed: 1", "seed: '1; touch ran'"), ["repro"]),
    "name of a run": (("mlp-1:", "'$(touch ran)':"), ["repro"]),
    "name of a run alone": (("mlp-1:", "'x; touch ran':"), ["repro", "--single-item", "--glob", "train@x*"]),
    "name of a run and what follows": (
        ("mlp-1:", '"x\' & touch ran #":'),
        ["repro", "--downstream", "preprocess@tiny"],
    ),
    "recipe": (("recipe: wide", "recipe: 'wide`touch ran`'"), ["repro"]),
    "source": (("source: data/raw/tiny", "source: '$(touch ran)data/raw/tiny'"), ["repro", "--keep-going"]),
    "name of a download": (("[tiny]", "['tiny | touch ran']"), ["repro", "--single-item", "--glob", "download@*"]),
    "experiment": (("", ""), ["exp", "run", "-S", "runs.mlp-1.seed='1; touch ran'"]),
}


@pytest.mark.parametrize("place", HOSTILE)
def test_no_value_of_params_yaml_reaches_a_shell(repository, place):
    (old, new), arguments = HOSTILE[place]
    repository.edit("params.yaml", old, new)
    before = repository.json("metrics/mlp-0.json")
    errors = repository.run(sys.executable, "-m", "dvc", *arguments, code=255).stderr
    assert "error: params.yaml: " in errors or "No such file or directory" in errors
    assert "Traceback" not in errors
    assert not (repository.folder / "ran").exists()
    assert repository.json("metrics/mlp-0.json") == before


def test_an_edited_published_accuracy_trains_nothing(repository):
    repository.edit("published.yaml", "mlp: 0.5", "mlp: 0.75")
    assert repository.repro().ran == {f"evaluate@{run}" for run in RUNS}
    assert repository.json("metrics/mlp-0.json")["published"] == 0.75
    assert repository.git_status() == {
        " M dvc.lock", " M metrics/mlp-0.json", " M metrics/mlp-1.json", " M published.yaml",
    }  # fmt: skip


def test_edited_code_reruns_what_imports_it_and_what_its_results_change(repository):
    repository.edit("stages/evaluation/scores.py", "import numpy", "SAME_SCORES = True\nimport numpy")
    assert repository.changed_stages() == {"code"}
    assert repository.repro("code").ran == {"code"}
    assert repository.changed_stages() == {f"{stage}@{run}" for stage in ("evaluate", "predict") for run in RUNS}
    repository.run("git", "checkout", "stages", "dvc.lock")

    repository.edit("stages/images/array_files/idx.py", "import numpy", "SAME_ARRAYS = True\nimport numpy")
    assert repository.repro().ran == {"code", "preprocess@tiny"}
    repository.edit("stages/training/batches/holdout.py", "HOLD_OUT_SEED = 0", "HOLD_OUT_SEED = 1")
    assert repository.repro("train@mlp-0").ran == {"code", "train@mlp-0"}
    others = {"train@mlp-1", "train@wide-0"}
    assert repository.changed_stages() == {"evaluate@mlp-0", "predict@mlp-0", *others}


def test_an_edited_comment_or_docstring_reruns_no_stage_but_the_one_that_reads_the_code(repository):
    repository.edit("stages/training/batches/holdout.py", "HOLD_OUT_SEED = 0", "# A comment\n\nHOLD_OUT_SEED = 0")
    repository.edit("stages/evaluate.py", "In dvc.yaml: `evaluate`.", "In dvc.yaml it is called `evaluate`.")
    assert repository.repro().ran == {"code"}
    assert repository.git_status() == {" M dvc.lock", " M stages/evaluate.py", " M stages/training/batches/holdout.py"}


def test_code_that_is_no_python_is_one_line(repository):
    repository.edit("stages/training/batches/holdout.py", "HOLD_OUT_SEED = 0", "HOLD_OUT_SEED = (")
    errors = repository.run(sys.executable, "-m", "dvc", "repro", code=255).stderr
    assert "error: stages/training/batches/holdout.py, line" in errors
    assert "Traceback" not in errors


def test_an_experiment_sets_numbers_and_adds_layers(repository):
    repository.dvc(
        "exp", "run", "--name", "smaller-steps",
        "-S", "recipes/wide.yaml:optimizer.learning_rate=0.00005",
        "-S", "recipes/wide.yaml:+layers.hidden2={layer: Dense, units: 8, activation: relu}",
        "-S", "recipes/wide.yaml:network=[rescale, flatten, hidden, hidden2]",
        "evaluate@wide-0",
    )  # fmt: skip
    workspace, head = json.loads(repository.dvc("exp", "show", "--json"))
    (experiment,) = head["experiments"]
    assert experiment["name"] == "smaller-steps"
    shown = experiment["revs"][-1]["data"]
    assert "learning_rate: 5e-05" in (repository.folder / "recipes/wide.yaml").read_text()  # as DVC writes it
    recipe = shown["params"]["recipes/wide.yaml"]["data"]
    assert recipe["optimizer"]["learning_rate"] == 0.00005
    assert recipe["network"] == ["rescale", "flatten", "hidden", "hidden2"]
    parameters = 785 * 16 + 17 * 8 + 9 * 10
    assert shown["metrics"]["metrics/wide-0.json"]["data"]["parameters"] == parameters
    assert head["data"]["metrics"]["metrics/wide-0.json"]["data"]["parameters"] == 12730
    assert workspace["data"]["metrics"] == shown["metrics"]
    assert shown["metrics"]["metrics/mlp-0.json"] == head["data"]["metrics"]["metrics/mlp-0.json"]


def test_a_run_taken_out_and_put_back_costs_nothing(repository):
    line = "  wide-0: {dataset: tiny, recipe: wide, seed: 0}\n"
    repository.edit("params.yaml", line, "")
    assert repository.repro()[:2] == ({"code"}, set())  # it checks params.yaml
    repository.edit("params.yaml", "runs:\n", f"runs:\n{line}")
    assert repository.repro()[:2] == ({"code"}, set())


def test_a_broken_recipe_is_one_line_and_harms_no_other_run(repository):
    repository.edit("recipes/wide.yaml", "epochs: 2", "epoch: 2")
    done = repository.run(sys.executable, "-m", "dvc", "repro", code=255)
    errors = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(errors) == 2
    assert errors[0].startswith("error: recipes/wide.yaml: training: expected")
    assert "did you mean 'epochs'?" in errors[0]
    assert errors[1].startswith("ERROR: failed to reproduce 'train@wide-0'")
    assert repository.git_status() == {" M recipes/wide.yaml"}
    left = {path.stem for path in (repository.folder / "models").glob("*.keras")}
    assert left == {"mlp-0", "mlp-1"}

    repository.edit("recipes/wide.yaml", "epoch: 2", "epochs: 2")
    fixed = repository.repro()
    assert fixed.ran == set()
    assert fixed.cached == {"train@wide-0"}
    assert repository.git_status() == set()
