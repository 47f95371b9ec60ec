import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import (
    accuracy,
    curve,
    interruptions,
    job,
    pairs,
    processor,
    runs,
    side,
    streaming,
    systems,
    training,
    workers,
)
from benchmarks.systems import SYSTEMS
from stages import preprocess
from stages.common.determinism import enable_determinism
from stages.common.errors import InputError
from stages.common.params import Params, Run
from stages.images import arrays
from stages.model import build
from stages.model.recipe import Recipe
from tests import tiny
from tests.pipeline import ROOT

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

    enable_determinism(seed=0, threads=2)  # once a process; the tests of the commands need the same
    tutorial = TUTORIALS[name](tiny.digits(20, seed=1), tiny.digits(20, seed=2))
    recipe = Recipe.load(ROOT / SYSTEMS[name].run.recipe_path)
    ours = build.build_model(recipe, (28, 28, 1), 10)
    optimizer = build.build_optimizer(recipe)

    assert tutorial.model.count_params() == ours.count_params() == PARAMETERS[name]
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
    assert list(measured) == ["mnist-cnn-5x5"]
    assert len(measured["mnist-cnn-5x5"]["pairs"]) == 1
    assert table.count("| mnist-cnn-5x5 | ") == 2
    assert f"Measured on {measured['mnist-cnn-5x5']['pairs'][0]['ours']['machine']}" in table


def test_the_last_step_of_an_epoch_is_done_before_its_validation(preprocessed: Path, monkeypatch: pytest.MonkeyPatch):
    from stages.training.validation import Validator

    def score_slowly(*_):
        time.sleep(0.2)
        return 0.5, 0.5

    monkeypatch.setattr(Validator, "score", score_slowly)
    run = Run("tiny-mlp", "tiny", "mlp", seed=0)
    train, test = (arrays.read_split(run.arrays, split) for split in arrays.SPLITS)
    trained = side.train_ours(run, Recipe.load(run.recipe_path), train, test)

    assert len(trained.epoch_ends) == len(trained.steps_ends) == 2
    for steps_end, epoch_end in zip(trained.steps_ends, trained.epoch_ends, strict=True):
        assert epoch_end - steps_end >= 0.2


def test_an_unknown_system_is_refused():
    result = CliRunner().invoke(training.app, ["mnist-mpl"])

    assert result.exit_code == 1
    assert result.stderr.startswith("error: benchmarks: expected one of mnist-mlp, ")


def test_missing_data_are_reported_before_anything_is_timed(project: Path):
    result = CliRunner().invoke(training.app, ["mnist-mlp"])

    assert result.exit_code == 1
    assert result.stderr.startswith("error: data/processed/mnist/dataset.json: expected the description of a dataset, ")


def test_the_whole_job_needs_the_times_of_its_parts(project: Path):
    mnist = "downloads: []\ndatasets: {mnist: {source: data/raw/mnist}}\n"
    Path("params.yaml").write_text(mnist + "runs: {mnist-mlp: {dataset: mnist, recipe: mlp, seed: 0}}\n")
    result = CliRunner().invoke(job.app, [])

    assert result.exit_code == 1
    expected = "error: benchmarks/results.json: expected the times of mnist-mlp, received none; run make bench first\n"
    assert result.stderr == expected


def test_the_time_of_a_tutorial_is_its_compilation_and_all_its_epochs(project: Path):
    (project / "recipes/mlp.yaml").write_text(tiny.RECIPE.replace("epochs: 2", "epochs: 10"))
    measured = [{"seconds": seconds, "epoch_seconds": 2.0} for seconds in (7.0, 9.0, 8.0)]

    assert systems.tutorial_seconds("mnist-mlp", measured, epochs=3, num_images=None) == 2 + 10 * 2


def test_a_curve_is_the_whole_training_scored_on_the_test_images(preprocessed: Path):
    # learns nothing, so patience would stop it
    recipe = tiny.RECIPE.replace("0.01", "1e-30").replace("epochs: 2", "epochs: 3")
    recipe = recipe.replace("validation: none", "validation: 40, keep: best, patience: 1")
    Path("recipes/still.yaml").write_text(recipe)
    result = CliRunner().invoke(curve.app, ["still", "tiny", "7"])
    measured = json.loads(result.stdout.splitlines()[-1])
    seconds, accuracies = zip(*measured["curve"], strict=True)

    assert result.exit_code == 0, result.output
    assert measured["precision"] == "float32"
    assert len(seconds) == 3
    assert [0, *seconds] == sorted([0, *seconds])
    assert len(set(accuracies)) == 1
    assert round(50 * accuracies[0]) / 50 == accuracies[0]  # of 50 test images


