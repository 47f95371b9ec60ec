"""Confusion matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stages.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_WITH_NUMBERS = 16  # classes; with more, the numbers would not fit into their cells
DARKEST = 0.2  # fraction of a class that is predicted as another; higher ones are no darker
LOWEST_WRITTEN = 0.0005  # fraction of a class; lower ones get no number


def draw(path: Path, run_name: str, confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> None:
    """Draw the percentage of each class's images that were predicted as each class: correct blue, wrong orange.

    Args:
        path: PNG file to write.
        run_name: Name of the run, for the title.
        confusion: (num_classes, num_classes): images of the row's class that were predicted as the column's.
        classes: Names of the classes, label 0 first. Of more than `style.MOST_CLASSES`, those with the most mistakes
            are drawn.
    """
    mistakes = confusion.sum(axis=1) - confusion.diagonal()
    drawn = np.sort(np.argsort(-mistakes, kind="stable")[: style.MOST_CLASSES])
    fractions = confusion[np.ix_(drawn, drawn)] / np.maximum(confusion.sum(axis=1), 1)[drawn, np.newaxis]
    names = [style.shortened(classes[label]) for label in drawn]
    count, with_numbers = len(drawn), len(drawn) <= MOST_WITH_NUMBERS
    cells = max(3.0, count * (0.47 if with_numbers else 0.2))  # inches
    margins = 0.9 + 0.07 * max(map(len, names))
    note = "of 100 images of a true class, how many are taken for which class"
    if count < len(classes):
        note += f"; the {count} of {len(classes)} classes with the most mistakes"
    inches = (max(cells + margins, 5.4), cells + margins)
    with style.new_chart(path, style.title(run_name, "confusion"), note, inches) as figure:
        axes = figure.subplots()
        _draw_cells(axes, fractions)
        if with_numbers:
            _write_percentages(axes, fractions)
        font_size = 9 if with_numbers else 6.5
        are_short = max(map(len, names)) <= 3
        axes.set_xticks(range(count), names, rotation=0 if are_short else 90, fontsize=font_size)
        axes.set_yticks(range(count), names, fontsize=font_size)
        lines = np.arange(count + 1) - 0.5
        axes.hlines(lines, lines[0], lines[-1], color=style.FAINT, lw=0.6)
        axes.vlines(lines, lines[0], lines[-1], color=style.FAINT, lw=0.6)
        axes.tick_params(length=0)
        axes.set(xlabel="predicted class", ylabel="true class")


def _draw_cells(axes: "Axes", fractions: npt.NDArray[np.float64]) -> None:
    from matplotlib.colors import PowerNorm

    correct = np.eye(len(fractions), dtype=bool)
    axes.imshow(np.ma.masked_array(fractions, ~correct), cmap="Blues", vmin=0, vmax=1)
    scale = PowerNorm(0.5, vmin=0, vmax=DARKEST)  # makes one mistake in a hundred visible
    axes.imshow(np.ma.masked_array(fractions, correct | (fractions == 0)), cmap="Oranges", norm=scale)


def _write_percentages(axes: "Axes", fractions: npt.NDArray[np.float64]) -> None:
    for (row, column), fraction in np.ndenumerate(fractions):
        if fraction >= LOWEST_WRITTEN:
            colour = "white" if fraction > (0.5 if row == column else DARKEST / 2) else style.INK
            percentage = f"{100 * fraction:.1f}"
            text = axes.text(column, row, percentage, color=colour, ha="center", va="center", fontsize=8)
            text.set_in_layout(False)  # it lies within its cell
