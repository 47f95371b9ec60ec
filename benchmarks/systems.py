"""Systems that are timed: epochs, images and goal of each, and the time of a whole tutorial."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from stages.common.params import Run
from stages.images import arrays
from stages.model.recipe import Recipe


class System(NamedTuple):
    """System of a tutorial, trained by the tutorial's code and by ours.

    Attributes:
        run: Run as in params.yaml, where not every system is switched on.
        epochs: Epochs of both sides, fewer than the tutorial's if these take long.
        goal: Factor by which ours should be faster than the tutorial.
        num_images: Number of training images, the first ones; a sixth as many test images. None: all of both.
        is_large: True if arithmetic takes most of the time, so GFLOP/s are worth measuring.
    """

    run: Run
    epochs: int
    goal: float
    num_images: int | None = None
    is_large: bool = False


SYSTEMS = {
    system.run.name: system
    for system in (
        System(Run("mnist-mlp", "mnist", "mlp", seed=0), 5, goal=14),
        System(Run("mnist-cnn-small", "mnist", "cnn-small", seed=0), 5, goal=5),
        System(Run("mnist-mlp-wide", "mnist", "mlp-wide", seed=0), 5, goal=3.5),
        System(Run("mnist-cnn-5x5", "mnist", "cnn-5x5", seed=0), 2, goal=2.5, num_images=6_000, is_large=True),
        System(Run("mnist-cnn-tanh", "mnist", "cnn-tanh", seed=0), 4, goal=3.5),
        System(Run("fashion-cnn-gap", "fashion-mnist", "cnn-gap", seed=0), 2, goal=3, num_images=30_000),
        # an epoch of the tutorial takes over 2 minutes; these are two tenths of one
        System(
            Run("fashion-cnn-dropout", "fashion-mnist", "cnn-dropout", seed=0),
            2,
            goal=2.2,
            num_images=6_000,
            is_large=True,
        ),
    )
}


def tutorial_seconds(name: str, measured: Sequence[Mapping[str, float]], epochs: int, num_images: int | None) -> float:
    """Return the seconds of a tutorial's whole training, compilation included.

    They are the measured seconds if all epochs on all images were measured, and extrapolated otherwise.

    Args:
        name: Name of the system.
        measured: Results of `side.measure_tutorial`, one or more; their medians count.
        epochs: Number of epochs that were measured, at least two.
        num_images: Number of images that were trained on, or None for all.
    """
    epoch_seconds = median(each["epoch_seconds"] for each in measured)
    compilation_seconds = median(each["seconds"] for each in measured) - epochs * epoch_seconds
    fraction = num_images / arrays.read_info(SYSTEMS[name].run.arrays).train.images if num_images else 1
    return compilation_seconds + tutorial_epochs(name) * epoch_seconds / fraction


def tutorial_epochs(name: str) -> int:
    """Return the number of epochs of a whole tutorial."""
    return Recipe.load(SYSTEMS[name].run.recipe_path).training.epochs
