"""Accuracy of each class, and how sure one can be of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.evaluation import intervals
from stages.evaluation.scores import Scores
from stages.pictures import look


def draw(path: Path, run: str, scores: Scores, classes: Sequence[str]) -> None:
    """Draw the share of each class's images that were recognized, the weakest first, with its 95 % interval.

    Args:
        path: The PNG file.
        run: The run's name.
        scores: On the test images.
        classes: What each label means; of more than `look.MOST_CLASSES`, the weakest are shown.
    """
    images = scores.confusion.sum(axis=1)
    rights = scores.confusion.diagonal()
    accuracy = rights / np.maximum(images, 1)
    there = np.flatnonzero(images)
    weakest = there[np.argsort(accuracy[there], kind="stable")][: look.MOST_CLASSES]
    bounds = np.array([intervals.wilson(int(rights[label]), int(images[label])) for label in weakest])
    places = np.arange(len(weakest))
    first = f"the weakest {len(weakest)} of {len(classes)}" if len(weakest) < len(classes) else "weakest first"
    note = f"{first}, with 95 % intervals; dashed: all classes, {scores.accuracy:.4f}"
    with look.chart(path, look.title(run, "accuracy of each class"), note, (7.2, 0.7 + 0.27 * len(places))) as figure:
        axes = figure.subplots()
        axes.hlines(places, bounds[:, 0], bounds[:, 1], color=look.BLUE, lw=2)
        axes.plot(accuracy[weakest], places, "o", color=look.BLUE, ms=6)
        axes.axvline(scores.accuracy, color=look.VERMILLION, ls="--", lw=1.4)
        for place, label in enumerate(weakest):
            words = f"{rights[label]:,} of {images[label]:,}"
            axes.annotate(
                words, (1.01, place), xycoords=("axes fraction", "data"), va="center", color=look.GREY, fontsize=8
            )
        axes.set_yticks(places, [look.short(classes[label]) for label in weakest])
        axes.set(xlabel="accuracy", ylim=(len(weakest) - 0.4, -0.6))
        axes.grid(visible=True, axis="x")
