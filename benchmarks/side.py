"""Measure one side, in a process of its own, since threads and precision are set once a process; print it as JSON.

python -m benchmarks.side ours mnist-mlp 5

The clock runs from the call of `fit`, or the making of the loop, to the last validation, compilation included.
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
from stages import console

if TYPE_CHECKING:
    from stages.plan import Run
    from stages.training.history import Epoch
    from stages.training.recipe import Recipe
    from stages.training.splits import Examples

SIZE, TRIES = 2048, 20  # of the matrix product

app = console.new_app()


class Side(StrEnum):
    """Whose training loop."""

    TUTORIAL = "tutorial"
    OURS = "ours"


class Trained(NamedTuple):
    """A training by our loop; times are seconds since the loop was begun to be made.

    Attributes:
        model: The trained model.
        dtype: What it was computed in: "float32" or "bfloat16".
        history: An entry for each epoch.
        steps_ends: When the last step of each epoch was done.
        ends: When each epoch was, its validation included.
        seconds: When all was.
    """

    model: Any
    dtype: str
    history: "list[Epoch]"
    steps_ends: list[float]
    ends: list[float]
    seconds: float


@app.command()
@console.command
def main(
    side: Side,
    name: str,
    epochs: int,
    images: Annotated[int, typer.Argument(help="Train on so many of the first; 0: on all.")] = 0,
) -> None:
    """Train a system in one way, and print what it took."""
    measure = {Side.TUTORIAL: measure_tutorial, Side.OURS: measure_ours}[side]
    typer.echo(json.dumps(measure(name, SYSTEMS[name], epochs, images)))


def measure_tutorial(name: str, system: System, epochs: int, images: int) -> dict[str, Any]:
    """Time the tutorial's `fit`."""
    import keras
    import numpy as np

    from benchmarks.tutorials import TUTORIALS
    from stages.images import arrays

    train, test = (_first(arrays.read_split(system.run.data, split), split, images) for split in arrays.SPLITS)
    # arrays in memory without channels, as Keras's load_data gives them
    model, arguments = TUTORIALS[name](
        *((np.array(pixels)[..., 0], np.array(labels)) for pixels, labels in (train, test))
    )
    ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.monotonic()))
    started = time.monotonic()
    model.fit(**arguments, epochs=epochs, verbose=0, callbacks=[clock])
    return _times(time.monotonic() - started, ends)


def measure_ours(name: str, system: System, epochs: int, images: int) -> dict[str, Any]:
    """Time the loop of stages/train.py."""
    from stages.training import splits
    from stages.training.recipe import Recipe

    recipe = Recipe.load(system.run.recipe_path)
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": epochs})})
    train, test = splits.split(system.run.data, recipe.training.validation, system.run.recipe_path)
    examples, validation = _first(train, "train", images), test and _first(test, "test", images)
    trained = train_ours(system.run, recipe, examples, validation)
    measured = _times(trained.seconds, trained.ends) | {"precision": trained.dtype, "machine": machine()}
    if not system.is_large:
        return measured
    lengths = [steps_end - end for end, steps_end in zip(trained.ends, trained.steps_ends[1:], strict=False)]
    steps_seconds = median(lengths) if lengths else None
    # backward is twice forward: for the weights, for the input
    gflop = 3 * forward_flops(trained.model) * len(examples[1]) / 1e9
    return measured | {
        "gflops": steps_seconds and gflop / steps_seconds,
        "best_gflops": best_product(trained.dtype),
    }


def train_ours(run: "Run", recipe: "Recipe", examples: "Examples", validation: "Examples | None") -> Trained:
    """Train by the loop of stages/train.py, and note when each epoch was done.

    Args:
        run: Which dataset the examples are of, and the seed.
        recipe: What is trained, and how.
        examples: As `splits.split` returns them.
        validation: The same, scored after each epoch, or None.
    """
    from stages.images import arrays
    from stages.training import checkpoint, determinism, history, network, precision

    description = arrays.read_description(run.data)
    determinism.settle(run.seed, recipe.training.threads, recipe.training.shards)
    model = network.build(recipe, run.recipe_path, description.image_shape, len(description.classes))
    optimizer = network.build_optimizer(recipe.optimizer, run.recipe_path)
    dtype = precision.supported(recipe.training.precision)

    from stages.training.loop import Loop
    from stages.training.workers import Workers

    path = checkpoint.cache_folder() / "history.csv"
    looks: list[float] = []
    ends: list[float] = []
    steps_ends: list[float] = []

    def end_epoch(epochs: "list[Epoch]") -> None:
        history.write(path, epochs)
        steps_ends.append(looks[-2])  # the last look comes after the validation, the one before it after the last step
        ends.append(time.monotonic() - started)

    started = time.monotonic()
    kept = checkpoint.Checkpoint("benchmark")
    loop = Loop(model, optimizer, recipe, dtype, run.seed, examples, validation, kept, 10, Workers())
    epochs = loop.run(end_epoch, lambda: looks.append(time.monotonic() - started))
    return Trained(model, dtype, epochs, steps_ends, ends, time.monotonic() - started)


def forward_flops(model: Any) -> int:
    """Count the additions and multiplications of a network's convolutions and dense layers for one image."""
    from stages.training import views

    kernels = [layer for layer in views.classifier_of(model).layers if hasattr(layer, "kernel")]
    return sum(2 * math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1]) for layer in kernels)


def best_product(dtype: str) -> float:
    """Return the GFLOP/s of the fastest of some matrix products, on the threads that the training had."""
    import tensorflow as tf

    left, right = (tf.cast(tf.random.stateless_normal([SIZE, SIZE], [seed, 0]), dtype) for seed in (1, 2))
    seconds = []
    for _ in range(TRIES):
        started = time.monotonic()
        tf.linalg.matmul(left, right)[0, 0].numpy()  # to read one number is to wait for all
        seconds.append(time.monotonic() - started)
    return 2 * SIZE**3 / min(seconds) / 1e9


def machine() -> str:
    """Return what is measured on: cores, processor and versions."""
    import keras
    import numpy as np
    import tensorflow as tf

    from stages.training import precision

    bfloat16 = "with" if precision.supported("bfloat16") == "bfloat16" else "without"
    versions = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    return f"{processor.cores()} {bfloat16} bfloat16; {versions}, NumPy {np.__version__}"


def _first(examples: Any, split: str, images: int) -> Any:
    count = (images if split == "train" else images // 6) or None
    return tuple(array[:count] for array in examples)


def _times(seconds: float, ends: list[float]) -> dict[str, Any]:
    lengths = [end - start for start, end in pairwise(ends)]
    return {"seconds": seconds, "epoch_seconds": median(lengths) if lengths else None}


if __name__ == "__main__":
    app()