def test_the_first_epoch_that_reaches_the_target_counts():
    points = [(3.0, 0.97), (5.0, 0.979), (7.0, 0.975), (9.0, 0.981)]

    assert accuracy.find_target(points, 0.979) == accuracy.TargetReached(2, 5.0)
    assert accuracy.find_target(points, 0.982) is None


@pytest.fixture()
def calls(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Calls of `measure`, which trains nothing, in a project with tiny data named mnist and a recipe mnist-fast."""
    made = []

    def measure(module: str, *arguments: object) -> pairs.Row:
        made.append((module, *arguments))
        if module == "side":
            return {"seconds": 30.0, "epoch_seconds": 10.0}
        seed = arguments[-1]
        points = [[2.0 + seed, 0.976], [5.0 + seed, 0.978 if seed == 1 else 0.98]]
        return {"curve": points, "precision": "float32", "machine": "an abacus"}

    monkeypatch.setattr(accuracy, "measure", measure)
    for name in ("cnn-5x5", "mlp-wide"):
        shutil.copy(ROOT / f"recipes/{name}.yaml", project / "recipes")
    (project / "recipes/mnist-fast.yaml").write_text(tiny.RECIPE)
    shutil.copy(ROOT / "published.yaml", project)
    CliRunner().invoke(preprocess.app, ["tiny", "--output", "data/processed/mnist"])
    return made


def measure_mnist_fast(*options: str) -> list[str]:
    result = CliRunner().invoke(accuracy.app, ["mnist-fast", *options])
    assert result.exit_code == 0, result.output
    return Path("benchmarks/ACCURACY.md").read_text().splitlines()


def test_ours_and_the_tutorials_are_measured_in_turn(calls: list[tuple[object, ...]]):
    lines = measure_mnist_fast("--pairs", "3")
    pair = [("side", "tutorial", "mnist-mlp-wide", 5, 0), ("side", "tutorial", "mnist-cnn-5x5", 2, 0)]

    assert calls == [call for seed in range(3) for call in [("curve", "mnist-fast", "mnist", seed), *pair]]
    # 30 s for 5 epochs of 5; 30 s for 2 of 6, of which a steady one took 10 s
    one = "5 of 5 epochs | 30.0 (30.0–30.0) | 2 of 2 | 7.0 (5.0–never); best 0.9780 | 4.3 (0.0–6.0) | 3"
    other = "2 of 6 epochs | 70.0 (70.0–70.0) | 1 of 2 | 3.0 (2.0–4.0) | 23.3 (17.5–35.0) | 3"
    assert f"| mnist-fast | mnist-mlp-wide | 0.979 | {one} |" in lines
    assert f"| mnist-fast | mnist-cnn-5x5 | 0.975 | {other} |" in lines
    assert "| mnist-fast | float32 | 2 | 6.0 (5.0–7.0) | 0.9800 (0.9780–0.9800) |" in lines
    assert lines[-1].startswith("Measured on an abacus; ")


def test_a_target_that_is_never_reached(calls: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accuracy, "RIVALS", {"mnist-fast": [accuracy.Rival("mnist-mlp-wide", 5)]})
    Path("published.yaml").write_text("accuracy: {mnist: {mlp-wide: 0.99}}")

    line = "5 of 5 epochs | 30.0 (30.0–30.0) | – | never; best 0.9800 | – | 1"
    assert f"| mnist-fast | mnist-mlp-wide | 0.99 | {line} |" in measure_mnist_fast("--pairs", "1")


def test_pairs_are_kept_as_long_as_the_recipe_is_the_same(calls: list[tuple[object, ...]]):
    measure_mnist_fast("--pairs", "1")
    measure_mnist_fast("--pairs", "2", "--resume")
    assert len(calls) == 2 * 3
    Path("recipes/mnist-fast.yaml").write_text(tiny.RECIPE.replace("16", "32"))
    measure_mnist_fast("--pairs", "1", "--resume")
    assert len(calls) == 3 * 3
    assert len(json.loads(Path("benchmarks/accuracy.json").read_text())["mnist-fast"]["pairs"]) == 1


def test_our_recipe_is_timed_beside_a_tutorial(calls: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accuracy, "measure", pairs.measure)
    monkeypatch.setattr(accuracy, "RIVALS", {"mnist-fast": [accuracy.Rival("mnist-mlp-wide", 2, num_images=120)]})
    Path("published.yaml").write_text("accuracy: {mnist: {mlp-wide: 0.5}}")
    lines = measure_mnist_fast("--pairs", "1")

    beginning = "| mnist-fast | mnist-mlp-wide | 0.5 | 2 of 5 epochs, on 120 images | "
    assert sum(line.startswith(beginning) for line in lines) == 1


def test_an_unknown_recipe_is_refused():
    result = CliRunner().invoke(accuracy.app, ["mnist-fats"])

    assert result.exit_code == 1
    expected = "error: benchmarks: expected one of mnist-fast, fashion-fast, received 'mnist-fats'; choose one\n"
    assert result.stderr == expected


def test_many_runs_have_the_graph_of_the_project(tmp_path: Path):
    runs.write_ours(tmp_path)
    (tmp_path / "params.yaml").write_text(runs.params(100))
    params = Params.load(tmp_path / "params.yaml")

    assert [list(params.runs)[place] for place in (0, 1, -1)] == ["run-001", "run-002", "run-100"]
    assert len(params.runs) == 100
    assert (tmp_path / "dvc.yaml").read_text() == (ROOT / "dvc.yaml").read_text()
    assert (tmp_path / "recipes" / f"{params.runs['run-100'].recipe}.yaml").exists()
    assert (tmp_path / params.datasets["noise"].source).exists()


def test_every_run_has_the_outputs_of_the_first(tmp_path: Path):
    plot = "plots/pictures/run-001/history.png"
    of_the_run = ("models/run-001.keras", "plots/history/run-001.csv", plot)
    for path in (*of_the_run, "plots/samples/noise.png", "data/run-001.npz"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    runs.copy_outputs(tmp_path, 3)

    models = {path.name for path in (tmp_path / "models").iterdir()}
    assert models == {"run-001.keras", "run-002.keras", "run-003.keras"}
    assert (tmp_path / "plots/history/run-003.csv").read_text() == "plots/history/run-001.csv"
    assert (tmp_path / "plots/pictures/run-003/history.png").read_text() == plot
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 3 * len(of_the_run) + 2


def test_toy_runs_are_up_to_date_and_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runs, "REPEATS", 1)
    repository = runs.Repository(tmp_path / "toy")
    runs.write_toy(repository.folder)
    repository.commit_runs(2)

    commands = {command.arguments[-1]: command for command in runs.COMMANDS}
    assert len(repository.time(commands["repro"])) == 1
    (repository.folder / "recipes/noise.yaml").write_text("changed")
    with pytest.raises(InputError, match="expected 'Data and pipelines are up to date"):
        repository.time(commands["status"])


def test_runs_that_are_not_up_to_date_are_not_timed():
    for output in ("", "Running stage 'train@run-001':\nData and pipelines are up to date.\n", "train@run-001:\n"):
        with pytest.raises(InputError, match="expected 'Data and pipelines are up to date"):
            runs.check_up_to_date(output)
    runs.check_up_to_date("Stage 'train@run-001' didn't change, skipping\nData and pipelines are up to date.\n")


def test_the_table_of_many_runs_says_whether_the_goals_are_reached():
    seconds = {("ours", "`dvc status`", count): [count / 10, count / 20, count / 5] for count in runs.COUNTS}
    seconds |= {("ours", "`dvc repro`", 100): [9.0, 10.0, 11.0], ("toy", "`dvc repro`", 100): [6.0]}
    seconds |= {("ours", "`dvc metrics show`", 100): [2.0]}
    lines = runs.text(seconds).splitlines()

    status = "0.1 (0.1–0.2) | 1.0 (0.5–2.0) | 10.0 (5.0–20.0) | – | – | – | ≤ 6 | no"
    assert f"| `dvc status` | {status} |" in lines
    assert "| `dvc repro` | – | – | 10.0 (9.0–11.0) | – | – | 6.0 (6.0–6.0) | ≤ 10 | yes |" in lines
    assert "| `stages.report` | – | – | – | – | – | – | – | – |" in lines


def test_images_from_the_disk_and_from_memory_are_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(streaming, "CASES", (streaming.Case("mlp", 200, 2, 1),))
    result = CliRunner().invoke(streaming.app)

    assert result.exit_code == 0, result.output
    row = json.loads(streaming.MEASUREMENTS.read_text())["mlp 200"]
    [pair] = row["pairs"]
    # the first batch is not timed
    assert {storage: measured["images"] for storage, measured in pair.items()} == {"memory": 368, "disk": 368}
    assert all(measured["seconds"] > 0 for measured in pair.values())
    assert "| mlp | 200 | 0.00 GB | " in streaming.TABLE.read_text()


def test_images_that_memory_may_not_hold_are_timed_from_the_disk_alone():
    measured = {"images": 12_000_000, "seconds": 60, "peak_mb": 901.4, "machine": "a machine"}
    row = {"recipe": "mlp", "images": 12_000_000, "date": "2026-11-22", "pairs": [{"disk": measured}]}

    assert "| mlp | 12,000,000 | 9.41 GB | – | 5.00 (5.00–5.00) | – | 901 |\n" in streaming.text({"large": row})


def test_several_processes_are_timed(project: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copy(ROOT / "recipes/mlp-wide.yaml", project / "recipes")
    CliRunner().invoke(preprocess.app, ["tiny", "--output", "data/processed/mnist"])
    for name, value in (("NAMES", ("mnist-mlp-wide",)), ("COUNTS", (1, 2)), ("ROUNDS", 1), ("EPOCHS", 2)):
        monkeypatch.setattr(workers, name, value)
    result = CliRunner().invoke(workers.app)

    assert result.exit_code == 0, result.output
    [pair] = json.loads(workers.MEASUREMENTS.read_text())["mnist-mlp-wide"]["pairs"]
    assert pair.keys() == {"1", "2"}
    assert pair["1"]["images"] == pair["2"]["images"] > 0
    assert "| `mnist-mlp-wide` | " in workers.TABLE.read_text()


def test_a_measurement_names_the_processor():
    assert re.fullmatch(rf"{os.cpu_count()} cores of \S.*", processor.cores())


def test_what_an_interruption_leaves_is_judged():
    reference = {"models/m.keras": b"model", "plots/history/m.csv": b"header\n1\n2\n"}

    def faults(made: dict[str, bytes], *, must_be_all: bool) -> list[str]:
        return interruptions.wrong(made, reference, must_be_all=must_be_all)

    assert faults(reference, must_be_all=True) == []
    assert faults({"plots/history/m.csv": b"header\n1\n"}, must_be_all=False) == []  # of the first epoch
    assert faults({"plots/history/m.csv": b"header\n1"}, must_be_all=False) == ["wrong plots/history/m.csv"]
    assert faults({"models/m.keras": b"mod"}, must_be_all=False) == ["wrong models/m.keras"]
    assert faults({"models/m.keras": b"model"}, must_be_all=True) == ["missing plots/history/m.csv"]


@pytest.mark.parametrize(
    ("way", "code", "said", "is_right"),
    [
        ("SIGTERM", 143, ["stopped by SIGTERM: nothing"], True),
        ("SIGTERM", 143, ["stopped by SIGTERM: nothing", "Traceback"], False),
        ("SIGTERM", 1, ["stopped by SIGTERM: nothing"], False),
        ("SIGTERM", -15, [], True),  # the command had not begun
        ("Ctrl-C", 130, ["stopped: nothing"], True),
        ("Ctrl-C", 130, [], False),
        ("full disk", 1, ["error: disk: No space left on device"], True),
        ("full disk", 0, ["warning: no checkpoint could be written"], True),
    ],
)
def test_what_a_stage_says_when_it_is_stopped_is_judged(way: str, code: int, said: list[str], is_right: bool):
    assert (interruptions.told_wrong(way, code, said) == []) is is_right


def test_the_table_of_interruptions_counts_the_moments_after_which_all_was_right():
    trials = [
        interruptions.Trial("code", "kill -9", place, -9, faults, [])
        for place, faults in ((0.1, []), (0.2, ["wrong data/code/train.txt"]))
    ]

    assert "\n| code | 1 of 2 | – | – | – |\n" in interruptions.table(trials)
