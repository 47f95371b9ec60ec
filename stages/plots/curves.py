"""Training curves: accuracy and loss of each epoch."""

from collections.abc import Sequence
from pathlib import Path

from stages.model.history import Epoch
from stages.plots import style

MOST_MARKERS = 40  # epochs; the markers of more would cover the line


def draw(path: Path, run_name: str, epochs: Sequence[Epoch]) -> None:
    """Draw accuracy and loss on the training images and, if there are any, on the validation images.

    Args:
        path: PNG file to write.
        run_name: Name of the run, for the title.
        epochs: History of the training, at least one epoch.
    """
    numbers = [epoch.epoch for epoch in epochs]
    marker_size = 4 if len(epochs) <= MOST_MARKERS else 0
    with style.new_chart(
        path, style.title(run_name, "training"), "accuracy and loss of each epoch", (8, 2.7)
    ) as figure:
        from matplotlib.ticker import MaxNLocator

        for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
            values = [getattr(epoch, name) for epoch in epochs]
            axes.plot(numbers, values, "o-", color=style.BLUE, ms=marker_size, label="training")
            validation = [(epoch.epoch, getattr(epoch, f"val_{name}")) for epoch in epochs]
            points = [point for point in validation if point[1] is not None]
            if points:
                axes.plot(*zip(*points, strict=True), "s--", color=style.VERMILLION, ms=marker_size, label="validation")
            axes.set(xlabel="epoch", title=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(visible=True)
            axes.legend(loc="lower right" if name == "accuracy" else "upper right")
