"""Train the model of a run.

Reads params.yaml, the run's recipe and its dataset's arrays. Writes models/<run>.keras, models/<run>.tflite,
plots/history/<run>.csv and, ignored by git and DVC, the wall time as logs/<run>.json. In dvc.yaml: `train`.

    python -m stages.train --run mnist-mlp

Takes 8 s for mnist-mlp and 2.5 minutes for fashion-cnn-gap on 2 cores, 4 s of each for the import of TensorFlow.
"""

import shutil
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stages.common import console, targets

if TYPE_CHECKING:
    import keras

    from stages.common.params import Run
    from stages.model.history import Epoch
    from stages.model.recipe import Recipe
    from stages.training.loop import Trainer
    from stages.training.runtime.workers import Workers

Weights = Annotated[Path | None, typer.Option(help="Write the weights alone to this .weights.h5 file too.")]
CheckpointSeconds = Annotated[
    float, typer.Option(envvar="CHECKPOINT_SECONDS", min=0, help="Most work that a kill may lose, in seconds.")
]
Addresses = Annotated[
    str | None,
    typer.Option("--workers", help="Train with others: host:port of each, the first writes. Default: TF_CONFIG."),
]
Index = Annotated[int | None, typer.Option(help="Index of this worker, from 0.")]

NARROW = 40  # characters of a line

app = console.new_app()


@app.command()
@console.command
def main(
    run_name: targets.Run,
    weights: Weights = None,
    checkpoint_seconds: CheckpointSeconds = 10,
    addresses: Addresses = None,
    index: Index = None,
) -> None:
    """Train the model of a run, and write the model and the history of its epochs."""
    from stages.common import params, paths
    from stages.common.determinism import enable_determinism
    from stages.images import arrays
    from stages.model import build, history, test_time
    from stages.model.recipe import Recipe
    from stages.training.runtime import lock
    from stages.training.runtime.workers import Workers, find_cluster

    run = params.find_run(run_name)
    recipe = Recipe.load(run.recipe_path)
    info = arrays.read_info(run.arrays)
    _check_name(weights)
    workers = Workers(find_cluster(addresses, index))
    with lock.output_lock(paths.model(run.name)) if workers.is_chief else nullcontext(), workers.translate_failures():
        if workers.is_chief:
            _check_outputs(run, weights)
        enable_determinism(run.seed, recipe.training.threads, recipe.training.shards, workers.join)
        _check_batch_size(recipe, workers)
        # built before the wait for cores, so a mistake in the recipe is reported at once
        model = build.build_model(recipe, info.image_shape, len(info.classes))
        optimizer = build.build_optimizer(recipe)
        with lock.core_locks(recipe.training.threads) if workers.count == 1 else nullcontext():
            _show(test_time.classifier_of(model))
            started = time.monotonic()
            trainer = _create_trainer(run, recipe, model, optimizer, checkpoint_seconds, workers)
            _train(trainer, run, recipe, workers)
            if workers.is_chief:
                history.write_timing(paths.timing(run.name), time.monotonic() - started)
                _save(run, recipe, model, weights)
            workers.leave()
            if workers.is_chief:
                trainer.checkpoint.delete()


def _show(network: "keras.Model") -> None:
    """Print the table of a network; Keras raises in a terminal that is too narrow for it."""
    is_narrow = shutil.get_terminal_size().columns < NARROW
    network.summary(line_length=NARROW if is_narrow else None)


def _check_name(weights: Path | None) -> None:
    from stages.common.errors import InputError

    if weights and not weights.name.endswith(".weights.h5"):
        raise InputError("--weights", "a name that ends in .weights.h5", weights.name, "choose another name")


def _check_outputs(run: "Run", weights: Path | None) -> None:
    """Raise now rather than after the training if an output cannot be written."""
    from stages.common import atomic, paths

    outputs = [paths.model(run.name), paths.litert_model(run.name), paths.table("history", run.name)]
    atomic.check_writable(*outputs, paths.timing(run.name), *filter(None, [weights]))


def _check_batch_size(recipe: "Recipe", workers: "Workers") -> None:
    from stages.common.errors import InputError

    shards = workers.replicas * recipe.training.shards
    if workers.replicas > 1 and recipe.training.batch_size < shards:
        where, expected = f"{recipe.path}: training.batch_size", f"at least {shards}, the shards of a batch"
        raise InputError(where, expected, recipe.training.batch_size, "choose a larger one, or fewer workers")


def _create_trainer(
    run: "Run",
    recipe: "Recipe",
    model: "keras.Model",
    optimizer: "keras.optimizers.Optimizer",
    checkpoint_seconds: float,
    workers: "Workers",
) -> "Trainer":
    """Load the examples, and return what trains the model on them."""
    from stages.training.batches.holdout import load_examples
    from stages.training.job import TrainingJob
    from stages.training.loop import Trainer
    from stages.training.runtime import precision
    from stages.training.runtime.checkpoint import Checkpoint

    dtype = precision.supported(recipe.training.precision)
    examples, validation = load_examples(
        run.arrays, recipe, on_disk=workers.count > 1
    )  # a worker reads its slice alone
    job = TrainingJob(
        recipe=recipe,
        seed=run.seed,
        dtype=dtype,
        num_classes=model.output_shape[1],
        examples=examples,
        validation=validation,
        layout=(workers.count, workers.replicas),
    )
    job.check_steps()
    workers.verify_same(job.key)
    return Trainer(job, model, optimizer, Checkpoint(job.key, checkpoint_seconds), workers)


def _train(trainer: "Trainer", run: "Run", recipe: "Recipe", workers: "Workers") -> None:
    """Train, write the history after each epoch, and explain the errors that a recipe can cause.

    Raises:
        InputError: The training diverged, a weight has no gradient, TensorFlow refuses the network, or the recipe was
            edited meanwhile.
        MemoryError: TensorFlow ran out of memory.
    """
    import tensorflow as tf

    from stages.common import paths
    from stages.common.errors import InputError
    from stages.model import history
    from stages.training.loop import DivergedError
    from stages.training.steps import NoGradientError, RefusedError

    def on_epoch(epochs: "list[Epoch]") -> None:
        if workers.is_chief:
            recipe.check_unchanged()
            history.write(paths.table("history", run.name), epochs)

    try:
        trainer.train(on_epoch)
    except DivergedError as error:
        raise InputError(recipe.path, "a finite loss", error, "lower optimizer.learning_rate") from error
    except NoGradientError as error:
        expected = "weights that the loss changes with"
        raise InputError(recipe.path, expected, error, "remove the rounding layer behind them") from error
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError from error
    except RefusedError as error:
        where = f"{recipe.path}: {error.place}" if error.place else recipe.path
        expected = "values that TensorFlow can train with"
        raise InputError(where, expected, error, "change the layer or the one before") from error


def _save(run: "Run", recipe: "Recipe", model: "keras.Model", weights: Path | None) -> None:
    """Write the trained model for Keras and LiteRT, unless the run or its recipe was edited."""
    from stages.common import paths
    from stages.model import keras_file, litert_file

    litert_model = litert_file.convert(model)
    recipe.check_unchanged()
    run.check_unchanged()
    if weights:
        keras_file.save_weights(model, weights)
    litert_file.save(litert_model, paths.litert_model(run.name))
    keras_file.save(model, paths.model(run.name))


if __name__ == "__main__":
    app()
