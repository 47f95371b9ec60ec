"""Time one side of a pair, the tutorial's or ours, and print the times as JSON.

    python -m benchmarks.side ours mnist-mlp 5

Each side has a process of its own, since threads and precision can be set only once in a process. The clock runs from
the call of `fit`, or the creation of the trainer, to the last validation, compilation included.
"""

import json
import math
import platform
import time
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from benchmarks import processor
from benchmarks.systems import SYSTEMS, System
from stages.common import console

if TYPE_CHECKING:
    import keras

    from stages.common.params import Run
    from stages.images.arrays import Split
    from stages.model.history import Epoch
    from stages.model.recipe import Recipe
    from stages.training.batches.holdout import Examples
    from stages.training.loop import Trainer
    from stages.training.runtime.workers import Workers

SIZE, REPEATS = 2048, 20  # of the matrix product

app = console.new_app()


class Side(StrEnum):
    """Training loop that is timed."""

    TUTORIAL = "tutorial"
    OURS = "ours"


class NewTrainer(NamedTuple):
    """Trainer that has not trained yet.

    Attributes:
        trainer: Trainer of stages/train.py.
        model: Keras model that it trains.
        dtype: Type of convolutions and matrix products, "float32" or "bfloat16".
        started: Reading of `time.monotonic` when the model was built, before the trainer was created.
    """

    trainer: "Trainer"
    model: "keras.Model"
    dtype: str
    started: float


class Trained(NamedTuple):
    """Training by our loop; times are seconds since the creation of the trainer began.

    Attributes:
        model: Trained Keras model.
        dtype: Type of convolutions and matrix products, "float32" or "bfloat16".
        history: Entry for each epoch.
        steps_ends: End of the last step of each epoch.
        epoch_ends: End of each epoch, its validation included.
        seconds: End of the training.
    """

    model: "keras.Model"
    dtype: str
    history: "list[Epoch]"
    steps_ends: list[float]
    epoch_ends: list[float]
    seconds: float


@app.command()
@console.command
def main(
    side: Side,
    name: str,
    epochs: int,
    images: Annotated[int, typer.Argument(help="Number of training images, the first ones; 0: all.")] = 0,
) -> None:
    """Train a system on one side, and print the times."""
    measure = {Side.TUTORIAL: measure_tutorial, Side.OURS: measure_ours}[side]
    typer.echo(json.dumps(measure(SYSTEMS[name], epochs, images)))


def measure_tutorial(system: System, epochs: int, num_images: int) -> dict[str, Any]:
    """Time the tutorial's `fit`.

    Args:
        system: System to train.
        epochs: Number of epochs.
        num_images: Number of training images; 0: all.
    """
    from stages.common.environment import fix_environment

    fix_environment()
    import keras
    import numpy as np

    from benchmarks.tutorials import TUTORIALS
    from stages.images import arrays

    splits = [_first(arrays.read_split(system.run.arrays, split), split, num_images) for split in arrays.SPLITS]
    # arrays in memory without channels, as Keras's load_data returns them
    train, test = ((np.array(images)[..., 0], np.array(labels)) for images, labels in splits)
    model, arguments = TUTORIALS[system.run.name](train, test)
    epoch_ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epoch_ends.append(time.monotonic()))
    started = time.monotonic()
    model.fit(**arguments, epochs=epochs, verbose=0, callbacks=[clock])
    return _times(time.monotonic() - started, epoch_ends)


def measure_ours(system: System, epochs: int, num_images: int) -> dict[str, Any]:
    """Time the trainer of stages/train.py, and for a large system its GFLOP/s.

    Args:
        system: System to train.
        epochs: Number of epochs.
        num_images: Number of training images; 0: all.
    """
    from stages.model.recipe import Recipe
    from stages.training.batches.holdout import load_examples

    recipe = with_training(Recipe.load(system.run.recipe_path), epochs=epochs)
    train, test = load_examples(system.run.arrays, recipe)
    examples, validation = _first(train, "train", num_images), test and _first(test, "test", num_images)
    trained = train_ours(system.run, recipe, examples, validation)
    times = _times(trained.seconds, trained.epoch_ends) | {"precision": trained.dtype, "machine": machine()}
    return times | (_flops(trained, len(examples[1])) if system.is_large else {})


def with_training(recipe: "Recipe", **changes: object) -> "Recipe":
    """Return a copy of a recipe with other values of keys under `training`."""
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=changes)})


