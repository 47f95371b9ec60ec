"""Measure one side, in a process of its own, since threads and precision are set once a process; print it as JSON.

python -m benchmarks.side ours mnist-mlp 5

The clock runs from the call of `fit`, or the making of the loop, to the last validation, compilation included.
"""

import json
import math
import os
import platform
import time
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Any

import typer

from benchmarks.systems import SYSTEMS, System
from stages import console

SIZE, TRIES = 2048, 20  # of the matrix product

app = console.new_app()


class Side(StrEnum):
    """Whose training loop."""

    TUTORIAL = "tutorial"
    OURS = "ours"


@app.command()
@console.command
def main(side: Side, name: str, epochs: int) -> None:
    """Train a system in one way, and print what it took."""
    measure = {Side.TUTORIAL: measure_tutorial, Side.OURS: measure_ours}[side]
    typer.echo(json.dumps(measure(name, SYSTEMS[name], epochs)))


def measure_tutorial(name: str, system: System, epochs: int) -> dict[str, Any]:
    """Time the tutorial's `fit`."""
    import keras
    import numpy as np

    from benchmarks.tutorials import TUTORIALS
    from stages.images import arrays

    train, test = (_first(arrays.read_split(system.run.data, split), split, system) for split in arrays.SPLITS)
    # arrays in memory without channels, as Keras's load_data gives them
    model, arguments = TUTORIALS[name](
        *((np.array(images)[..., 0], np.array(labels)) for images, labels in (train, test))
    )
    ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.monotonic()))
    started = time.monotonic()
    model.fit(**arguments, epochs=epochs, verbose=0, callbacks=[clock])
    return _times(started, time.monotonic(), ends)


def measure_ours(name: str, system: System, epochs: int) -> dict[str, Any]:
    """Time the loop of stages/train.py."""
    from stages.images import arrays
    from stages.training import checkpoint, determinism, history, network, precision, splits
    from stages.training.recipe import Recipe

    run, recipe = system.run, Recipe.load(system.run.recipe_path)
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": epochs})})
    description = arrays.read_description(run.data)
    determinism.settle(run.seed, recipe.training.threads, recipe.training.shards)
    model = network.build(recipe, run.recipe_path, description.image_shape, len(description.classes))
    optimizer = network.build_optimizer(recipe.optimizer, run.recipe_path)
    dtype = precision.supported(recipe.training.precision)
    train, test = splits.split(run.data, recipe.training.validation, run.recipe_path)
    examples, validation = _first(train, "train", system), test and _first(test, "test", system)

    from stages.training.loop import Loop

    path = checkpoint.cache_folder() / "history.csv"
    looks, ends, steps_end = [0.0], [], []

    def end_epoch(epochs: list[history.Epoch]) -> None:
        history.write(path, epochs)
        steps_end.append(looks[-1])  # the last look comes after the last step and before the validation
        ends.append(time.monotonic())

    started = time.monotonic()
    kept = checkpoint.Checkpoint("benchmark")
    loop = Loop(model, optimizer, recipe, dtype, run.seed, examples, validation, kept, 10)
    loop.run(end_epoch, lambda: looks.append(time.monotonic()))
    measured = _times(started, time.monotonic(), ends) | {"precision": dtype, "machine": _machine()}
    if not system.is_large:
        return measured
    steps_seconds = (
        median(after - before for before, after in zip(ends, steps_end[1:], strict=False)) if ends[1:] else None
    )
    gflop = (
        3 * forward_flops(model) * len(examples[1]) / 1e9
    )  # backward is twice forward: for the weights, for the input
    return measured | {
        "gflops": steps_seconds and gflop / steps_seconds,
        "best_gflops": best_product(dtype),
    }


def forward_flops(model: Any) -> int:
    """Count the additions and multiplications of a network's convolutions and dense layers for one image."""
    kernels = [layer for layer in model.layers if hasattr(layer, "kernel")]
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


def _first(examples: Any, split: str, system: System) -> Any:
    count = system.images if split == "train" else system.images and system.images // 6
    return tuple(array[:count] for array in examples)


def _times(started: float, ended: float, ends: list[float]) -> dict[str, Any]:
    lengths = [end - start for start, end in pairwise(ends)]
    return {"seconds": ended - started, "epoch_seconds": median(lengths) if lengths else None}


def _machine() -> str:
    import keras
    import numpy as np
    import tensorflow as tf

    from stages.training import precision

    bfloat16 = "with" if precision.supported("bfloat16") == "bfloat16" else "without"
    versions = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    return f"{os.cpu_count()} cores {platform.machine()} {bfloat16} bfloat16; {versions}, NumPy {np.__version__}"


if __name__ == "__main__":
    app()
