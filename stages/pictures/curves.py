"""Training curves: accuracy and loss of each epoch."""

from collections.abc import Sequence
from pathlib import Path

from stages.pictures import look
from stages.training.history import Epoch


def draw(path: Path, run: str, epochs: Sequence[Epoch]) -> None:
    """Draw accuracy and loss, on the training images and, where there were any, on those of the validation.

    Args:
        path: The PNG file.
        run: The run's name.
        epochs: At least one.
    """
    from matplotlib.ticker import MaxNLocator

    numbers = [epoch.epoch for epoch in epochs]
    with look.chart(path, look.title(run, "training"), "accuracy and loss of each epoch", (8, 2.7)) as figure:
        for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
            axes.plot(
                numbers, [getattr(epoch, name) for epoch in epochs], "o-", color=look.BLUE, ms=4, label="training"
            )
            validated = [(epoch.epoch, getattr(epoch, f"val_{name}")) for epoch in epochs]
            points = [point for point in validated if point[1] is not None]
            if points:
                axes.plot(*zip(*points, strict=True), "s--", color=look.VERMILLION, ms=4, label="validation")
            axes.set(xlabel="epoch", title=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(visible=True)
            axes.legend(loc="lower right" if name == "accuracy" else "upper right")
