"""What is known of each run of params.yaml, read from what the stages left; TensorFlow is not needed for it."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages import outputs, plan
from stages.errors import InputError
from stages.evaluation import intervals
from stages.images import catalog
from stages.plan import Run

PREDICTIONS = "predictions"
# kind of picture: what it shows, and how to read it
PICTURES = {
    "history": ("Training curves", "Validation that gets worse while training gets better is overfitting."),
    "confusion": ("Confusion matrix", "Each row is a true class; blue was recognized, orange taken for another."),
    "mistakes": ("Most confident mistakes", "Where it was surest, and wrong."),
    "classes": ("Accuracy of each class", "Where two lines overlap, the classes may be equally hard."),
    "calibration": ("Calibration", "Points below the dashed line: surer than right."),
    PREDICTIONS: ("First test images", "What it says of images it was not trained on."),
}


@dataclass(frozen=True)
class Result:
    """A run that has metrics.

    Attributes:
        name: The run's name.
        run: Its line in params.yaml.
        title: Its dataset's name for people.
        metrics: As metrics/<run>.json has them.
        interval: 95 % interval of the accuracy, 0…1, or None where the table of the classes is missing or `is_mixed`.
        is_mixed: Whether that table, and so the pictures, are of another version than the metrics.
        pictures: The PNG of each kind of PICTURES that is there.
        card: Its model card as Markdown, or None.
    """

    name: str
    run: Run
    title: str
    metrics: Mapping[str, Any]
    interval: tuple[float, float] | None
    is_mixed: bool
    pictures: Mapping[str, bytes]
    card: str | None

    @property
    def missing(self) -> list[str]:
        """What the page would show of it if it were there, in words."""
        lacking = [words.lower() for kind, (words, _) in PICTURES.items() if kind not in self.pictures]
        return lacking if self.card else [*lacking, "model card"]


def read() -> tuple[list[Result], list[str]]:
    """Return the runs that have metrics, by dataset and the most accurate first, and the names of the others.

    Raises:
        InputError: params.yaml, a dataset's file, a metrics file or a table of the classes does not fit.
    """
    runs = plan.Plan.load(plan.PATH).runs
    results = [_read(name, run) for name, run in runs.items() if outputs.metrics(name).exists()]
    results.sort(key=lambda result: (result.title, result.run.dataset, -result.metrics["accuracy"]))
    return results, [name for name in runs if not outputs.metrics(name).exists()]


def read_samples(results: list[Result]) -> list[tuple[str, bytes]]:
    """Return the title and the sample sheet of each dataset of some results, by the dataset's name."""
    titles = {result.run.dataset: result.title for result in results}
    sheets = [(titles[dataset], outputs.samples(dataset)) for dataset in sorted(titles)]
    return [(title, path.read_bytes()) for title, path in sheets if path.exists()]


def _read(name: str, run: Run) -> Result:
    pictures = {kind: outputs.picture(kind, name) for kind in PICTURES}
    pictures[PREDICTIONS] = outputs.first_predictions(name)
    card = outputs.card(name)
    metrics = _read_metrics(outputs.metrics(name))
    counts = _count(outputs.table("classes", name))
    is_mixed = counts is not None and not _agree(metrics, *counts)
    return Result(
        name,
        run,
        _title(run.dataset),
        metrics,
        intervals.wilson(*counts) if counts and not is_mixed else None,
        is_mixed,
        {kind: path.read_bytes() for kind, path in pictures.items() if path.exists()},
        card.read_text(encoding="utf-8") if card.exists() else None,
    )


def _read_metrics(path: Path) -> dict[str, Any]:
    needed = ("accuracy", "errors", "parameters")
    try:
        metrics: dict[str, Any] = json.loads(path.read_bytes())
        if all(isinstance(metrics[name], int | float) for name in needed):
            return metrics
        received = "other values"
    except (ValueError, TypeError, KeyError) as error:
        received = str(error)
    raise InputError(path, f"JSON with the numbers {', '.join(needed)}", received, "run the evaluate stage again")


def _count(path: Path) -> tuple[int, int] | None:
    """Return how many test images were recognized by the table of the classes, and of how many; None without it."""
    if not path.exists():
        return None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(float(row["recall"]), int(row["images"])) for row in csv.DictReader(file)]
        return sum(round(recall * images) for recall, images in rows), sum(images for _, images in rows)
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        expected = "a table with the numbers recall and images"
        raise InputError(path, expected, error, "run the evaluate stage again") from error


def _agree(metrics: Mapping[str, Any], right: int, images: int) -> bool:
    """Tell whether metrics, which git keeps, and the table of the classes, which DVC keeps, are of one version."""
    same = images - right == metrics["errors"] and abs(float(metrics["accuracy"]) * images - right) < 0.5
    return same and 0 <= right <= images


def _title(dataset: str) -> str:
    path = catalog.path_of(dataset)
    return (catalog.Dataset.load(path).title if path.exists() else None) or dataset
