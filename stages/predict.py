"""Classify the test images of a run's dataset, or pictures of your own.

As a stage, it reads params.yaml, models/<run>.keras and the test images of the run's dataset. It writes
predictions/<run>.csv and plots/predictions/<run>.png. In dvc.yaml: `predict`.

Given pictures, it reads models/<run>.tflite and, if there is one, datasets/<dataset>.yaml, which says how pictures
became images. It prints the most probable classes.

    python -m stages.predict --run mnist-mlp
    python -m stages.predict --run mnist-mlp photo.png folder/

Takes 8 s on 2 cores, of which the import of TensorFlow is 6 s. Pictures need LiteRT alone: benchmarks/PHOTOS.md.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stages.common import console, targets
from stages.prediction.answers import OutputFormat

if TYPE_CHECKING:
    from stages.common.params import Run
    from stages.images.arrays import DatasetInfo

app = console.new_app()


@app.command()
@console.command
def main(
    run_name: targets.Run,
    named: Annotated[
        list[Path] | None, typer.Argument(metavar="pictures", help="Pictures, or folders of pictures.")
    ] = None,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="Format of the predictions for pictures.")
    ] = OutputFormat.TABLE,
    sheet: Annotated[
        Path | None,
        typer.Option("--show", help="Also draw the pictures beside what the network sees into this .png file."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Load these .weights.h5 into the network of the recipe, in place of the model.")
    ] = None,
) -> None:
    """Classify the test images of a run's dataset into a CSV; or classify pictures and print the result."""
    from stages.common import params
    from stages.images import arrays
    from stages.images.picture_files import pictures
    from stages.prediction import answer_sheet, answers, predictor

    run = params.find_run(run_name)
    info = arrays.read_info(run.arrays)
    _check_options(named, output_format, sheet, weights)
    if not named:
        _predict_test_images(run, info)
        return
    conversion = pictures.conversion_of(run.dataset, run.arrays)
    predict = predictor.load_predictor(run, info, weights)
    images, num_errors = predictor.read_pictures(named, info.image_shape, conversion)
    probabilities = predict(list(images.values()))
    answers.show(output_format, list(images), probabilities, info.classes)
    if sheet and images:
        value_range = conversion.value_range if conversion else None
        answer_sheet.write(sheet, images, probabilities, info.classes, value_range)
    raise typer.Exit(1 if num_errors else 0)


def _check_options(
    named: list[Path] | None, output_format: OutputFormat, sheet: Path | None, weights: Path | None
) -> None:
    """Raise if an option of pictures is given without pictures, or the sheet is no .png file."""
    from stages.common.errors import InputError

    is_formatted = output_format is not OutputFormat.TABLE
    for option, value in (("--format", is_formatted), ("--show", sheet), ("--weights", weights)):
        if value and not named:
            raise InputError(option, "pictures to classify", "none", "name a picture or a folder")
    if sheet and sheet.suffix.lower() != ".png":
        raise InputError("--show", "a name that ends in .png", sheet, "choose another name")


def _predict_test_images(run: "Run", info: "DatasetInfo") -> None:
    """Write the probabilities of all test images, and draw the first of them."""
    from itertools import chain

    from stages.common import determinism, paths
    from stages.evaluation import inference, tables
    from stages.images import arrays
    from stages.images.rows import FileRows
    from stages.model import keras_file
    from stages.plots import predictions
    from stages.plots.tiles import LabelledImages

    determinism.enable_determinism(0, inference.THREADS)  # nothing is drawn at random
    model = keras_file.load(paths.model(run.name), info.image_shape, len(info.classes))
    images, labels = arrays.read_split(run.arrays, "test")
    batches = inference.predict_batches(model, FileRows(images), f"predicting the test images with {run.name}")
    first = next(batches)  # of more images than are drawn
    tables.write_predictions(paths.predictions(run.name), chain([first], batches), labels, info.classes)
    test_images = LabelledImages(images, labels, info.classes)
    predictions.draw(paths.predictions_plot(run.name), run.name, test_images, first)
    console.say(f"{paths.predictions(run.name)}: the {len(labels)} test images; to classify pictures, name them")


if __name__ == "__main__":
    app()
