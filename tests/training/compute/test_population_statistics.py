"""BatchNormalization's statistics after a training of few steps."""

from pathlib import Path

import keras
import numpy as np
import pytest

from stages.common.determinism import enable_determinism
from stages.images.rows import FileRows
from stages.model import build
from stages.model.history import Epoch
from stages.model.recipe import Recipe
from stages.training.batches.holdout import Examples
from stages.training.compute.population_statistics import PopulationStatistics
from stages.training.job import TrainingJob
from stages.training.loop import Trainer
from stages.training.runtime.checkpoint import Checkpoint
from stages.training.runtime.workers import Workers
from tests.pipeline import ROOT

RECIPE = """\
network: [rescale, norm, conv, norm2, relu, flatten]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  norm: {layer: BatchNormalization}
  conv: {layer: Conv2D, filters: 4, kernel_size: 3, use_bias: false}
  norm2: {layer: BatchNormalization, axis: -1}
  relu: {layer: ReLU}
  flatten: {layer: Flatten}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 4, batch_size: 80, validation: test}
"""


def examples(count: int, seed: int, size: int = 12) -> Examples:
    """Return images of two classes: every other column is bright, or every other row."""
    random = np.random.Generator(np.random.PCG64(seed))
    labels = np.arange(count, dtype=np.int32) % 2
    images = random.integers(0, 60, (count, size, size, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        bright = image[::2] if label else image[:, ::2]
        bright += 150
    return images, labels


def train(text: str = RECIPE, images: Examples | None = None, size: int = 12) -> tuple[list[Epoch], keras.Model]:
    recipe = Recipe.parse(text, Path("recipes/tiny.yaml"))
    enable_determinism(0, threads=2)
    model = build.build_model(recipe, (size, size, 1), 2)
    job = TrainingJob(
        recipe=recipe,
        seed=0,
        dtype="float32",
        num_classes=2,
        examples=images or examples(240, 1, size),
        validation=examples(100, 2, size),
    )
    trainer = Trainer(job, model, build.build_optimizer(recipe), Checkpoint("tiny"), Workers())
    return trainer.train(lambda epochs: None, lambda: None), model


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the moving averages as they are."""
    monkeypatch.setattr(PopulationStatistics, "are_needed", lambda self, num_steps: False)


def train_mnist_fast(change: str) -> tuple[list[Epoch], float]:
    """Train the network of recipes/mnist-fast.yaml, with Keras's own momentum, for twelve steps on separable images.

    Return the history and the accuracy of the model on other images.
    """
    text = (ROOT / "recipes/mnist-fast.yaml").read_text(encoding="utf-8").replace("epochs: 2", "epochs: 12")
    text = text.replace("momentum: 0.9}", "momentum: 0.99}")
    epochs, model = train(text.replace("validation: none", f"validation: test\n  {change}"), size=28)
    images, labels = examples(100, seed=3, size=28)
    return epochs, float((model.predict(images, verbose=0).argmax(axis=1) == labels).mean())


@pytest.mark.parametrize("change", ["", "ema_decay: 0.5"])
def test_separable_images_are_told_apart_after_a_few_steps(change: str):
    epochs, accuracy = train_mnist_fast(change)

    assert epochs[-1].val_accuracy == 1.0
    assert accuracy == 1.0


@pytest.mark.usefixtures("without")
def test_moving_averages_are_wrong_after_a_few_steps():
    epochs, accuracy = train_mnist_fast("")

    assert epochs[-1].accuracy > 0.9
    assert accuracy < 0.7


def test_the_first_epochs_of_a_long_training_are_validated_with_right_statistics():
    """Else `keep: best` and `patience` would judge epochs by averages that no image has."""
    text = RECIPE.replace("epochs: 4, batch_size: 80", "epochs: 1000, batch_size: 120")
    epochs, _ = train(text.replace("validation: test", "validation: folder, patience: 1"))

    assert len(epochs) < 10
    assert max(epoch.val_accuracy or 0.0 for epoch in epochs) > 0.9


def test_the_statistics_are_those_of_the_training_images():
    _, model = train()
    images, _ = examples(240, seed=1)
    norm = model.get_layer("norm")

    assert norm.moving_mean.numpy() == pytest.approx([images.mean() / 255], rel=1e-5)
    assert norm.moving_variance.numpy() == pytest.approx([(images / 255).var()], rel=1e-3)
    assert norm.momentum == 0.99


def test_images_on_the_disk_give_the_same_bits(tmp_path: Path):
    images, labels = examples(240, seed=1)
    np.save(tmp_path / "images.npy", images)
    on_disk = FileRows(np.lib.format.open_memmap(tmp_path / "images.npy", mode="r")), labels
    (expected, model), (actual, other) = train(), train(images=on_disk)

    assert actual == expected
    assert [each.numpy().tobytes() for each in other.variables] == [each.numpy().tobytes() for each in model.variables]


@pytest.mark.parametrize(
    ("num_steps", "momentum", "expected"), [(12, 0.99, True), (12, 0.1, False), (1200, 0.99, False)]
)
def test_only_few_steps_need_them(num_steps: int, momentum: float, expected: bool):
    recipe = Recipe.parse(
        RECIPE.replace("{layer: BatchNormalization", f"{{layer: BatchNormalization, momentum: {momentum}"),
        Path("recipes/tiny.yaml"),
    )
    job = TrainingJob(
        recipe=recipe, seed=0, dtype="float32", num_classes=2, examples=examples(240, seed=1), validation=None
    )
    statistics = PopulationStatistics(job, build.build_model(recipe, (12, 12, 1), 2))

    assert statistics.are_needed(num_steps) is expected


def test_few_steps_are_told_before_the_training(capsys: pytest.CaptureFixture[str]):
    train()
    first = capsys.readouterr().err.splitlines()[0]

    assert first.startswith("warning: recipes/tiny.yaml makes only 12 steps on these 240 images, too few ")
