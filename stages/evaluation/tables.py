"""Results as files: metrics as JSON; confusion, classes and predictions as CSV."""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from stages.common import atomic
from stages.evaluation.inference import Probabilities
from stages.evaluation.scores import Scores
from stages.images.arrays import Labels


def write_metrics(path: Path, test: Scores, train: Scores, parameters: int, published: float | None) -> None:
    """Write the metrics of a run: a few scalars, rounded to six decimals.

    Args:
        path: JSON file to write.
        test: Scores on the test images.
        train: Scores on the training images. The gap between the two accuracies shows overfitting.
        parameters: Number of the model's parameters.
        published: Published test accuracy, 0…1, or None. With one, `gain` is the difference to it.
    """
    metrics: dict[str, float] = {
        "accuracy": round(test.accuracy, 6),
        "balanced_accuracy": round(test.balanced_accuracy, 6),
        "macro_f1": round(test.macro_f1, 6),
        "train_accuracy": round(train.accuracy, 6),
        "loss": round(test.loss, 6),
        "errors": test.errors,
        "parameters": parameters,
    }
    if published is not None:
        metrics |= {"published": published, "gain": round(test.accuracy - published, 6)}
    atomic.write_text(path, json.dumps(metrics, indent=2) + "\n")


def write_confusion(path: Path, scores: Scores, classes: Sequence[str]) -> None:
    """Write the confusion matrix, a row for each pair of classes.

    Args:
        path: CSV file to write. Its column `share` is the fraction of the actual class's images, 0…1.
        scores: Scores on the test images.
        classes: Names of the classes, label 0 first.
    """
    rows = (
        [actual, predicted, count, _decimals(count / max(counts.sum(), 1))]
        for actual, counts in zip(classes, scores.confusion, strict=True)
        for predicted, count in zip(classes, counts, strict=True)
    )
    atomic.write_csv(path, ["actual", "predicted", "count", "share"], rows)


def write_classes(path: Path, scores: Scores, classes: Sequence[str]) -> None:
    """Write precision, recall and F1 of each class; the arguments of `write_confusion`.

    Recall and F1 of a class without images are empty cells.
    """
    rows = (
        [name, _decimals(of_class.precision), _decimals(of_class.recall), _decimals(of_class.f1), of_class.images]
        for name, of_class in zip(classes, scores.by_class, strict=True)
    )
    atomic.write_csv(path, ["class", "precision", "recall", "f1", "images"], rows)


def write_predictions(path: Path, batches: Iterable[Probabilities], labels: Labels, classes: Sequence[str]) -> None:
    """Write a row for each image: its index, its label, the predicted label and the probability of each class.

    Args:
        path: CSV file to write.
        batches: float32, (batch_size, num_classes), 0…1; each batch is written as it comes.
        labels: Integers, (N,), of all images.
        classes: Names of the classes, label 0 first.
    """
    rows = (
        [index, label, probabilities.argmax(), *map(_decimals, probabilities)]
        for index, (label, probabilities) in enumerate(zip(labels, chain.from_iterable(batches), strict=True))
    )
    atomic.write_csv(path, ["index", "label", "predicted", *classes], rows)


def _decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
