"""Paths of the files that stages read and write; dvc.yaml names the same paths."""

import os
from pathlib import Path

from stages.common.errors import InputError


def recipe(name: str) -> Path:
    """Return the file of a recipe."""
    return Path("recipes") / f"{name}.yaml"


def dataset(name: str) -> Path:
    """Return the file that describes a dataset."""
    return Path("datasets") / f"{name}.yaml"


def raw(dataset: str) -> Path:
    """Return the folder of a dataset's downloaded files."""
    return Path("data/raw") / dataset


def arrays(dataset: str) -> Path:
    """Return the folder of a dataset's arrays, written by preprocess."""
    return Path("data/processed") / dataset


def samples(dataset: str) -> Path:
    """Return the plot of a dataset's first images, drawn by preprocess."""
    return Path("plots/samples") / f"{dataset}.png"


def model(run: str) -> Path:
    """Return the Keras model of a run, written by train."""
    return Path("models") / f"{run}.keras"


def litert_model(run: str) -> Path:
    """Return the LiteRT model of a run, written by train."""
    return Path("models") / f"{run}.tflite"


def model_card(run: str) -> Path:
    """Return the model card of a run, written by evaluate."""
    return Path("models") / f"{run}.md"


def table(kind: str, run: str) -> Path:
    """Return a CSV of a run: `history` by train, `classes` and `confusion` by evaluate."""
    return Path("plots") / kind / f"{run}.csv"


def metrics(run: str) -> Path:
    """Return the metrics of a run, written by evaluate."""
    return Path("metrics") / f"{run}.json"


def plot(kind: str, run: str) -> Path:
    """Return a plot of a run by evaluate: `history`, `confusion`, `classes`, `mistakes` or `calibration`."""
    return Path("plots/pictures") / run / f"{kind}.png"


def predictions(run: str) -> Path:
    """Return the CSV of a run's predictions for the test images, written by predict."""
    return Path("predictions") / f"{run}.csv"


def predictions_plot(run: str) -> Path:
    """Return the plot of a run's first predictions, drawn by predict."""
    return Path("plots/predictions") / f"{run}.png"


def timing(run: str) -> Path:
    """Return the JSON of a training's wall time, written by train and ignored by git and DVC."""
    return Path("logs") / f"{run}.json"


def cache_folder() -> Path:
    """Return the user's cache folder of this project; the environment variable STAGES_CACHE names another.

    Raises:
        InputError: The user has no home folder, and STAGES_CACHE is not set.
    """
    import platformdirs

    try:
        return Path(os.environ.get("STAGES_CACHE") or platformdirs.user_cache_dir("stages")).expanduser()
    except RuntimeError as error:  # of a user whom the system does not know, as in a container
        next_step = "set HOME or STAGES_CACHE to the absolute path of a folder"
        raise InputError("cache folder", "a home folder that holds it", "no home folder", next_step) from error
