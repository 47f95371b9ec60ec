"""Score the model of a run.

Reads params.yaml, models/<run>.keras and the arrays of the run's dataset; writes metrics/<run>.json,
plots/confusion/<run>.csv and plots/classes/<run>.csv. In dvc.yaml: `evaluate`.

    python -m stages.evaluate --run mnist-mlp

Takes 6 s for mnist-mlp and 20 s for mnist-cnn-5x5 on 2 cores, 4 s of it the import of TensorFlow.
"""

from typing import Annotated

import typer

from stages import console

app = console.new_app()


@app.command()
@console.command
def main(run: Annotated[str, typer.Option(help="A run of params.yaml.")]) -> None:
    """Score the model of a run on the test images, and on the training images to show the gap."""
    from stages import plan
    from stages.evaluation import inference, scores, tables
    from stages.images import arrays
    from stages.training import determinism, model_file

    chosen = plan.find_run(run)
    described = arrays.read_description(chosen.data)
    determinism.settle(chosen.seed, inference.THREADS)
    model = model_file.load(plan.model_path(run), described.image_shape, len(described.classes))

    scored = {}
    for split in arrays.SPLITS:
        images, labels = arrays.read_split(chosen.data, split)
        scored[split] = scores.score(inference.predict(model, images, f"scoring {run} on the {split} images"), labels)
    test, train = scored["test"], scored["train"]
    tables.write_metrics(plan.metrics_path(run), test, train, model.count_params(), chosen.published)
    tables.write_confusion(plan.plot_path("confusion", run), test, described.classes)
    tables.write_classes(plan.plot_path("classes", run), test, described.classes)
    console.say(
        f"{run}: accuracy {test.accuracy:.4f}, {test.errors} errors in {sum(of.images for of in test.by_class)}"
    )


if __name__ == "__main__":
    app()
