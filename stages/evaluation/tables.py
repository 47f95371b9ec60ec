"""Results as files: metrics as JSON, everything with rows as CSV."""

import csv
import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from stages import atomic
from stages.evaluation.inference import Probabilities
from stages.evaluation.scores import Scores
from stages.images.arrays import Labels


def write_metrics(path: Path, test: Scores, train: Scores, parameters: int, published: float | None) -> None:
    """Write a run's metrics: a few scalars, rounded to six decimals.

    Args:
        path: JSON file to write.
        test: Scores on the test images.
        train: Scores on the training images; the gap between the two accuracies is overfitting.
        parameters: How many numbers the model learned.
        published: Test accuracy that somebody else reported, 0…1; `gain` is what ours is above it.
    """
    metrics: dict[str, float] = {
        "accuracy": round(test.accuracy, 6),
        "train_accuracy": round(train.accuracy, 6),
        "loss": round(test.loss, 6),
        "errors": test.errors,
        "parameters": parameters,
    }
    if published is not None:
        metrics |= {"published": published, "gain": round(test.accuracy - published, 6)}
    with atomic.new_file(path) as partial:
        partial.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")


def write_confusion(path: Path, scores: Scores, classes: Sequence[str]) -> None:
    """Write the confusion counts, a row for each pair of classes; share is that of the actual class's images, 0…1."""
    rows = (
        [actual, predicted, count, _decimals(count / max(of_class.sum(), 1))]
        for actual, of_class in zip(classes, scores.confusion, strict=True)
        for predicted, count in zip(classes, of_class, strict=True)
    )
    _write_rows(path, ["actual", "predicted", "count", "share"], rows)


def write_classes(path: Path, scores: Scores, classes: Sequence[str]) -> None:
    """Write precision, recall and F1 of each class."""
    rows = (
        [name, _decimals(of.precision), _decimals(of.recall), _decimals(of.f1), of.images]
        for name, of in zip(classes, scores.by_class, strict=True)
    )
    _write_rows(path, ["class", "precision", "recall", "f1", "images"], rows)


def write_predictions(path: Path, batches: Iterable[Probabilities], labels: Labels, classes: Sequence[str]) -> None:
    """Write a row for each image: its index, its label, the predicted label, and the probability of each class.

    Args:
        path: CSV file to write.
        batches: float32, (batch_size, num_classes), 0…1, one after another; written as they come.
        labels: Integers, (N,), of all images.
        classes: What each column means.
    """
    rows = (
        [index, label, row.argmax(), *map(_decimals, row)]
        for index, (label, row) in enumerate(zip(labels, chain.from_iterable(batches), strict=True))
    )
    _write_rows(path, ["index", "label", "predicted", *classes], rows)


def _write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic.new_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _decimals(value: float) -> str:
    return f"{value:.6f}"
