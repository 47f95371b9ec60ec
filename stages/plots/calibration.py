"""Reliability diagram: accuracy over confidence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.evaluation import intervals
from stages.evaluation.calibration import Bin, expected_calibration_error
from stages.plots import style


def draw(path: Path, run_name: str, bins: Sequence[Bin]) -> None:
    """Draw accuracy over confidence with 95 % intervals, and a histogram of the confidence below.

    Args:
        path: PNG file to write.
        run_name: Name of the run, for the title.
        bins: Bins, as `CalibrationAccumulator` returns them.
    """
    filled = [each for each in bins if each.images]
    confidences = [each.confidence for each in filled]
    bounds = np.array([intervals.wilson(each.correct, each.images) for each in filled])
    error = expected_calibration_error(bins)
    note = f"is it right as often as it is sure? Expected calibration error: {error:.4f}"
    with style.new_chart(path, style.title(run_name, "calibration"), note, (5.4, 5)) as figure:
        from matplotlib.ticker import StrMethodFormatter

        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot([0, 1], [0, 1], color=style.GREY, ls="--", lw=1.2, label="as often as it is sure")
        above.vlines(confidences, bounds[:, 0], bounds[:, 1], color=style.BLUE, lw=2)
        accuracies = [each.correct / each.images for each in filled]
        above.plot(confidences, accuracies, "o", color=style.BLUE, ms=6, label="the model", clip_on=False)
        above.set(ylabel="share that is right", ylim=(-0.02, 1.02))
        above.grid(visible=True)
        above.legend(loc="lower right")
        edges = np.linspace(0, 1, len(bins) + 1)
        counts = [each.images for each in bins]
        below.bar(edges[:-1], counts, 1 / len(bins), align="edge", color=style.BLUE, ec="white")
        below.set(
            xlabel="probability of the predicted class", ylabel="images", yscale="log", xlim=(0, 1), ylim=(0.7, None)
        )
        below.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        below.minorticks_off()
        below.grid(visible=True, axis="y")
