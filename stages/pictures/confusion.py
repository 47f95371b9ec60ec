"""The confusion matrix: which class is taken for which."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.pictures import look

MOST_WITH_NUMBERS = 16  # classes; with more the numbers would not fit into their cells
DARKEST = 0.2  # share of a class that is taken for another; more is as dark
LOWEST_SHOWN = 0.0005  # share of a class; less is written as nothing


def draw(path: Path, run: str, confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> None:
    """Draw the share of each class's images that were taken for each class, in %: right ones blue, mistakes orange.

    Args:
        path: The PNG file.
        run: The run's name.
        confusion: (num_classes, num_classes), images of the row's class that were called the column's.
        classes: What each label means; of more than `look.MOST_CLASSES`, those with the most mistakes are shown.
    """
    from matplotlib.colors import PowerNorm

    mistakes = confusion.sum(axis=1) - confusion.diagonal()
    shown = np.sort(np.argsort(-mistakes, kind="stable")[: look.MOST_CLASSES])
    shares = confusion[np.ix_(shown, shown)] / np.maximum(confusion.sum(axis=1), 1)[shown, np.newaxis]
    names = [look.short(classes[label]) for label in shown]
    count, right = len(shown), np.eye(len(shown), dtype=bool)
    with_numbers = count <= MOST_WITH_NUMBERS
    cells = max(3.0, count * (0.47 if with_numbers else 0.2))  # inches
    around = 0.9 + 0.07 * max(map(len, names))
    note = "of 100 images of a true class, how many are taken for which class"
    if count < len(classes):
        note += f"; the {count} of {len(classes)} classes with the most mistakes"
    with look.chart(path, look.title(run, "confusion"), note, (max(cells + around, 5.4), cells + around)) as figure:
        axes = figure.subplots()
        axes.imshow(np.ma.masked_array(shares, ~right), cmap="Blues", vmin=0, vmax=1)
        scale = PowerNorm(0.5, vmin=0, vmax=DARKEST)  # so that a mistake in a hundred is seen
        axes.imshow(np.ma.masked_array(shares, right | (shares == 0)), cmap="Oranges", norm=scale)
        if with_numbers:
            for (row, column), share in np.ndenumerate(shares):
                if share >= LOWEST_SHOWN:
                    colour = "white" if share > (0.5 if row == column else DARKEST / 2) else look.INK
                    words = f"{100 * share:.1f}"
                    text = axes.text(column, row, words, color=colour, ha="center", va="center", fontsize=8)
                    text.set_in_layout(False)  # it lies within its cell
        size = 9 if with_numbers else 6.5
        upright = max(map(len, names)) <= 3
        axes.set_xticks(range(count), names, rotation=0 if upright else 90, fontsize=size)
        axes.set_yticks(range(count), names, fontsize=size)
        lines = np.arange(count + 1) - 0.5
        axes.hlines(lines, lines[0], lines[-1], color=look.FAINT, lw=0.6)
        axes.vlines(lines, lines[0], lines[-1], color=look.FAINT, lw=0.6)
        axes.tick_params(length=0)
        axes.set(xlabel="predicted class", ylabel="true class")
