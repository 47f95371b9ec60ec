"""What is measured of each system: how many epochs and images, and the goal; what a whole tutorial takes by that."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from stages.images import arrays
from stages.plan import Run
from stages.training.recipe import Recipe


class System(NamedTuple):
    """One measurement; run as in params.yaml, where not every system is switched on.

    Attributes:
        run: Dataset, recipe and seed.
        epochs: How many both sides train; the long ones fewer than their tutorials.
        goal: How many times faster than the tutorial it should be.
        images: Train on so many of the first images and validate on a sixth as many; None: all, 60,000 and 10,000.
        is_large: Whether arithmetic decides, so that GFLOP/s tell something.
    """

    run: Run
    epochs: int
    goal: float
    images: int | None = None
    is_large: bool = False


SYSTEMS = {
    "mnist-mlp": System(Run(dataset="mnist", recipe="mlp", seed=0), 5, 14),
    "mnist-cnn-small": System(Run(dataset="mnist", recipe="cnn-small", seed=0), 5, 5),
    "mnist-mlp-wide": System(Run(dataset="mnist", recipe="mlp-wide", seed=0), 5, 3.5),
    "mnist-cnn-5x5": System(Run(dataset="mnist", recipe="cnn-5x5", seed=0), 2, 2.5, images=6_000, is_large=True),
    "mnist-cnn-tanh": System(Run(dataset="mnist", recipe="cnn-tanh", seed=0), 4, 3.5),
    "fashion-cnn-gap": System(Run(dataset="fashion-mnist", recipe="cnn-gap", seed=0), 2, 3, images=30_000),
    # a whole epoch of the tutorial takes over 2 minutes; this is a tenth of one, twice
    "fashion-cnn-dropout": System(
        Run(dataset="fashion-mnist", recipe="cnn-dropout", seed=0), 2, 2.2, images=6_000, is_large=True
    ),
}


def tutorial_seconds(name: str, measured: Sequence[Mapping[str, float]], epochs: int, images: int | None) -> float:
    """Return what all epochs of a tutorial take, its compilation included: as measured, where all were measured.

    Args:
        name: The tutorial's system.
        measured: What `side.measure_tutorial` returned, once or more; medians are taken.
        epochs: How many epochs it had, two at least.
        images: How many images it had; None: all.
    """
    epoch = median(each["epoch_seconds"] for each in measured)
    rest = median(each["seconds"] for each in measured) - epochs * epoch  # the compilation
    share = images / arrays.read_description(SYSTEMS[name].run.data).train.images if images else 1
    return rest + tutorial_epochs(name) * epoch / share


def tutorial_epochs(name: str) -> int:
    """Return how many epochs the tutorial trains."""
    return Recipe.load(SYSTEMS[name].run.recipe_path).training.epochs
