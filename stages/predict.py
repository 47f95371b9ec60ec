"""Let the model of a run say what it sees.

As a stage: reads params.yaml, models/<run>.keras and the test images of the run's dataset, and writes
predictions/<run>.csv and plots/predictions/<run>.png. By hand, with pictures: reads how the dataset was made from
datasets/<dataset>.yaml, if there is such a file, prints a table and writes nothing. In dvc.yaml: `predict`.

    python -m stages.predict --run mnist-mlp
    python -m stages.predict --run mnist-mlp photo.png folder/

Takes 5 s on 2 cores, 4 s of it the import of TensorFlow.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stages import console

if TYPE_CHECKING:
    from stages.evaluation.inference import Probabilities
    from stages.images.catalog import Photos
    from stages.images.photos import Photo

app = console.new_app()


@app.command()
@console.command
def main(
    run: Annotated[str, typer.Option(help="A run of params.yaml.")],
    pictures: Annotated[list[Path] | None, typer.Argument(help="Pictures, or folders of them, to look at.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Rebuild the network from its recipe and load these .weights.h5 into it.")
    ] = None,
) -> None:
    """Predict the test images of a run's dataset into a CSV or, if pictures are named, show what they are."""
    from stages import plan
    from stages.errors import InputError
    from stages.evaluation import inference, tables
    from stages.images import arrays
    from stages.pictures import predictions
    from stages.training import determinism, model_file, network
    from stages.training.recipe import Recipe

    chosen = plan.find_run(run)
    described = arrays.read_description(chosen.data)
    if weights and not pictures:
        raise InputError("--weights", "pictures to look at with them", "none", "name a picture or a folder")
    rule = _rule(chosen.dataset, described.image_shape) if pictures else None
    seen, unreadable = _read(pictures or [], described.image_shape, rule)

    determinism.settle(chosen.seed, inference.THREADS)
    if weights:
        recipe = Recipe.load(chosen.recipe_path)
        model = network.build(recipe, chosen.recipe_path, described.image_shape, len(described.classes))
        model_file.load_weights(model, weights)
    else:
        model = model_file.load(plan.model_path(run), described.image_shape, len(described.classes))

    if pictures:
        _show(seen, inference.predict(model, list(seen.values()), "looking"), described.classes)
        raise typer.Exit(1 if unreadable else 0)
    images, labels = arrays.read_split(chosen.data, "test")
    probabilities = inference.predict(model, images, f"predicting the test images with {run}")
    tables.write_predictions(plan.predictions_path(run), probabilities, labels, described.classes)
    predictions.draw(plan.picture_path("predictions", run), run, images, labels, probabilities, described.classes)


def _rule(dataset: str, shape: tuple[int, int, int]) -> "Photos | None":
    """Return how the images of a dataset were made, as far as its file says; `shape` is theirs.

    Raises:
        InputError: The file does not fit its schema, or the figure would not fit into the images.
    """
    from stages.errors import InputError
    from stages.images import catalog

    path = catalog.path_of(dataset)
    rule = catalog.Dataset.load(path).photos if path.exists() else None
    if rule and rule.fit > min(shape[:2]):
        raise InputError(f"{path}: photos.fit", f"1…{min(shape[:2])}, as the images are", rule.fit, "edit the file")
    return rule


def _read(pictures: list[Path], shape: tuple[int, int, int], rule: "Photos | None") -> tuple[dict[Path, "Photo"], int]:
    """Return what the network sees of each picture, and how many could not be read; each of those is reported."""
    from stages.errors import InputError
    from stages.images import photos

    seen, unreadable = {}, 0
    for path in photos.find(pictures):
        try:
            seen[path] = photos.read(path, shape, rule)
        except InputError as error:
            console.say(f"error: {error}")
            unreadable += 1
    if unreadable and not seen:
        raise typer.Exit(1)
    return seen, unreadable


def _show(paths: Iterable[Path], probabilities: "Probabilities", classes: list[str]) -> None:
    """Print the three most probable classes of each picture."""
    rows = []
    for path, row in zip(paths, probabilities, strict=True):
        best = row.argsort()[::-1][:3]
        rows.append([str(path), *(f"{classes[number]} {row[number]:.1%}" for number in best)])
    console.table(["picture", "it is", "or", "or"][: len(rows[0])], rows)


if __name__ == "__main__":
    app()
