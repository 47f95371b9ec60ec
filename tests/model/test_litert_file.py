import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stages import download, preprocess, train
from stages.common.errors import InputError
from stages.images import arrays
from stages.model import build, keras_file, litert_file
from tests import tiny
from tests.commands import run_all
from tests.model.test_build import branch, random_images, recipe
from tests.model.test_keras_file import CNN, PARAMS, VIEWS
from tests.pipeline import ROOT

SHAPE, NUM_CLASSES = (8, 8, 3), 4
RUNS = ("tiny-mlp", "tiny-cnn", "tiny-views")
TRAIN = """\
import sys
from stages import train

for run in sys.argv[1:]:
    train.app(["--run", run], standalone_mode=False)
"""


def differences(
    keras_says: npt.NDArray[np.float32], lite_says: npt.NDArray[np.float32]
) -> tuple[float, npt.NDArray[np.intp]]:
    """Return the largest difference, and which images are of another class though Keras's best two differ by more."""
    best, second = -np.sort(-keras_says)[:, :2].T
    other = keras_says.argmax(axis=1) != lite_says.argmax(axis=1)
    return float(abs(keras_says - lite_says).max()), np.flatnonzero(other & (best - second > 1e-3))


def compare(folder: Path, run: str, images: npt.NDArray[np.uint8]) -> None:
    keras_model = keras_file.load(folder / f"models/{run}.keras", images.shape[1:], 10)
    lite_model = litert_file.load(folder / f"models/{run}.tflite", images.shape[1:], 10)
    furthest, of_another_class = differences(
        keras_model.predict(images, verbose=0), litert_file.predict(lite_model, images)
    )

    assert furthest < 1e-3
    assert of_another_class.tolist() == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an MLP, a CNN with what acts in training only and a sum of two layers, and it asked of views."""
    project = tiny.write_project(tmp_path_factory.mktemp("trained"))
    (project / "params.yaml").write_text(PARAMS)
    (project / "recipes/cnn.yaml").write_text(CNN)
    (project / "recipes/views.yaml").write_text(VIEWS)
    run_all(project, (preprocess.app, ["tiny"]), *((train.app, ["--run", run]) for run in RUNS))
    return project


@pytest.mark.parametrize("run", RUNS)
def test_a_trained_run_says_the_same_in_litert(run: str, trained: Path):
    images, _ = arrays.read_split(trained / "data/processed/tiny", "test")

    compare(trained, run, images)


@pytest.mark.network
def test_mnist_is_told_the_same_in_litert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """All 10,000 test images, by an MLP and a CNN."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "recipes").mkdir()
    shutil.copy(ROOT / "datasets/mnist.yaml", tmp_path / "datasets")
    for name in ("mlp-wide", "cnn-small"):
        text = (ROOT / f"recipes/{name}.yaml").read_text()
        (tmp_path / f"recipes/{name}.yaml").write_text(text.replace("epochs: 5", "epochs: 1"))
    runs = "".join(f"  {name}: {{dataset: mnist, recipe: {name}, seed: 0}}\n" for name in ("mlp-wide", "cnn-small"))
    params = f"downloads: [mnist]\ndatasets: {{mnist: {{source: data/raw/mnist}}}}\nruns:\n{runs}"
    (tmp_path / "params.yaml").write_text(params)
    if (ROOT / "data/raw/mnist").is_dir():
        monkeypatch.setenv("DATASETS_FROM", str(ROOT / "data/raw"))
    made = [(train.app, ["--run", name]) for name in ("mlp-wide", "cnn-small")]
    run_all(tmp_path, (download.app, ["mnist"]), (preprocess.app, ["mnist"]), *made)
    images, _ = arrays.read_split(tmp_path / "data/processed/mnist", "test")

    assert images.shape == (10_000, 28, 28, 1)
    for name in ("mlp-wide", "cnn-small"):
        compare(tmp_path, name, images)


def test_another_process_makes_the_same_bytes(trained: Path, tmp_path: Path):
    """In another order, so that none depends on what was trained before it."""
    paths = [trained / f"models/{run}.tflite" for run in RUNS]
    expected = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    command = [sys.executable, "-c", TRAIN, *RUNS[1:], RUNS[0]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "STAGES_CACHE": str(tmp_path)}
    done = subprocess.run(command, cwd=trained, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert [path.read_bytes() for path in paths] == expected
    assert all(line.startswith(("epoch ", "warning: recipes/")) for line in done.stderr.splitlines()), done.stderr


# what LiteRT has no operation for, and which
LACKED = {
    "AdaptiveAveragePooling3D": "AvgPool3D",
    "AdaptiveMaxPooling3D": "MaxPool3D",
    "AveragePooling3D": "AvgPool3D",
    "CategoryEncoding": "DenseBincount",
    "Hashing": "AsString, StringToHashBucketFast",
    "MaxPooling3D": "MaxPool3D",
}
# one of each kind of layer that LiteRT has; all were tried once, which takes a minute
TRIED = (
    "AugMix", "BatchNormalization", "Conv2DTranspose", "Dropout", "GaussianNoise", "GroupNormalization", "LSTM",
    "MultiHeadAttention", "Normalization", "RandomFlip", "RandomHue", "RandomRotation", "Resizing", "SeparableConv2D",
    "UpSampling2D",
)  # fmt: skip


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("name", TRIED)
def test_a_layer_says_the_same_in_litert(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    model = build.build_model(recipe(branch(name)), SHAPE, NUM_CLASSES)
    images = random_images(8)
    state = [np.array(variable) for variable in model.variables]
    litert_file.save(litert_file.convert(model), tmp_path / "model.tflite")
    lite_says = litert_file.predict(litert_file.load(tmp_path / "model.tflite", SHAPE, NUM_CLASSES), images)

    assert all(np.array_equal(before, now) for before, now in zip(state, model.variables, strict=True))
    assert np.allclose(model(images.astype(np.float32), training=False), lite_says, atol=1e-4)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("name", LACKED)
def test_a_network_that_litert_cannot_have_leaves_an_empty_file_and_a_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    path = tmp_path / "model.tflite"
    litert_file.save(litert_file.convert(build.build_model(recipe(branch(name)), SHAPE, NUM_CLASSES)), path)
    [line] = capfd.readouterr().err.splitlines()

    assert not litert_file.exists(path)
    expected = f"LiteRT lacks {LACKED[name]}, so there is no LiteRT model; predict will use the Keras model"
    assert line == expected


@pytest.mark.parametrize(("shape", "num_classes"), [((32, 32, 3), 10), ((28, 28, 1), 7)])
def test_a_model_of_another_dataset_is_refused(shape: tuple[int, int, int], num_classes: int, trained: Path):
    with pytest.raises(InputError, match=r"tiny-mlp\.tflite: expected the shapes of its dataset, .* received"):
        litert_file.load(trained / "models/tiny-mlp.tflite", shape, num_classes)


@pytest.mark.parametrize("keep", [1, 100, -100])
def test_a_damaged_model_is_refused(keep: int, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    path = tmp_path / "damaged.tflite"
    path.write_bytes((trained / "models/tiny-mlp.tflite").read_bytes()[:keep])

    with pytest.raises(InputError, match=r"damaged\.tflite: expected a model in LiteRT's format, received a damaged"):
        litert_file.load(path, (28, 28, 1), 10)
    assert capfd.readouterr().err == ""


def test_what_was_not_trained_is_told(tmp_path: Path):
    with pytest.raises(
        InputError, match=r"tiny\.tflite: expected a trained model, received none; run dvc repro train@"
    ):
        litert_file.exists(tmp_path / "tiny.tflite")
