"""Score the model of a run, and draw its results.

Reads params.yaml, published.yaml, models/<run>.keras and .tflite, plots/history/<run>.csv, the run's recipe, its
dataset's file and its arrays. Writes metrics/<run>.json, the tables plots/{confusion,classes}/<run>.csv, the plots
plots/pictures/<run>/ and the model card models/<run>.md. In dvc.yaml: `evaluate`.

    python -m stages.evaluate --run mnist-mlp

Takes 12 s for mnist-mlp and 23 s for mnist-cnn-5x5 on 2 cores, of which the import of TensorFlow is 6 s.
"""

from typing import TYPE_CHECKING

from stages.common import console, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stages.evaluation.evaluation import Evaluation
    from stages.model.history import Epoch
    from stages.plots.tiles import LabelledImages

app = console.new_app()


@app.command()
@console.command
def main(run_name: targets.Run) -> None:
    """Score the model of a run on the test images, and on the training images to show the gap."""
    from stages.common import determinism, params, paths
    from stages.evaluation import card, evaluation, inference, published, scores, tables
    from stages.images import arrays, catalog
    from stages.model import history, keras_file, litert_file
    from stages.model.recipe import Recipe
    from stages.plots.tiles import LabelledImages

    run = params.find_run(run_name)
    info = arrays.read_info(run.arrays)
    recipe, dataset = Recipe.load(run.recipe_path), catalog.Dataset.load(catalog.path_of(run.dataset))
    others = published.Published.load(published.PATH)
    epochs = history.read(paths.table("history", run.name))
    determinism.enable_determinism(run.seed, inference.THREADS)
    model = keras_file.load(paths.model(run.name), info.image_shape, len(info.classes))
    trained = card.TrainedRun(
        run=run,
        recipe=recipe,
        dataset=dataset,
        info=info,
        model=model,
        has_litert=litert_file.exists(paths.litert_model(run.name)),
    )
    splits = {split: arrays.read_split(run.arrays, split) for split in arrays.SPLITS}
    results = evaluation.evaluate(model, splits, len(info.classes), run.name)
    for read in (run, recipe, dataset, others):
        read.check_unchanged()

    test, reported = results.test, others.find_accuracy(run.dataset, run.recipe)
    tables.write_metrics(paths.metrics(run.name), test, results.train, model.count_params(), reported)
    tables.write_confusion(paths.table("confusion", run.name), test, info.classes)
    tables.write_classes(paths.table("classes", run.name), test, info.classes)
    card.write(paths.model_card(run.name), trained, results, reported)
    images, labels = splits["test"]
    _draw(run.name, epochs, results, LabelledImages(images, labels, info.classes))
    averages = ""
    if abs(test.balanced_accuracy - test.accuracy) >= scores.NOTABLE_DIFFERENCE:
        averages = f"; balanced accuracy {test.balanced_accuracy:.4f}, macro F1 {test.macro_f1:.4f}"
    errors = "1 error" if test.errors == 1 else f"{test.errors} errors"
    console.say(f"{run.name}: accuracy {test.accuracy:.4f}, {errors} in {len(labels)}{averages}")
    if misspelling := others.find_misspelling(run.dataset, run.recipe):
        console.say(f"warning: {published.PATH}: {misspelling}; {run.name} gets no published accuracy")
    if test.accuracy <= test.majority:
        console.say(f"warning: always answering the most frequent class has an accuracy of {test.majority:.4f} too")


def _draw(run_name: str, epochs: "Sequence[Epoch]", results: "Evaluation", test_images: "LabelledImages") -> None:
    """Draw the plots of a run.

    Args:
        run_name: Name of the run.
        epochs: History of its training.
        results: Results of its model.
        test_images: Test images that the mistakes were made on.
    """
    from stages.common import paths
    from stages.plots import calibration, classes, confusion, curves, mistakes

    names = test_images.classes
    curves.draw(paths.plot("history", run_name), run_name, epochs)
    confusion.draw(paths.plot("confusion", run_name), run_name, results.test.confusion, names)
    classes.draw(paths.plot("classes", run_name), run_name, results.test, names)
    mistakes.draw(paths.plot("mistakes", run_name), run_name, test_images, results.mistakes)
    calibration.draw(paths.plot("calibration", run_name), run_name, results.bins)


if __name__ == "__main__":
    app()
