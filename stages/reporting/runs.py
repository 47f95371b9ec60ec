"""Results of each run of params.yaml, as the stages left them; reading them needs no TensorFlow."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.common import params, paths
from stages.common.errors import InputError, first_line
from stages.common.lock_file import LockFile
from stages.common.params import Params, Run
from stages.evaluation import intervals, published
from stages.evaluation.published import Published
from stages.images import catalog
from stages.reporting.freshness import Freshness, Origin

PREDICTIONS = "predictions"
EVALUATE_AGAIN = "run the evaluate stage again"
# title and reading advice of each kind of plot
PLOTS = {
    "history": ("Training curves", "If validation gets worse while training gets better, the network overfits."),
    "confusion": ("Confusion matrix", "Each row is a true class: correct predictions blue, mistakes orange."),
    "mistakes": ("Most confident mistakes", "Wrong predictions with the highest probability."),
    "classes": ("Accuracy of each class", "Where two intervals overlap, the classes may be equally hard."),
    "calibration": ("Calibration", "Below the dashed line, the model is overconfident."),
    PREDICTIONS: ("First test images", "Predictions for images the network was not trained on."),
}


@dataclass(frozen=True)
class Result:
    """Run with metrics.

    Attributes:
        run: Run of params.yaml.
        origin: What made the metrics, and what has changed since.
        title: Title of the dataset, as far as it is known the one of the metrics.
        metrics: Content of metrics/<run>.json.
        interval: 95 % interval of the accuracy, 0…1, or None if the classes' table is missing or of another version.
        is_mixed: True if the classes' table, and so the plots, are of another version than the metrics.
        plots: PNG of each kind of PLOTS that exists.
        card: Model card as Markdown, or None.
    """

    run: Run
    origin: Origin
    title: str
    metrics: Mapping[str, Any]
    interval: tuple[float, float] | None
    is_mixed: bool
    plots: Mapping[str, bytes]
    card: str | None

    @property
    def dataset(self) -> str:
        """Dataset of the metrics; that of params.yaml if it is not known."""
        return (self.origin.run or self.run).dataset

    @property
    def missing(self) -> list[str]:
        """Titles of the plots that are missing or of an older model, and the model card if it is missing."""
        plots = [title.lower() for kind, (title, _) in PLOTS.items() if kind not in self.plots]
        return plots if self.card else [*plots, "model card"]


def read() -> tuple[list[Result], list[str]]:
    """Return the runs with metrics, by dataset and then by accuracy, highest first; and the names of the others.

    Results of something else than the files say now come last.

    Raises:
        InputError: A YAML file, dvc.lock, a metrics file or a classes' table does not fit.
    """
    declared, lock = Params.load(params.PATH), LockFile.load()
    runs = declared.named_runs()
    freshness = _freshness(lock, declared) if lock else None
    results = [_read_result(run, freshness) for name, run in runs.items() if paths.metrics(name).exists()]
    results.sort(key=_rank)
    return results, [name for name in runs if not paths.metrics(name).exists()]


def read_samples(results: list[Result]) -> list[tuple[str, bytes]]:
    """Return the title and the PNG of the samples of each dataset among the results, sorted by the dataset's name."""
    titles = {result.dataset: result.title for result in results}
    plots = [(titles[dataset], paths.samples(dataset)) for dataset in sorted(titles)]
    return [(title, path.read_bytes()) for title, path in plots if path.exists()]


def _freshness(lock: LockFile, declared: Params) -> Freshness:
    sources = {run.dataset: declared.datasets[run.dataset].source for run in declared.runs.values()}
    return Freshness(lock, sources, Published.load(published.PATH))


def _rank(result: Result) -> tuple[bool, str, str, float]:
    """Return a sorting key: results that are up to date first, the most accurate of each dataset first."""
    return bool(result.origin.changes), result.title, result.dataset, -result.metrics["accuracy"]


def _read_result(run: Run, freshness: Freshness | None) -> Result:
    """Read a run with metrics; without a dvc.lock, stages were run by hand, and params.yaml says what made them."""
    plots = {kind: paths.plot(kind, run.name) for kind in PLOTS if kind != PREDICTIONS}
    if not freshness or freshness.has_predictions(run):
        plots[PREDICTIONS] = paths.predictions_plot(run.name)
    card = paths.model_card(run.name)
    metrics = _read_metrics(paths.metrics(run.name))
    origin = freshness.find_origin(run, metrics) if freshness else Origin(run, [])
    counts = _read_counts(paths.table("classes", run.name))
    is_mixed = counts is not None and not _agree(metrics, *counts)
    return Result(
        run=run,
        origin=origin,
        title=_dataset_title((origin.run or run).dataset),
        metrics=metrics,
        interval=intervals.wilson(*counts) if counts and not is_mixed else None,
        is_mixed=is_mixed,
        plots={kind: path.read_bytes() for kind, path in plots.items() if path.exists()},
        card=card.read_text(encoding="utf-8", errors="replace") if card.exists() else None,
    )


def _read_metrics(path: Path) -> dict[str, Any]:
    needed = ("accuracy", "errors", "parameters")
    try:
        metrics: dict[str, Any] = json.loads(path.read_bytes())
        is_finite = {name: math.isfinite(value) for name, value in metrics.items()}  # raises unless it is a number
        if all(is_finite.get(name) for name in needed):
            return metrics
        received = "other values"
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        received = first_line(error)
    raise InputError(path, f"JSON with the finite numbers {', '.join(needed)}", received, EVALUATE_AGAIN)


def _read_counts(path: Path) -> tuple[int, int] | None:
    """Return the numbers of correct and of all test images from a classes' table, or None without one."""
    if not path.exists():
        return None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(float(row["recall"] or 0), int(row["images"])) for row in csv.DictReader(file)]
        return sum(round(recall * images) for recall, images in rows), sum(images for _, images in rows)
    except (KeyError, ValueError, TypeError, OverflowError, csv.Error) as error:
        expected = "a table with the numbers recall and images"
        raise InputError(path, expected, first_line(error), EVALUATE_AGAIN) from error


def _agree(metrics: Mapping[str, Any], correct: int, images: int) -> bool:
    """Return True if the metrics, which git keeps, and the classes' table, which DVC keeps, are of one version."""
    is_same = images - correct == metrics["errors"] and abs(float(metrics["accuracy"]) * images - correct) < 0.5
    return is_same and 0 <= correct <= images


def _dataset_title(dataset: str) -> str:
    path = catalog.path_of(dataset)
    return (catalog.Dataset.load(path).title if path.exists() else None) or dataset
