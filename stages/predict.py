"""Let the model of a run say what it sees.

As a stage: reads models/<run>.keras and the test images of the run's dataset; writes predictions/<run>.csv and
plots/predictions/<run>.png. By hand, with pictures: reads models/<run>.tflite and how the dataset was made from
datasets/<dataset>.yaml, if there is such a file; prints what they are. In dvc.yaml: `predict`.

    python -m stages.predict --run mnist-mlp
    python -m stages.predict --run mnist-mlp photo.png folder/

Takes 8 s on 2 cores, 6 s of it the import of TensorFlow; with pictures LiteRT does without: benchmarks/PHOTOS.md.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages import console, run_options
from stages.prediction.answers import Format

app = console.new_app()


@app.command()
@console.command
def main(
    run: run_options.Run,
    pictures: Annotated[list[Path] | None, typer.Argument(help="Pictures, or folders of them, to look at.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print what the pictures are.")] = Format.TABLE,
    show: Annotated[
        Path | None, typer.Option(help="Draw the pictures beside what the network sees into this .png file too.")
    ] = None,
    dataset: run_options.Dataset = None,
    recipe: run_options.Recipe = None,
    seed: run_options.Seed = None,
    weights: Annotated[
        Path | None, typer.Option(help="Rebuild the network from its recipe and load these .weights.h5 into it.")
    ] = None,
) -> None:
    """Predict the test images of a run's dataset into a CSV or, if pictures are named, print what they are."""
    from itertools import chain

    from stages import outputs, plan
    from stages.errors import InputError
    from stages.evaluation import inference, tables
    from stages.images import arrays, photos
    from stages.images.rows import FileRows
    from stages.pictures import predictions
    from stages.prediction import answer_sheet, answers, by_hand
    from stages.training import determinism, model_file

    chosen = plan.find_run(run, dataset, recipe, seed)
    described = arrays.read_description(chosen.data)
    for option, given in (("--format", form is not Format.TABLE), ("--show", show), ("--weights", weights)):
        if given and not pictures:
            raise InputError(option, "pictures to look at", "none", "name a picture or a folder")
    if show and show.suffix != ".png":
        raise InputError("--show", "a name that ends in .png", show, "choose another name")
    if pictures:
        rule = photos.rule_of(chosen.dataset, described)
        network = by_hand.network_of(run, chosen, described, weights)
        seen, unreadable = by_hand.read(pictures, described.image_shape, rule)
        probabilities = network(list(seen.values()))
        answers.show(form, list(seen), probabilities, described.classes)
        if show and seen:
            answer_sheet.write(show, seen, probabilities, described.classes)
        raise typer.Exit(1 if unreadable else 0)

    determinism.settle(0, inference.THREADS)  # nothing is drawn at random
    model = model_file.load(outputs.model(run), described.image_shape, len(described.classes))
    images, labels = arrays.read_split(chosen.data, "test")
    batches = inference.predict_batches(model, FileRows(images), f"predicting the test images with {run}")
    first = next(batches)  # more than are drawn
    tables.write_predictions(outputs.predictions(run), chain([first], batches), labels, described.classes)
    predictions.draw(outputs.first_predictions(run), run, images, labels, first, described.classes)


if __name__ == "__main__":
    app()
