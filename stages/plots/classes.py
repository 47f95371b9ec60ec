"""Accuracy of each class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.evaluation import intervals
from stages.evaluation.scores import Scores
from stages.plots import style


def draw(path: Path, run_name: str, scores: Scores, classes: Sequence[str]) -> None:
    """Draw the accuracy (recall) of each class with its 95 % interval, the weakest class first.

    Args:
        path: PNG file to write.
        run_name: Name of the run, for the title.
        scores: Scores on the test images.
        classes: Names of the classes, label 0 first. Of more than `style.MOST_CLASSES`, the weakest are drawn.
    """
    images = scores.confusion.sum(axis=1)
    correct = scores.confusion.diagonal()
    accuracy = correct / np.maximum(images, 1)
    with_images = np.flatnonzero(images)
    weakest = with_images[np.argsort(accuracy[with_images], kind="stable")][: style.MOST_CLASSES]
    bounds = np.array([intervals.wilson(int(correct[label]), int(images[label])) for label in weakest])
    rows = np.arange(len(weakest))
    order = f"the weakest {len(weakest)} of {len(classes)}" if len(weakest) < len(classes) else "weakest first"
    note = f"{order}, with 95 % intervals; dashed: all classes, {scores.accuracy:.4f}"
    inches = (7.2, 0.7 + 0.27 * len(rows))
    with style.new_chart(path, style.title(run_name, "accuracy of each class"), note, inches) as figure:
        axes = figure.subplots()
        axes.hlines(rows, bounds[:, 0], bounds[:, 1], color=style.BLUE, lw=2)
        axes.plot(accuracy[weakest], rows, "o", color=style.BLUE, ms=6)
        axes.axvline(scores.accuracy, color=style.VERMILLION, ls="--", lw=1.4)
        for row, label in enumerate(weakest):
            counts = f"{correct[label]:,} of {images[label]:,}"
            axes.annotate(
                counts, (1.01, row), xycoords=("axes fraction", "data"), va="center", color=style.GREY, fontsize=8
            )
        axes.set_yticks(rows, [style.shortened(classes[label]) for label in weakest])
        axes.set(xlabel="accuracy", ylim=(len(weakest) - 0.4, -0.6))
        axes.grid(visible=True, axis="x")
