"""What is measured of each system: how many epochs and images, and the goal."""

from typing import NamedTuple

from stages.plan import Run


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
