"""Score the model of a run, and show where it is right and where it is wrong.

Reads published.yaml, models/<run>.keras and .tflite, plots/history/<run>.csv, the run's recipe, its dataset's file and
its arrays; writes metrics/<run>.json, the tables plots/{confusion,classes}/<run>.csv, the pictures
plots/pictures/<run>/ and the model card models/<run>.md. In dvc.yaml: `evaluate`.

    python -m stages.evaluate --run mnist-mlp

Takes 12 s for mnist-mlp and 23 s for mnist-cnn-5x5 on 2 cores, 6 s of it the import of TensorFlow.
"""

from typing import TYPE_CHECKING

from stages import console, run_options

if TYPE_CHECKING:
    from stages.evaluation.card import Evaluated
    from stages.evaluation.mistakes import Tally
    from stages.images.arrays import Images, Labels
    from stages.training.history import Epoch

app = console.new_app()


@app.command()
@console.command
def main(
    run: run_options.Run,
    dataset_name: run_options.Dataset = None,
    recipe_name: run_options.Recipe = None,
    seed: run_options.Seed = None,
) -> None:
    """Score the model of a run on the test images, and on the training images to show the gap."""
    from stages import outputs, plan
    from stages.evaluation import calibration, card, inference, mistakes, published, scores, tables
    from stages.images import arrays, catalog
    from stages.images.rows import FileRows
    from stages.prediction import lite
    from stages.training import determinism, history, model_file
    from stages.training.recipe import Recipe

    chosen = plan.find_run(run, dataset_name, recipe_name, seed)
    described = arrays.read_description(chosen.data)
    recipe, dataset = Recipe.load(chosen.recipe_path), catalog.Dataset.load(catalog.path_of(chosen.dataset))
    others = published.Published.load(published.PATH)
    epochs = history.read(outputs.table("history", run))
    determinism.settle(chosen.seed, inference.THREADS)
    path = outputs.model(run)
    model = model_file.load(path, described.image_shape, len(described.classes))
    lite_path = outputs.lite_model(run) if lite.exists(outputs.lite_model(run)) else None

    examples = {split: arrays.read_split(chosen.data, split) for split in arrays.SPLITS}
    scored = {split: scores.Tally(len(labels), len(described.classes)) for split, (_, labels) in examples.items()}
    calibrated, mistaken = calibration.Tally(), mistakes.Tally()
    tallies: dict[arrays.Split, list[inference.Tally]] = {
        "train": [scored["train"]],
        "test": [scored["test"], calibrated, mistaken],
    }
    for split, (images, labels) in examples.items():
        inference.count(model, FileRows(images), labels, f"scoring {run} on the {split} images", *tallies[split])
    train, test = (scored[split].scores() for split in arrays.SPLITS)
    recipe.check_unchanged(chosen.recipe_path)
    dataset.check_unchanged(catalog.path_of(chosen.dataset))
    others.check_unchanged(published.PATH)

    reported = others.find_accuracy(chosen.dataset, chosen.recipe)
    tables.write_metrics(outputs.metrics(run), test, train, model.count_params(), reported)
    tables.write_confusion(outputs.table("confusion", run), test, described.classes)
    tables.write_classes(outputs.table("classes", run), test, described.classes)

    images, labels = examples["test"]
    bins = calibrated.bins()
    of = card.Evaluated(run, chosen, path, lite_path, model, recipe, dataset, described, reported, test, train, bins)
    card.write(outputs.card(run), of)
    _draw(of, epochs, images, labels, mistaken)
    console.say(f"{run}: accuracy {test.accuracy:.4f}, {test.errors} errors in {len(labels)}")


def _draw(of: "Evaluated", epochs: "list[Epoch]", images: "Images", labels: "Labels", mistaken: "Tally") -> None:
    """Draw the pictures of a run, with the epochs of its training, its test images and the mistakes made on them."""
    from stages import outputs
    from stages.pictures import calibration, classes, confusion, curves, mistakes

    run, names = of.name, of.data.classes
    curves.draw(outputs.picture("history", run), run, epochs)
    confusion.draw(outputs.picture("confusion", run), run, of.test.confusion, names)
    classes.draw(outputs.picture("classes", run), run, of.test, names)
    mistakes.draw(outputs.picture("mistakes", run), run, images, labels, mistaken, names)
    calibration.draw(outputs.picture("calibration", run), run, of.bins)


if __name__ == "__main__":
    app()
