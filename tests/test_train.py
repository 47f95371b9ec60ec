import csv
import errno
import json
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from stages import train
from stages.images import arrays
from stages.model import build, keras_file
from stages.model import history as history_file
from stages.model.recipe import Recipe
from stages.training import loop
from stages.training.runtime import lock
from tests.commands import run_all
from tests.pipeline import ROOT

RECIPE = Path("recipes/mlp.yaml")
MODEL, LITE = Path("models/tiny-mlp.keras"), Path("models/tiny-mlp.tflite")
HISTORY = Path("plots/history/tiny-mlp.csv")
PARAMS = Path("params.yaml")
DATA = Path("data/processed/tiny")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def history() -> list[dict[str, str]]:
    with HISTORY.open(newline="") as file:
        return list(csv.DictReader(file))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def refused(project: Path, *arguments: str) -> str:
    """Train, which must fail in one line, warnings aside, and write nothing; return the line."""
    before = files(project)
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp", *arguments])
    [line] = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]

    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert files(project) == before
    return line


@pytest.fixture()
def without_arrays(preprocessed: Path) -> Path:
    """A project with the metadata of its dataset but without its images: what is refused here is refused early."""
    for path in preprocessed.rglob("*.npy"):
        path.unlink()
    return preprocessed


def test_a_mistake_in_the_recipe_is_told_while_other_trainings_have_the_cores(
    without_arrays: Path, monkeypatch: pytest.MonkeyPatch
):
    def never_free(_: int) -> None:
        raise AssertionError("it waited for the processor first")

    monkeypatch.setattr(lock, "core_locks", never_free)
    change(RECIPE, "units: 16", "unit: 16")

    assert "unit" in refused(without_arrays)


def test_training_writes_the_model_the_history_and_the_time(preprocessed: Path):
    before = files(preprocessed)
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp"])

    assert result.exit_code == 0, result.output
    made = [path.relative_to(preprocessed) for path in files(preprocessed) if path not in before]
    assert made == [Path("logs/tiny-mlp.json"), MODEL, LITE, HISTORY]
    assert "Total params: 12,730" in result.stdout
    warning, *epochs = result.stderr.splitlines()
    assert warning.startswith("warning: recipes/mlp.yaml makes only 20 steps on these 200 images, ")
    assert [line[:9] for line in epochs] == ["epoch 1/2", "epoch 2/2"]
    assert json.loads(Path("logs/tiny-mlp.json").read_text())["seconds"] > 0


@pytest.mark.parametrize(("validation", "filled"), [("none", False), ("test", True), ("30", True)])
def test_the_history_has_the_same_columns_with_and_without_validation(
    validation: str, filled: bool, preprocessed: Path
):
    change(RECIPE, "validation: none", f"validation: {validation}")
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp"])
    rows = history()

    assert result.exit_code == 0, result.output
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    for row in rows:
        assert (row["val_loss"] != "", row["val_accuracy"] != "") == (filled, filled)
        assert 0 <= float(row["accuracy"]) <= 1
    assert ("validation: loss" in result.stderr) == filled


def test_the_history_is_written_after_each_epoch(preprocessed: Path, monkeypatch: pytest.MonkeyPatch):
    written: list[int] = []
    info = loop.logger.info
    monkeypatch.setattr(loop.logger, "info", lambda *message: (written.append(len(history())), info(*message)))
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp"])

    assert result.exit_code == 0, result.output
    assert written == [1, 2]


def test_who_reads_the_history_during_a_training_always_sees_whole_rows(
    preprocessed: Path, monkeypatch: pytest.MonkeyPatch
):
    change(RECIPE, "epochs: 2, batch_size: 20", "epochs: 40, batch_size: 200")  # one step an epoch
    change(RECIPE, "validation: none", "validation: 30")
    seen: list[str] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            with suppress(FileNotFoundError):  # before the first epoch
                seen.append(HISTORY.read_text())

    reader = threading.Thread(target=read)

    def wait_until_read(*_: object) -> None:
        before = len(seen)
        while len(seen) == before and reader.is_alive():
            time.sleep(0.001)

    monkeypatch.setattr(loop.logger, "info", wait_until_read)  # once an epoch
    reader.start()
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp"])
    ended.set()
    reader.join()

    assert result.exit_code == 0, result.output
    whole = HISTORY.read_text()
    different = set(seen)
    assert len(different) > 10  # it was read while it grew
    assert [text for text in different if not (whole.startswith(text) and text.endswith("\n"))] == []
    assert {len(line.split(",")) for line in whole.splitlines()} == {5}


