"""BatchNormalization's statistics after a training of few steps."""

from pathlib import Path

import numpy as np
import pytest

from stages.common.determinism import enable_determinism
from stages.images.rows import FileRows
from stages.model import build
from stages.model.recipe import Recipe
from stages.training.batches.holdout import Examples
from stages.training.compute import population_statistics
from stages.training.job import TrainingJob
from stages.training.loop import Trainer
from stages.training.runtime.checkpoint import Checkpoint
from stages.training.runtime.workers import Workers

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


def examples(count: int, seed: int) -> Examples:
    """Return images of two classes: the left or the right half is bright."""
    random = np.random.Generator(np.random.PCG64(seed))
    labels = np.arange(count, dtype=np.int32) % 2
    images = random.integers(0, 60, (count, 12, 12, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 6 * label : 6 * label + 6] += 150
    return images, labels


def train(text: str = RECIPE, images: Examples | None = None, dtype: str = "float32"):
    recipe = Recipe.parse(text, Path("recipes/tiny.yaml"))
    enable_determinism(0, threads=2)
    model = build.build_model(recipe, (12, 12, 1), 2)
    job = TrainingJob(
        recipe=recipe,
        seed=0,
        dtype=dtype,
        num_classes=2,
        examples=images or examples(240, seed=1),
        validation=examples(100, seed=2),
    )
    trainer = Trainer(job, model, build.build_optimizer(recipe), Checkpoint("tiny"), Workers())
    return trainer.train(lambda epochs: None, lambda: None), model


@pytest.mark.parametrize("change", ["", ", shards: 2", ", ema_decay: 0.5", ", keep: last"])
def test_separable_images_are_told_apart_after_a_few_steps(change: str):
    """Without, the training logs an accuracy of 1 and the saved model scores 0.5."""
    epochs, model = train(RECIPE.replace("validation: test", f"validation: test{change}"))
    images, labels = examples(100, seed=3)

    assert epochs[-1].accuracy > 0.9
    assert epochs[-1].val_accuracy == 1.0
    assert (model.predict(images, verbose=0).argmax(axis=1) == labels).mean() == 1.0


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


@pytest.mark.parametrize(("epochs", "momentum", "expected"), [(4, 0.99, True), (4, 0.1, False), (400, 0.99, False)])
def test_only_short_trainings_need_them(epochs: int, momentum: float, expected: bool):
    text = RECIPE.replace("epochs: 4", f"epochs: {epochs}")
    text = text.replace("{layer: BatchNormalization", f"{{layer: BatchNormalization, momentum: {momentum}")
    recipe = Recipe.parse(text, Path("recipes/tiny.yaml"))
    job = TrainingJob(
        recipe=recipe, seed=0, dtype="float32", num_classes=2, examples=examples(240, seed=1), validation=None
    )

    assert population_statistics.are_needed(job, build.build_model(recipe, (12, 12, 1), 2)) is expected


def test_few_steps_are_told_before_the_training(capsys: pytest.CaptureFixture[str]):
    train()
    first = capsys.readouterr().err.splitlines()[0]

    assert first.startswith("warning: recipes/tiny.yaml makes only 12 steps on these 240 images, too few ")
