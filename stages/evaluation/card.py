"""The model card: intended use, results, limits, data and origin of a model, as Markdown.

It holds measured values only.

Source: M. Mitchell et al.: Model cards for model reporting, FAT* 2019.
"""

import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.common import atomic, hashes, paths
from stages.common.params import Run
from stages.evaluation import calibration, intervals
from stages.evaluation.card_template import TEMPLATE
from stages.evaluation.evaluation import Evaluation
from stages.evaluation.scores import Scores
from stages.images.arrays import DatasetInfo
from stages.images.catalog import Dataset
from stages.model import test_time
from stages.model.recipe import Recipe

if TYPE_CHECKING:
    import keras

LIBRARIES = ("tensorflow", "keras", "numpy")
NUM_LIMITS = 3  # weakest classes, and commonest mistakes, that are named
MARKDOWN_SYNTAX = re.compile(r"([\\`*_\[\]<>|&~#])")


@dataclass(frozen=True)
class TrainedRun:
    """Trained run, with the files it was made from.

    Attributes:
        run: Run of params.yaml.
        recipe: Recipe it was trained by.
        dataset: Dataset file in datasets/.
        info: Classes and sizes of the dataset's arrays.
        model: Keras model of the run.
        has_litert: True if the run has a LiteRT model too; False if LiteRT lacks an operation of a layer.
    """

    run: Run
    recipe: Recipe
    dataset: Dataset
    info: DatasetInfo
    model: "keras.Model"
    has_litert: bool


def write(path: Path, trained: TrainedRun, evaluation: Evaluation, published: float | None) -> None:
    """Write a model card; the same model, data and libraries give the same bytes.

    Args:
        path: Markdown file to write.
        trained: Run the card is about.
        evaluation: Results of its model.
        published: Published test accuracy of the same system, 0…1, or None.
    """
    atomic.write_text(path, render(trained, evaluation, published))


def render(trained: TrainedRun, evaluation: Evaluation, published: float | None) -> str:
    """Return the Markdown of a model card; the arguments of `write`."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(  # noqa: S701, Markdown needs no HTML escapes
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {
        "decimals": "{:.4f}".format,
        "difference": "{:+.4f}".format,
        "thousands": "{:,}".format,
        "markdown_text": markdown_text,
        "sha256": hashes.sha256,
        "fingerprint": _fingerprint,
    }
    values = _run_values(trained) | _result_values(trained.info, evaluation) | _origin_values(trained)
    return environment.from_string(TEMPLATE).render(published=published, **values)


def markdown_text(text: str) -> str:
    """Return a text as one line of Markdown, with the characters escaped that Markdown would interpret."""
    return MARKDOWN_SYNTAX.sub(r"\\\1", " ".join(text.split()))


def _run_values(trained: TrainedRun) -> dict[str, Any]:
    """Return the template's values that describe the run, its network and its data."""
    run, info = trained.run, trained.info
    height, width, channels = info.image_shape
    return {
        "run": run,
        "recipe": trained.recipe,
        "dataset": trained.dataset,
        "info": info,
        "title": markdown_text(trained.dataset.title or run.dataset),
        "height": height,
        "width": width,
        "channels": channels,
        "colour": "grey" if channels == 1 else "colour",
        "num_classes": len(info.classes),
        "classes_as_code": json.dumps(info.classes, ensure_ascii=False),
        "parameters": trained.model.count_params(),
        "layer_rows": list(_layer_rows(trained.model)),
        "num_views": test_time.count_views(trained.model),
        "recipe_text": run.recipe_path.read_text(encoding="utf-8").rstrip("\n"),
        "arrays": sorted(run.arrays.glob("*.npy")),
    }


def _result_values(info: DatasetInfo, evaluation: Evaluation) -> dict[str, Any]:
    """Return the template's values that were measured."""
    test = evaluation.test
    classes = [markdown_text(name) for name in info.classes]
    return {
        "test": test,
        "train": evaluation.train,
        "interval": _interval(info.test.images - test.errors, info.test.images),
        "calibration_error": calibration.expected_calibration_error(evaluation.bins),
        "weakest_classes": list(_weakest_classes(test, classes)),
        "commonest_mistakes": list(_commonest_mistakes(test, classes)),
        "class_rows": list(_class_rows(test, classes)),
    }


def _origin_values(trained: TrainedRun) -> dict[str, Any]:
    """Return the template's values that tell what the model was made with."""
    run, training = trained.run, trained.recipe.training
    return {
        "model_path": paths.model(run.name),
        "litert_path": paths.litert_model(run.name) if trained.has_litert else None,
        "threads": training.threads,
        "precision": training.precision,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "libraries": [f"{name} {version(name)}" for name in LIBRARIES],
    }


def _weakest_classes(test: Scores, classes: list[str]) -> Iterator[str]:
    """Yield the classes with the lowest accuracy, each with it; classes without test images have none."""
    recalls = [(scores.recall, label) for label, scores in enumerate(test.by_class) if scores.recall is not None]
    for recall, label in sorted(recalls)[:NUM_LIMITS]:
        yield f"{classes[label]} ({recall:.4f})"


def _commonest_mistakes(test: Scores, classes: list[str]) -> Iterator[str]:
    """Yield the commonest pairs of an actual and a predicted class that differ, each with its count."""
    mistakes = test.confusion - np.diag(test.confusion.diagonal())
    for index in np.argsort(-mistakes, axis=None, kind="stable")[:NUM_LIMITS]:
        actual, predicted = np.unravel_index(index, mistakes.shape)
        count, images = mistakes[actual, predicted], test.confusion[actual].sum()
        if count:
            yield f"{classes[actual]} taken for {classes[predicted]} ({count:,} of {images:,})"


def _class_rows(test: Scores, classes: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield the table cells of each class: name, images, recall, interval, precision and F1."""
    for name, scores, correct in zip(classes, test.by_class, test.confusion.diagonal(), strict=True):
        numbers = (scores.recall, scores.precision, scores.f1)
        recall, precision, f1 = ("–" if number is None else f"{number:.4f}" for number in numbers)
        yield name, f"{scores.images:,}", recall, _interval(int(correct), scores.images), precision, f1


def _layer_rows(model: "keras.Model") -> Iterator[tuple[str, ...]]:
    """Yield the table cells of each layer: name, kind, output shape and parameters."""
    for layer in test_time.classifier_of(model).layers:
        shape = " × ".join("any" if side is None else str(side) for side in layer.output.shape[1:])
        yield f"`{layer.name}`", type(layer).__name__, shape, f"{layer.count_params():,}"


def _interval(correct: int, images: int) -> str:
    """Return the 95 % interval of an accuracy, such as 0.9912…0.9945."""
    low, high = intervals.wilson(correct, images)
    return f"{low:.4f}…{high:.4f}"


def _fingerprint(path: Path) -> str:
    """Return a file's path, size and SHA-256."""
    return f"`{path}`, {path.stat().st_size:,} bytes, SHA-256 `{hashes.sha256(path)}`"