def test_a_tiny_set_is_learned_by_heart(preprocessed: Path):
    change(RECIPE, "epochs: 2", "epochs: 10")
    CliRunner().invoke(train.app, ["--run", "tiny-mlp"])
    images, labels = arrays.read_split(DATA, "train")
    model = keras_file.load(MODEL, (28, 28, 1), 10)

    assert history()[-1]["accuracy"] == "1.000000"
    assert np.array_equal(model.predict(images, verbose=0).argmax(axis=1), labels)


@pytest.mark.parametrize("views", ["", "test_time: {flip: true, shift: 2}\n"], ids=["one view", "six views"])
def test_weights_alone_fit_the_network_rebuilt_from_its_recipe(views: str, preprocessed: Path):
    change(RECIPE, "training:", f"{views}training:")
    weights = Path("new/folder/tiny.weights.h5")
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp", "--weights", str(weights)])
    images, _ = arrays.read_split(DATA, "test")
    rebuilt = build.build_model(Recipe.load(RECIPE), (28, 28, 1), 10)
    keras_file.load_weights(rebuilt, weights)

    assert result.exit_code == 0, result.output
    expected = keras_file.load(MODEL, (28, 28, 1), 10).predict_on_batch(images)
    assert np.array_equal(rebuilt.predict_on_batch(images), expected)


def test_a_run_edited_meanwhile_is_told_and_another_seed_gives_another_model(
    preprocessed: Path, monkeypatch: pytest.MonkeyPatch
):
    def write_and_edit(*given: object) -> None:
        write(*given)
        PARAMS.write_text(PARAMS.read_text().replace("seed: 0", "seed: 1"))

    write = history_file.write
    with monkeypatch.context() as patch:
        patch.setattr(history_file, "write", write_and_edit)
        result = CliRunner().invoke(train.app, ["--run", "tiny-mlp"])
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "error: params.yaml: runs.tiny-mlp: expected the values it had when the stage began, received "
        "{'dataset': 'tiny', 'recipe': 'mlp', 'seed': 1}; run the command again"
    )
    assert [path for path in (MODEL, LITE) if path.exists()] == []
    first = HISTORY.read_text()
    run_all(preprocessed, (train.app, ["--run", "tiny-mlp"]))
    assert HISTORY.read_text() != first


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_recipe_edited_meanwhile_is_told_and_what_it_began_with_can_be_gone_on_with(
    epochs: int, preprocessed: Path, monkeypatch: pytest.MonkeyPatch
):
    def write_and_edit(*given: object) -> None:
        write(*given)
        change(RECIPE, "units: 16", "units: 17")

    write = history_file.write
    change(RECIPE, "epochs: 2", f"epochs: {epochs}")
    with monkeypatch.context() as patch:
        patch.setattr(history_file, "write", write_and_edit)
        result = CliRunner().invoke(train.app, ["--run", "tiny-mlp", "--checkpoint-seconds", "0"])
    told = "expected the content it had when the stage began, received something else; run the command again"
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, f"error: {RECIPE}: {told}")
    assert [path for path in (MODEL, LITE) if path.exists()] == []

    change(RECIPE, "units: 17", "units: 16")
    again = CliRunner().invoke(train.app, ["--run", "tiny-mlp"])
    assert (again.exit_code, "going on" in again.stderr) == (0, True), again.output


def test_a_comment_added_to_the_recipe_meanwhile_does_not_matter(preprocessed: Path, monkeypatch: pytest.MonkeyPatch):
    write = history_file.write
    monkeypatch.setattr(
        history_file, "write", lambda *given: (write(*given), RECIPE.write_text(f"# mine\n{RECIPE.read_text()}"))
    )
    assert CliRunner().invoke(train.app, ["--run", "tiny-mlp"]).exit_code == 0


def test_weights_before_a_layer_that_rounds_are_told(preprocessed: Path):
    change(RECIPE, "network: [rescale, flatten, hidden]", "network: [rescale, flatten, hidden, codes]")
    codes = "hidden: {layer: Dense, units: 16, activation: relu}\n  codes: {layer: Hashing, num_bins: 8}"
    change(RECIPE, "hidden: {layer: Dense, units: 16, activation: relu}", codes)
    line = refused(preprocessed)
    assert line.startswith(f"error: {RECIPE}: expected weights that the loss changes with, received hidden/kernel, ")


def test_weights_that_cannot_be_written_leave_no_part(preprocessed: Path, monkeypatch: pytest.MonkeyPatch):
    def fill_the_disk(model: keras.Model, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keras.Model, "save_weights", fill_the_disk)
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp", "--weights", "new/tiny.weights.h5"])

    assert result.exit_code == 1
    assert result.stderr.endswith(
        "No space left on device; nothing half-written is left; fix this and run the command again\n"
    )
    assert not MODEL.exists()
    assert list(Path("new").iterdir()) == []


