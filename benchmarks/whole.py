"""What a whole tutorial takes, computed from a measurement of fewer epochs or images."""

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.systems import SYSTEMS
from stages.images import arrays
from stages.training.recipe import Recipe


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
