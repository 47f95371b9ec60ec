"""Train the model of a run.

Reads the run's recipe and its dataset's arrays; writes models/<run>.keras, models/<run>.tflite,
plots/history/<run>.csv and, ignored by git and DVC, logs/<run>.json with the time it took. In dvc.yaml: `train`.

    python -m stages.train --run mnist-mlp

Takes 8 s for mnist-mlp and 2.5 minutes for fashion-cnn-gap on 2 cores, 4 s of each the import of TensorFlow.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stages import console, run_options

if TYPE_CHECKING:
    import keras

    from stages.plan import Run
    from stages.training.checkpoint import Checkpoint
    from stages.training.history import Epoch
    from stages.training.recipe import Recipe
    from stages.training.workers import Workers

app = console.new_app()


@app.command()
@console.command
def main(
    run: run_options.Run,
    dataset: run_options.Dataset = None,
    recipe_name: run_options.Recipe = None,
    seed: run_options.Seed = None,
    weights: Annotated[Path | None, typer.Option(help="Write the weights alone to this .weights.h5 file too.")] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(envvar="CHECKPOINT_SECONDS", min=0, help="How much work may be lost if this is killed.")
    ] = 10,
    workers: Annotated[
        str | None, typer.Option(help="Train with others: host:port of each, the first writes. Default: TF_CONFIG.")
    ] = None,
    index: Annotated[int | None, typer.Option(help="Which of the workers this is, from 0.")] = None,
) -> None:
    """Train the model of a run, and write the model and the history of its epochs."""
    from stages import outputs, plan
    from stages.errors import InputError
    from stages.images import arrays
    from stages.training import determinism, lite_file, lock, model_file, network, timing, views
    from stages.training.parent import Parent
    from stages.training.recipe import Recipe
    from stages.training.workers import Workers, find_cluster

    chosen = plan.find_run(run, dataset, recipe_name, seed)
    recipe = Recipe.load(chosen.recipe_path)
    description = arrays.read_description(chosen.data)
    if weights and not weights.name.endswith(".weights.h5"):
        raise InputError("--weights", "a name that ends in .weights.h5", weights.name, "choose another name")
    team = Workers(find_cluster(workers, index))
    parent = Parent()
    with lock.only_training_of(outputs.model(run)) if team.is_chief else nullcontext(), team.failures_told():
        determinism.settle(chosen.seed, recipe.training.threads, recipe.training.shards, team.join)
        parent.check()  # it may be gone after so long a wait
        parts = team.replicas * recipe.training.shards
        if team.replicas > 1 and recipe.training.batch_size < parts:
            where, expected = f"{chosen.recipe_path}: training.batch_size", f"at least {parts}, the parts of a batch"
            raise InputError(where, expected, recipe.training.batch_size, "choose a larger one, or fewer workers")
        model = network.build(recipe, chosen.recipe_path, description.image_shape, len(description.classes))
        optimizer = network.build_optimizer(recipe.optimizer, chosen.recipe_path)
        # now, so that a mistake in the recipe does not wait to be told; workers do not let others wait
        with lock.cores_for(recipe.training.threads) if team.count == 1 else nullcontext():
            parent.check()
            views.classifier_of(model).summary()
            started = time.monotonic()
            checkpoint = _train(run, chosen, recipe, model, optimizer, parent.check, checkpoint_seconds, team)
            if not team.is_chief:
                team.part()
                return
            timing.write(Path("logs") / f"{run}.json", time.monotonic() - started)
            for_lite = lite_file.convert(model)
            parent.check()
            recipe.check_unchanged(chosen.recipe_path)
            if weights:
                model_file.save_weights(model, weights)
            lite_file.save(for_lite, outputs.lite_model(run))
            model_file.save(model, outputs.model(run))
            team.part()
            checkpoint.delete()


def _train(
    run: str,
    chosen: "Run",
    recipe: "Recipe",
    model: "keras.Model",
    optimizer: "keras.optimizers.Optimizer",
    look: Callable[[], None],
    checkpoint_seconds: float,
    team: "Workers",
) -> "Checkpoint":
    """Train the model, and return its checkpoint, which may go when the model is saved."""
    import tensorflow as tf

    from stages import outputs
    from stages.errors import InputError
    from stages.training import history, precision, splits
    from stages.training.checkpoint import Checkpoint, key_of
    from stages.training.loop import DivergedError, Loop
    from stages.training.steps import NoGradientError

    dtype = precision.supported(recipe.training.precision)
    is_alone = team.count == 1  # otherwise each reads its own share from the disk
    examples, validation = splits.split(chosen.data, recipe.training.validation, chosen.recipe_path, not is_alone)
    layout = (team.count, team.replicas)
    key = key_of(recipe, chosen.seed, dtype, model.output_shape[1], examples, validation, layout)
    team.check_same(key)
    checkpoint = Checkpoint(key)
    loop = Loop(
        model, optimizer, recipe, dtype, chosen.seed, examples, validation, checkpoint, checkpoint_seconds, team
    )

    def on_epoch(epochs: "list[Epoch]") -> None:
        if team.is_chief:
            recipe.check_unchanged(chosen.recipe_path)
            history.write(outputs.table("history", run), epochs)

    try:
        loop.run(on_epoch, look)
    except DivergedError as error:
        raise InputError(chosen.recipe_path, "a finite loss", error, "lower optimizer.learning_rate") from error
    except NoGradientError as error:
        expected = "weights that the loss changes with"
        raise InputError(chosen.recipe_path, expected, error, "take out the layer behind them that rounds") from error
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError from error
    return checkpoint


if __name__ == "__main__":
    app()
