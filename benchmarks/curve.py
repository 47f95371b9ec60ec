"""Train a recipe of ours whole, and print the end and the test accuracy of each epoch as JSON.

    python -m benchmarks.curve mnist-fast mnist 0

The clock runs from the creation of the trainer. Compilation and the scoring of the test images are included.
"""

import json

import typer

from benchmarks.side import machine, train_ours, with_training
from stages.common import console
from stages.common.params import Run

app = console.new_app()


@app.command()
@console.command
def main(recipe_name: str, dataset: str, seed: int) -> None:
    """Train a recipe on a dataset, and print its test accuracy after each epoch."""
    from stages.images import arrays
    from stages.model.recipe import Recipe
    from stages.training.batches.holdout import load_examples

    run = Run(recipe_name, dataset, recipe_name, seed)
    recipe = Recipe.load(run.recipe_path)
    examples, _ = load_examples(run.arrays, recipe)
    # the test images must not choose the weights that are kept, nor the end of the training
    recipe = with_training(recipe, validation="test", keep="last", patience=None)
    trained = train_ours(run, recipe, examples, arrays.read_split(run.arrays, "test"))
    curve = [(end, epoch.val_accuracy) for end, epoch in zip(trained.epoch_ends, trained.history, strict=True)]
    typer.echo(json.dumps({"curve": curve, "precision": trained.dtype, "machine": machine()}))


if __name__ == "__main__":
    app()
