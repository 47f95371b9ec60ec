"""The reliability diagram: whether a model is right as often as it is sure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.evaluation import intervals
from stages.evaluation.calibration import Bin, expected_error
from stages.pictures import look


def draw(path: Path, run: str, bins: Sequence[Bin]) -> None:
    """Draw accuracy over confidence, with 95 % intervals, and how many images have which confidence.

    Args:
        path: The PNG file.
        run: The run's name.
        bins: As `calibration.Tally` returns them.
    """
    from matplotlib.ticker import StrMethodFormatter

    filled = [each for each in bins if each.images]
    sure = [each.confidence for each in filled]
    bounds = np.array([intervals.wilson(each.right, each.images) for each in filled])
    note = f"is it right as often as it is sure? Expected calibration error: {expected_error(bins):.4f}"
    with look.chart(path, look.title(run, "calibration"), note, (5.4, 5)) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot([0, 1], [0, 1], color=look.GREY, ls="--", lw=1.2, label="as often as it is sure")
        above.vlines(sure, bounds[:, 0], bounds[:, 1], color=look.BLUE, lw=2)
        accuracies = [each.right / each.images for each in filled]
        above.plot(sure, accuracies, "o", color=look.BLUE, ms=6, label="the model", clip_on=False)
        above.set(ylabel="share that is right", ylim=(-0.02, 1.02))
        above.grid(visible=True)
        above.legend(loc="lower right")
        edges = np.linspace(0, 1, len(bins) + 1)
        counts = [each.images for each in bins]
        below.bar(edges[:-1], counts, 1 / len(bins), align="edge", color=look.BLUE, ec="white")
        below.set(
            xlabel="probability of the predicted class", ylabel="images", yscale="log", xlim=(0, 1), ylim=(0.7, None)
        )
        below.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        below.minorticks_off()
        below.grid(visible=True, axis="y")