def test_a_loss_that_is_no_number_leaves_no_model(preprocessed: Path):
    change(RECIPE, "{name: adam, learning_rate: 0.01}", "{name: sgd, learning_rate: 1e30}")
    line = refused(preprocessed)

    assert line.startswith("error: recipes/mlp.yaml: expected a finite loss, received NaN or infinity in step ")
    assert line.endswith("; lower optimizer.learning_rate")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "epochs: 2",
            "epoch: 2",
            "training: expected only the keys epochs, batch_size, validation, threads, shards, precision, ",
        ),
        (
            "optimizer: ",
            "optimiser: ",
            "expected only the keys network, layers, optimizer, training, test_time (did you mean",
        ),
        ("epochs: 2", "epochs: two", "training.epochs: expected a whole number, received 'two'"),
        (
            "validation: none",
            "validation: some",
            "training.validation: expected none, test, folder, or a number of training",
        ),
        ("scale: 1/255", "scale: 1/0", "layers.rescale.scale: expected a fraction with a denominator other than zero"),
        ("units: 16", "units: {at: 16}", "layers.hidden.units: expected a number, a text, true, false, null or a list"),
        (
            "units: 16",
            "units: 1_6x",
            "layers.hidden.units: expected a whole number of 1 or more and below 2³¹, rec",
        ),
        ("units: 16", "unit: 16", "layers.hidden: expected an argument of Dense (units, activation, "),
        ("Flatten", "Flaten", "layers.flatten.layer: expected a layer of Keras (did you mean 'Flatten'?), received"),
        ("Flatten", "Lambda", "layers.flatten.layer: expected a layer that plain values configure, received Lambda;"),
        ("hidden]", "hiden]", "network: names described under layers (did you mean 'hidden'?), received 'hiden'"),
        ("hidden]", "flatten]", "network: each name once, since it stands for one layer, received 'flatten'"),
        (", hidden]", "]", "layers: only layers that stand in network, received 'hidden'"),
        ("Flatten", "Flatten, inputs: [hidden]", "layers.flatten.inputs: names that stand before it in the network"),
        ("Flatten", "Flatten, inputs: [image]", "network: a later layer to read each layer but the last, received 'r"),
        ("Flatten", "MaxPooling2D, pool_size: 40", "layers.flatten: expected inputs that MaxPooling2D accepts, rec"),
        (
            "Flatten",
            "Identity",
            "layers.hidden: expected the last layer to give a flat vector for each image, rec",
        ),
        ("Flatten", "Dropout, rate: 0.5, noise_shape: [7, 7]", "layers.flatten: expected inputs that Dropout accept"),
        (
            "training:",
            "test_time: {shift: 28}\ntraining:",
            "test_time.shift: expected fewer pixels than the images have, 28 × 28, received 28; choose a smaller one",
        ),
        ("name: adam", "name: adan", "optimizer.name: expected an optimizer of Keras (did you mean 'adam'?), received"),
        ("learning_rate: 0.01", "learning_rate: -0.01", "optimizer.learning_rate: expected a number above 0, received"),
        (
            "name: adam",
            "name: adam, beta_1: '0.9'",
            "optimizer.beta_1: expected a number of 0 or more and below 1, rec",
        ),
        (
            "units: 16",
            "units: true",
            "layers.hidden.units: expected a whole number of 1 or more and below 2³¹, rec",
        ),
        ("units: 16", "units: 16, use_bias: no", "received 'no'; YAML 1.2 reads it as text, write false"),
        (
            "epochs: 2",
            "epochs: 100000000000000000000000000",
            "epochs: expected less than or equal to 2147483647",
        ),
        ("batch_size: 20", "batch_size: 100000000000000000000", "training.batch_size: expected less than or equal to "),
        ("learning_rate", "lr", "optimizer: expected an argument of Adam (learning_rate, "),
        ("layers:", "layers: {", "expected YAML, received"),
        ("optimizer: {name: adam, learning_rate: 0.01}", "", "optimizer: expected a value, received nothing; edit the"),
    ],
)
def test_wrong_recipes_are_refused_before_an_array_is_opened(old: str, new: str, expected: str, without_arrays: Path):
    change(RECIPE, old, new)
    line = refused(without_arrays)

    assert line.startswith("error: recipes/mlp.yaml")
    assert expected in line


def test_the_reason_of_keras_is_told(without_arrays: Path):
    change(RECIPE, "layer: Flatten", "layer: MaxPooling2D, pool_size: 40")

    assert "received the shape (28, 28, 1): Computed output size would be zero or negative." in refused(without_arrays)


