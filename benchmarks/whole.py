"""What a whole tutorial takes, computed from a measurement of fewer epochs or images."""

from statistics import median

from benchmarks.pairs import Row
from benchmarks.systems import SYSTEMS
from stages.images import arrays
from stages.training.recipe import Recipe


def tutorial_seconds(name: str, row: Row) -> float:
    """Return what all epochs of a tutorial take, its compilation included: as measured, where all were measured."""
    measured = [pair["tutorial"] for pair in row["pairs"]]
    epoch = median(each["epoch_seconds"] for each in measured)
    rest = median(each["seconds"] for each in measured) - row["epochs"] * epoch  # the compilation
    share = row["images"] / train_images(name) if row["images"] else 1
    return float(rest + tutorial_epochs(name) * epoch / share)


def tutorial_epochs(name: str) -> int:
    """Return how many epochs the tutorial trains."""
    return Recipe.load(SYSTEMS[name].run.recipe_path).training.epochs


def train_images(name: str) -> int:
    """Return how many images the tutorial trains on."""
    return arrays.read_description(SYSTEMS[name].run.data).train.images
