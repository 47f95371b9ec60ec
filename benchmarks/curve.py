"""Train a recipe of our own whole, in a process of its own; print each epoch's end and test accuracy as JSON.

python -m benchmarks.curve mnist-fast mnist 0

The clock runs from the making of the loop, compilation and the scoring of the test images included.
"""

import json

import typer

from benchmarks.side import machine, train_ours
from stages import console
from stages.plan import Run

app = console.new_app()


@app.command()
@console.command
def main(recipe: str, dataset: str, seed: int) -> None:
    """Train a recipe on a dataset, and print its curve."""
    from stages.images import arrays
    from stages.training import splits
    from stages.training.recipe import Recipe

    run = Run(dataset=dataset, recipe=recipe, seed=seed)
    loaded = Recipe.load(run.recipe_path)
    examples, _ = splits.split(run.data, loaded.training.validation, run.recipe_path)
    # the test images may choose nothing: neither which weights are kept nor when to stop
    watched = loaded.training.model_copy(update={"validation": "test", "keep": "last", "patience": None})
    trained = train_ours(
        run, loaded.model_copy(update={"training": watched}), examples, arrays.read_split(run.data, "test")
    )
    curve = [(end, epoch.val_accuracy) for end, epoch in zip(trained.ends, trained.history, strict=True)]
    typer.echo(json.dumps({"curve": curve, "precision": trained.dtype, "machine": machine()}))


if __name__ == "__main__":
    app()
