"""Trainings of a second, for the tests of this folder."""

from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from stages.common.determinism import enable_determinism
from stages.images.rows import FileRows
from stages.model import build
from stages.model.history import Epoch
from stages.model.recipe import Recipe
from stages.training.batches.holdout import Examples
from stages.training.compute import forward
from stages.training.job import TrainingJob
from stages.training.loop import Trainer
from stages.training.runtime.checkpoint import Checkpoint
from stages.training.runtime.workers import Workers
from tests import tiny

PATH = Path("recipes/tiny.yaml")
NUM_IMAGES, BATCHES = 80, 4  # of 20 images each
MLP = tiny.RECIPE
CNN = """\
network: [shift, rescale, conv, norm, pool, flatten, drop]
layers:
  shift: {layer: RandomTranslation, height_factor: 0.1, width_factor: 0.1}
  rescale: {layer: Rescaling, scale: 1/255}
  conv: {layer: Conv2D, filters: 4, kernel_size: 3, activation: relu}
  norm: {layer: BatchNormalization, momentum: 0.8}
  pool: {layer: MaxPooling2D, pool_size: 4}
  flatten: {layer: Flatten}
  drop: {layer: Dropout, rate: 0.3}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 2, batch_size: 20, validation: none, schedule: {name: cosine, warmup_epochs: 0.5}}
"""
ADAM = "{name: adam, learning_rate: 0.01}"
SGD = "{name: sgd, learning_rate: 0.05, momentum: 0.9}"
WILD = "{name: sgd, learning_rate: 6.0}"  # so fast that the last epoch is not the best
BEST = MLP.replace(ADAM, WILD).replace(
    "epochs: 2, batch_size: 20, validation: none", "epochs: 4, batch_size: 20, validation: 40, keep: best"
)
AVERAGE = ("batch_size: 20", "batch_size: 20, ema_decay: 0.3")
VIEWS = f"{CNN}test_time: {{flip: true, shift: 2}}\n"
POOLED = """\
network: [rescale, conv, pool, flatten]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  conv: {layer: Conv2D, filters: 2, kernel_size: 3, activation: relu}
  pool: {layer: MaxPooling2D, pool_size: 2}
  flatten: {layer: Flatten}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 2, batch_size: 20, validation: none}
"""
IN_SHARDS = ("validation: none", "validation: none, shards: 2")


class StopError(Exception):
    """Stands for whatever ends a training."""


class Trained(NamedTuple):
    history: list[Epoch]
    model: keras.Model

    def values(self) -> list[bytes]:
        """Return the values of all variables, to the last bit."""
        return [variable.numpy().tobytes() for variable in self.model.variables]


def changed(recipe: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in recipe
        recipe = recipe.replace(old, new)
    return recipe


def examples(count: int, seed: int) -> Examples:
    images, labels = tiny.digits(count, seed)
    return images[..., None], labels.astype(np.int32)


def on_disk(folder: Path) -> Examples:
    """Return the same images in a file, of which a window has two batches."""
    images, labels = examples(NUM_IMAGES, seed=1)
    np.save(folder / "images.npy", images)
    return FileRows(np.lib.format.open_memmap(folder / "images.npy", mode="r")), labels


def job_of(text: str = MLP, images: Examples | None = None, validation: bool = False, seed: int = 0) -> TrainingJob:
    recipe = Recipe.parse(text, PATH)
    return TrainingJob(
        recipe=recipe,
        seed=seed,
        dtype="float32",
        num_classes=tiny.NUM_CLASSES,
        examples=images or examples(NUM_IMAGES, seed=1),
        validation=examples(40, seed=2) if validation or recipe.training.validation != "none" else None,
    )


def build_model(job: TrainingJob) -> keras.Model:
    """Return the model of a job with the weights that follow from its seed."""
    enable_determinism(job.seed, threads=2)
    return build.build_model(job.recipe, (28, 28, 1), job.num_classes)


def train(
    text: str = MLP,
    *,
    images: Examples | None = None,
    validation: bool = False,
    seed: int = 0,
    on_epoch: Callable[[list[Epoch]], None] = lambda _: None,
    on_tick: Callable[[], None] = lambda: None,
    checkpoint_seconds: float = 1000,
) -> Trained:
    job = job_of(text, images, validation, seed)
    model, checkpoint = build_model(job), Checkpoint("tiny", checkpoint_seconds)
    trainer = Trainer(job, model, build.build_optimizer(job.recipe), checkpoint, Workers())
    try:
        return Trained(trainer.train(on_epoch, on_tick), model)
    finally:
        checkpoint.wait()


def undisturbed(recipe: str = MLP) -> Trained:
    """Train from beginning to end, once for all tests."""
    return _undisturbed(recipe, bool(forward.XLA_LAYERS))


@cache
def _undisturbed(recipe: str, _compiled: bool) -> Trained:
    return train(recipe)


def stop_at(moment: int) -> Callable[[], None]:
    """Return a function for `on_tick` that stops the training at one of its calls, the first being 1."""
    calls = count(1)

    def on_tick() -> None:
        if next(calls) == moment:
            raise StopError

    return on_tick
