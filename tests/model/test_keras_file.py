import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stages import evaluate, preprocess, train
from stages.common.errors import InputError
from stages.images import arrays
from stages.model import build, keras_file
from stages.model.recipe import Recipe
from tests import tiny
from tests.pipeline import ROOT

RUNS = ("tiny-mlp", "tiny-cnn", "tiny-views")
SHAPE = (28, 28, 1)
CNN = """\
network: [shift, rescale, conv1, norm, conv2, add, drop, pool]
layers:
  shift: {layer: RandomTranslation, height_factor: 0.1, width_factor: 0.1}
  rescale: {layer: Rescaling, scale: 1/255}
  conv1: {layer: Conv2D, filters: 4, kernel_size: 3, padding: same, activation: relu}
  norm: {layer: BatchNormalization}
  conv2: {layer: Conv2D, filters: 4, kernel_size: 3, padding: same, activation: relu}
  add: {layer: Add, inputs: [norm, conv2]}
  drop: {layer: Dropout, rate: 0.25}
  pool: {layer: GlobalAveragePooling2D}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 2, batch_size: 20, validation: 20}
"""
VIEWS = f"{CNN}test_time: {{flip: true, shift: 2}}\n"
PARAMS = f"""\
{tiny.PARAMS}  tiny-cnn: {{dataset: tiny, recipe: cnn, seed: 3}}
  tiny-views: {{dataset: tiny, recipe: views, seed: 3}}
"""
PLAIN_KERAS = """\
import json, sys
sys.modules["stages"] = None  # importing it would fail
import keras
import numpy as np

images = np.load("test_images.npy", mmap_mode="r")
labels = np.load("test_labels.npy")
answers = {}
for path in sys.argv[1:]:
    model = keras.saving.load_model(path)
    probabilities = model.predict(images, verbose=0)
    called = np.asarray(model(np.asarray(images), training=False))
    answers[path] = {
        "dtype": str(probabilities.dtype),
        "weights": sorted({weight.dtype for weight in model.trainable_weights}),
        "policies": sorted({layer.dtype_policy.name for layer in model.layers}),
        "input": str(model.input.dtype),
        "compiled": model.compiled,
        "sums": [float(probabilities.sum(axis=1).min()), float(probabilities.sum(axis=1).max())],
        "called": float(abs(called - probabilities).max()),
        "errors": int((probabilities.argmax(axis=1) != labels).sum()),
        "loss": float(-np.log(probabilities[np.arange(len(labels)), labels]).mean()),
        "parameters": model.count_params(),
    }
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an MLP, a CNN and the CNN asked about several views, trained and scored."""
    project = tiny.write_project(tmp_path_factory.mktemp("trained"))
    (project / "params.yaml").write_text(PARAMS)
    (project / "recipes/cnn.yaml").write_text(CNN)
    (project / "recipes/views.yaml").write_text(VIEWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        commands = [(preprocess.app, ["tiny"])]
        commands += [(stage.app, ["--run", run]) for run in RUNS for stage in (train, evaluate)]
        for app, arguments in commands:
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, result.output
    return project


def test_models_open_in_a_python_that_knows_only_keras(trained: Path):
    paths = [str(trained / f"models/{run}.keras") for run in RUNS]
    command = [sys.executable, "-I", "-c", PLAIN_KERAS, *paths]
    done = subprocess.run(command, cwd=trained / "data/processed/tiny", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)

    for run, path in zip(RUNS, paths, strict=True):
        metrics = json.loads((trained / f"metrics/{run}.json").read_text())
        answer = answers[path]
        assert tuple(answer[key] for key in ("dtype", "weights", "policies", "input")) == (
            "float32",
            ["float32"],
            ["float32"],
            "float32",
        )
        assert not answer["compiled"]
        assert answer["sums"] == pytest.approx([1, 1], abs=1e-6)
        assert answer["called"] < 1e-6
        assert (answer["errors"], answer["parameters"]) == (metrics["errors"], metrics["parameters"])
        assert metrics["loss"] == pytest.approx(answer["loss"], abs=1e-5)


@pytest.mark.parametrize("run", RUNS)
def test_the_same_run_has_the_same_bytes(run: str, trained: Path, monkeypatch: pytest.MonkeyPatch):
    path = trained / f"models/{run}.keras"
    expected = path.read_bytes()
    monkeypatch.chdir(trained)
    result = CliRunner().invoke(train.app, ["--run", run])

    assert result.exit_code == 0, result.output
    assert path.read_bytes() == expected


def test_another_process_makes_the_same_bytes(trained: Path):
    path = trained / "models/tiny-cnn.keras"
    expected = path.read_bytes()
    path.unlink()
    command = [sys.executable, "-m", "stages.train", "--run", "tiny-cnn"]
    done = subprocess.run(
        command, cwd=trained, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == expected


def test_another_seed_makes_other_bytes(trained: Path, monkeypatch: pytest.MonkeyPatch):
    path = trained / "models/tiny-mlp.keras"
    before = path.read_bytes()
    params = trained / "params.yaml"
    monkeypatch.chdir(trained)
    params.write_text(params.read_text().replace("seed: 0", "seed: 1"))
    CliRunner().invoke(train.app, ["--run", "tiny-mlp"])

    assert before != path.read_bytes()
    path.write_bytes(before)
    params.write_text(params.read_text().replace("seed: 1", "seed: 0"))


def test_a_model_holds_no_time_and_no_address(trained: Path):
    with zipfile.ZipFile(trained / "models/tiny-cnn.keras") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        text = archive.read("config.json") + archive.read("metadata.json")
    assert b"date_saved" not in text
    assert b"shared_object_id" not in text


@pytest.mark.usefixtures("deterministic")
def test_a_model_that_carries_code_is_refused(tmp_path: Path):
    import keras

    image = keras.Input(SHAPE)
    answer = keras.layers.Dense(10)(keras.layers.Flatten()(keras.layers.Lambda(lambda image: 2 * image)(image)))
    path = tmp_path / "lambda.keras"
    keras.Model(image, answer).save(path)

    with pytest.raises(InputError, match=r"safe to load, received Requested .* `Lambda` layer whose .*lambda; run"):
        keras_file.load(path, SHAPE, 10)


@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_damaged_model_is_refused(keep: int, trained: Path, tmp_path: Path):
    path = tmp_path / "damaged.keras"
    path.write_bytes((trained / "models/tiny-mlp.keras").read_bytes()[:keep])

    with pytest.raises(InputError, match=r"damaged\.keras: expected a model in .*, received a damaged file;"):
        keras_file.load(path, SHAPE, 10)


def test_a_model_that_would_fill_the_memory_is_refused(tmp_path: Path):
    path = tmp_path / "zeros.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("model.weights.h5", "w") as file:
        for _ in range(20):
            file.write(bytes(1 << 20))
    with pytest.raises(
        InputError, match=r"zeros\.keras: .*received an archive of .* bytes that unpacks to 20,971,520;"
    ):
        keras_file.load(path, (28, 28, 1), 10)


def test_a_missing_model_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.keras: expected a trained model, received none; run dvc repro"):
        keras_file.load(tmp_path / "none.keras", SHAPE, 10)


@pytest.mark.parametrize(("shape", "num_classes"), [((32, 32, 3), 10), (SHAPE, 7)])
def test_a_model_of_another_dataset_is_refused(shape: tuple[int, int, int], num_classes: int, trained: Path):
    with pytest.raises(InputError, match=r"tiny-mlp\.keras: expected the shapes of its dataset, .* received"):
        keras_file.load(trained / "models/tiny-mlp.keras", shape, num_classes)


def test_weights_alone_give_the_same_probabilities(trained: Path, tmp_path: Path):
    model = keras_file.load(trained / "models/tiny-cnn.keras", SHAPE, 10)
    path = tmp_path / "cnn.weights.h5"
    model.save_weights(path)
    rebuilt = build.build_model(Recipe.load(trained / "recipes/cnn.yaml"), SHAPE, 10)
    images, _ = arrays.read_split(trained / "data/processed/tiny", "test")
    before = rebuilt.predict_on_batch(images)
    keras_file.load_weights(rebuilt, path)

    assert not np.array_equal(before, model.predict_on_batch(images))
    assert np.array_equal(rebuilt.predict_on_batch(images), model.predict_on_batch(images))


@pytest.mark.parametrize("kind", ["of another network", "damaged", "missing"])
def test_wrong_weights_are_refused(kind: str, trained: Path, tmp_path: Path):
    path = tmp_path / "some.weights.h5"
    if kind == "of another network":
        keras_file.load(trained / "models/tiny-mlp.keras", SHAPE, 10).save_weights(path)
    if kind == "damaged":
        path.write_bytes(b"\x89HDF\r\n")
    rebuilt = build.build_model(Recipe.load(trained / "recipes/cnn.yaml"), SHAPE, 10)

    with pytest.raises(InputError, match=r"some\.weights\.h5: expected (weights that fit|a weights file)"):
        keras_file.load_weights(rebuilt, path)