def test_the_terminal_shows_that_one_line_alone(without_arrays: Path):
    change(RECIPE, "layer: Flatten", "layer: Reshape, target_shape: [5]")
    command = [sys.executable, "-m", "stages.train", "--run", "tiny-mlp"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    [line] = done.stderr.splitlines()

    assert (done.returncode, done.stdout) == (1, "")
    assert line.startswith("error: recipes/mlp.yaml: layers.flatten: expected inputs that Reshape accepts, received")


def test_a_missing_recipe_is_refused_with_the_ones_there_are(without_arrays: Path):
    change(Path("params.yaml"), "recipe: mlp", "recipe: cnn")
    line = refused(without_arrays)

    assert line == "error: recipes/cnn.yaml: expected a file of this name, received none; choose one of mlp"


def test_more_cannot_be_held_out_than_there_is(preprocessed: Path):
    change(RECIPE, "validation: none", "validation: 200")

    assert "training.validation: expected fewer than the 200 training images" in refused(preprocessed)


def test_missing_arrays_are_told(without_arrays: Path):
    assert "train_images.npy: expected an array, received none; run the preprocess stage" in refused(without_arrays)


def test_a_dataset_that_was_not_preprocessed_is_told(project: Path):
    assert "dataset.json: expected the description of a dataset, received none; run dvc repro" in refused(project)


@pytest.mark.parametrize("place", [MODEL, LITE, HISTORY, Path("logs/tiny-mlp.json"), Path("some.weights.h5")])
def test_an_output_that_cannot_be_written_is_told_before_the_training(preprocessed: Path, place: Path):
    place.mkdir(parents=True)
    line = refused(preprocessed, "--weights", "some.weights.h5")
    assert line.startswith(f"error: {place}: Is a directory; ")


def test_weights_need_the_name_that_keras_wants(without_arrays: Path):
    line = refused(without_arrays, "--weights", "tiny.h5")

    assert line == ("error: --weights: expected a name that ends in .weights.h5, received tiny.h5; choose another name")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "epochs: 2",
            "epochs: 1000000000",
            "training.epochs: expected at most 100000000 steps, which are 10000000 epochs",
        ),
        (
            "name: adam",
            "name: adam, gradient_accumulation_steps: 21",
            "optimizer.gradient_accumulation_steps: expected no more than the 20 steps of the training, received 21",
        ),
        (
            "layer: Dense, units: 16, activation: relu",
            "layer: Discretization, bin_boundaries: [1], output_mode: one_hot",
            "expected the last layer to give a flat vector",
        ),
    ],
)
def test_a_recipe_that_does_not_suit_the_data_is_refused(old: str, new: str, expected: str, preprocessed: Path):
    change(RECIPE, old, new)
    line = refused(preprocessed)

    assert line.startswith("error: recipes/mlp.yaml: ")
    assert expected in line


def test_what_tensorflow_refuses_in_a_step_is_one_line(preprocessed: Path):
    change(RECIPE, "hidden]", "words, pool]")
    change(RECIPE, "{layer: Dense, units: 16, activation: relu}", "{layer: GlobalAveragePooling1D}")
    change(RECIPE, "  hidden", "  words: {layer: Embedding, input_dim: 1, output_dim: 2}\n  pool")
    change(RECIPE, "scale: 1/255", "scale: 1")
    line = refused(preprocessed)

    assert line.startswith("error: recipes/mlp.yaml: layers.words: expected values that TensorFlow can train with, ")
    assert "is not in [0, 1); change the layer or the one before" in line


def test_memory_that_runs_out_in_a_step_is_told(preprocessed: Path, monkeypatch: pytest.MonkeyPatch):
    def run_out(*_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(loop.Trainer, "train", run_out)

    assert refused(preprocessed) == (
        "error: memory: the system has no more to give; close other programs and run the command again"
    )


def test_a_full_disk_is_told_leaves_no_part_and_changes_no_byte(preprocessed: Path):
    """The history fits on the disk, the model and the checkpoint do not."""
    before = files(preprocessed)
    done = subprocess.run(
        [sys.executable, "-m", "stages.train", "--run", "tiny-mlp", "--checkpoint-seconds", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [
        line
        for line in done.stderr.splitlines()
        if not line.startswith(("epoch", "no checkpoint could be", "warning: "))
    ]
    left = [path.relative_to(preprocessed) for path in files(preprocessed) if path not in before]

    assert (done.returncode, len(lines)) == (1, 1), done.stderr
    assert lines[0].startswith("error: ")
    assert lines[0].endswith("File too large; nothing half-written is left; fix this and run the command again")
    assert left == [Path("logs/tiny-mlp.json"), HISTORY]

    after, undisturbed = (trained_anew() for _ in range(2))
    assert after == undisturbed


def trained_anew() -> tuple[bytes, bytes]:
    """Train, and return the bytes of the model and the history."""
    MODEL.unlink(missing_ok=True)
    HISTORY.unlink()
    result = CliRunner().invoke(train.app, ["--run", "tiny-mlp"])
    assert result.exit_code == 0, result.output
    return MODEL.read_bytes(), HISTORY.read_bytes()