def create_trainer(
    recipe: "Recipe",
    seed: int,
    num_classes: int,
    examples: "tuple[Examples, Examples | None]",
    workers: "Workers",
    checkpoint_seconds: float,
) -> NewTrainer:
    """Build the model and optimizer of a recipe, and create their trainer as stages/train.py does.

    Args:
        recipe: Recipe of the network and its training.
        seed: Seed of every random number, 0…2³² - 1.
        num_classes: Number of classes.
        examples: Training examples, and validation examples or None.
        workers: Processes that train together; they are joined here.
        checkpoint_seconds: Seconds between two checkpoints.
    """
    from stages.common.determinism import enable_determinism
    from stages.model import build
    from stages.training.job import TrainingJob
    from stages.training.runtime import precision
    from stages.training.runtime.checkpoint import Checkpoint

    enable_determinism(seed, recipe.training.threads, recipe.training.shards, workers.join)
    from stages.training.loop import Trainer  # imports TensorFlow, whose log was hidden just now

    train, validation = examples
    height, width, channels = train[0].shape[1:]
    model = build.build_model(recipe, (height, width, channels), num_classes)
    optimizer = build.build_optimizer(recipe)
    job = TrainingJob(
        recipe=recipe,
        seed=seed,
        dtype=precision.supported(recipe.training.precision),
        num_classes=num_classes,
        examples=train,
        validation=validation,
        layout=(workers.count, workers.replicas),
    )
    started = time.monotonic()
    trainer = Trainer(job, model, optimizer, Checkpoint("benchmark", checkpoint_seconds), workers)
    return NewTrainer(trainer, model, job.dtype, started)


def train_ours(run: "Run", recipe: "Recipe", examples: "Examples", validation: "Examples | None") -> Trained:
    """Train with the trainer of stages/train.py, and time each epoch.

    Args:
        run: Run whose dataset and seed are used.
        recipe: Recipe to train, in place of the run's own.
        examples: Training examples of the run's dataset, as `load_examples` returns them.
        validation: Validation examples of the same form, scored after each epoch, or None.
    """
    from stages.common import paths
    from stages.images import arrays
    from stages.model import history
    from stages.training.runtime.workers import Workers

    num_classes = len(arrays.read_info(run.arrays).classes)
    path = paths.cache_folder() / "history.csv"
    trainer, model, dtype, started = create_trainer(
        recipe, run.seed, num_classes, (examples, validation), Workers(), checkpoint_seconds=10
    )
    ticks: list[float] = []
    steps_ends: list[float] = []
    epoch_ends: list[float] = []

    def end_epoch(epochs: "list[Epoch]") -> None:
        history.write(path, epochs)
        steps_ends.append(ticks[-2])  # the last tick follows the validation, the one before it the last step
        epoch_ends.append(time.monotonic() - started)

    epochs = trainer.train(end_epoch, on_tick=lambda: ticks.append(time.monotonic() - started))
    return Trained(
        model=model,
        dtype=dtype,
        history=epochs,
        steps_ends=steps_ends,
        epoch_ends=epoch_ends,
        seconds=time.monotonic() - started,
    )


def forward_flops(model: "keras.Model") -> int:
    """Return the additions and multiplications of a network's convolutions and dense layers for one image."""
    from stages.model import test_time

    kernels = [layer for layer in test_time.classifier_of(model).layers if hasattr(layer, "kernel")]
    return sum(2 * math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1]) for layer in kernels)


def best_product(dtype: str) -> float:
    """Return the GFLOP/s of the fastest of REPEATS matrix products, on the threads of the training."""
    import tensorflow as tf

    left, right = (tf.cast(tf.random.stateless_normal([SIZE, SIZE], [seed, 0]), dtype) for seed in (1, 2))
    seconds = []
    for _ in range(REPEATS):
        started = time.monotonic()
        tf.linalg.matmul(left, right)[0, 0].numpy()  # reading one number waits for all of them
        seconds.append(time.monotonic() - started)
    return 2 * SIZE**3 / min(seconds) / 1e9


def machine() -> str:
    """Return cores, processor and versions of this machine."""
    import keras
    import numpy as np
    import tensorflow as tf

    from stages.training.runtime import precision

    bfloat16 = "with" if precision.supported("bfloat16") == "bfloat16" else "without"
    versions = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    return f"{processor.cores()} {bfloat16} bfloat16; {versions}, NumPy {np.__version__}"


def _first(examples: Any, split: "Split", num_images: int) -> Any:
    """Return the first training examples, or a sixth as many test examples; all of them for 0 images."""
    count = (num_images if split == "train" else num_images // 6) or None
    return tuple(array[:count] for array in examples)


def _times(seconds: float, epoch_ends: list[float]) -> dict[str, Any]:
    lengths = [end - start for start, end in pairwise(epoch_ends)]
    return {"seconds": seconds, "epoch_seconds": median(lengths) if lengths else None}


def _flops(trained: Trained, num_images: int) -> dict[str, float | None]:
    """Return the GFLOP/s of the steps of a steady epoch, None without one, and those of the best matrix product."""
    pairs_of_ends = zip(trained.epoch_ends, trained.steps_ends[1:], strict=False)
    lengths = [steps_end - epoch_end for epoch_end, steps_end in pairs_of_ends]
    # the backward pass is twice the forward: for the weights and for the input
    gflop = 3 * forward_flops(trained.model) * num_images / 1e9
    return {"gflops": gflop / median(lengths) if lengths else None, "best_gflops": best_product(trained.dtype)}


if __name__ == "__main__":
    app()
