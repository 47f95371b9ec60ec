import json
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import job, side, training, whole
from benchmarks.systems import SYSTEMS
from stages import preprocess
from stages.images import arrays
from stages.plan import Run
from stages.training import determinism, network
from stages.training.recipe import Recipe
from tests import tiny

ROOT = Path(__file__).parents[1]
PARAMETERS = {
    "mnist-mlp": 55_050,
    "mnist-cnn-small": 13_610,
    "mnist-mlp-wide": 407_050,
    "mnist-cnn-5x5": 3_274_634,
    "mnist-cnn-tanh": 150_742,
    "fashion-cnn-gap": 19_466,
    "fashion-cnn-dropout": 409_162,
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_tutorial_and_its_recipe_are_the_same_system(name: str):
    from benchmarks.tutorials import TUTORIALS

    determinism.settle(seed=0, threads=2)  # once a process; the tests of the commands need the same
    tutorial = TUTORIALS[name](tiny.digits(20, seed=1), tiny.digits(20, seed=2))
    path = ROOT / SYSTEMS[name].run.recipe_path
    recipe = Recipe.load(path)
    ours = network.build(recipe, path, (28, 28, 1), 10)
    optimizer = network.build_optimizer(recipe.optimizer, path)

    assert PARAMETERS[name] == tutorial.model.count_params() == ours.count_params()
    assert type(optimizer) is type(tutorial.model.optimizer)
    assert float(optimizer.learning_rate) == float(tutorial.model.optimizer.learning_rate)
    assert recipe.training.batch_size == tutorial.fit.get("batch_size", 32)
    assert (recipe.training.validation == "test") == ("validation_data" in tutorial.fit)


def test_a_pair_is_measured_and_its_row_written(project: Path):
    shutil.copy(ROOT / "recipes/cnn-5x5.yaml", project / "recipes")
    CliRunner().invoke(preprocess.app, ["tiny", "--output", "data/processed/mnist"])
    result = CliRunner().invoke(training.app, ["mnist-cnn-5x5", "--pairs", "1", "--epochs", "2"])
    measured = json.loads(Path("benchmarks/results.json").read_text())
    table = Path("benchmarks/RESULTS.md").read_text()

    assert result.exit_code == 0, result.output
    assert ["mnist-cnn-5x5"] == list(measured)
    assert 1 == len(measured["mnist-cnn-5x5"]["pairs"])
    assert 2 == table.count("| mnist-cnn-5x5 | ")
    assert f"Measured on {measured['mnist-cnn-5x5']['pairs'][0]['ours']['machine']}" in table


def test_the_last_step_of_an_epoch_is_done_before_its_validation(preprocessed: Path, monkeypatch: pytest.MonkeyPatch):
    from stages.training.loop import Loop

    def score_slowly(*_):
        time.sleep(0.2)
        return 0.5, 0.5

    monkeypatch.setattr(Loop, "_score", score_slowly)
    run = Run(dataset="tiny", recipe="mlp", seed=0)
    train, test = (arrays.read_split(run.data, split) for split in arrays.SPLITS)
    trained = side.train_ours(run, Recipe.load(run.recipe_path), train, test)

    assert 2 == len(trained.ends) == len(trained.steps_ends)
    for steps_end, end in zip(trained.steps_ends, trained.ends, strict=True):
        assert end - steps_end >= 0.2


def test_an_unknown_system_is_refused():
    result = CliRunner().invoke(training.app, ["mnist-mpl"])

    assert 1 == result.exit_code
    assert result.stderr.startswith("error: benchmarks: expected one of mnist-mlp, ")


def test_missing_data_are_told_before_anything_is_timed(project: Path):
    result = CliRunner().invoke(training.app, ["mnist-mlp"])

    assert 1 == result.exit_code
    assert result.stderr.startswith("error: data/processed/mnist/dataset.json: expected the description of a dataset, ")


def test_the_whole_job_needs_the_times_of_its_parts(project: Path):
    mnist = "downloads: []\ndatasets: {mnist: {source: data/raw/mnist}}\n"
    Path("params.yaml").write_text(mnist + "runs: {mnist-mlp: {dataset: mnist, recipe: mlp, seed: 0}}\n")
    result = CliRunner().invoke(job.app, [])

    assert 1 == result.exit_code
    expected = "error: benchmarks/results.json: expected the times of mnist-mlp, received none; run make bench first\n"
    assert expected == result.stderr


def test_the_time_of_a_tutorial_is_its_compilation_and_its_epochs(project: Path):
    (project / "recipes/mlp.yaml").write_text(tiny.RECIPE.replace("epochs: 2", "epochs: 10"))
    pairs = [{"tutorial": {"seconds": seconds, "epoch_seconds": 2.0}} for seconds in (7.0, 9.0, 8.0)]

    assert whole.tutorial_seconds("mnist-mlp", {"epochs": 3, "images": None, "pairs": pairs}) == 2 + 10 * 2
