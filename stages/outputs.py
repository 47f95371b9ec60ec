"""Where the stages leave what they make of a dataset or of a run; dvc.yaml names the same paths."""

from pathlib import Path


def files(dataset: str) -> Path:
    """Where download leaves the files of a dataset."""
    return Path("data/raw") / dataset


def arrays(dataset: str) -> Path:
    """Where preprocess leaves the arrays of a dataset."""
    return Path("data/processed") / dataset


def samples(dataset: str) -> Path:
    """Where preprocess draws some images of a dataset."""
    return Path("plots/samples") / f"{dataset}.png"


def model(run: str) -> Path:
    """Where train leaves the model of a run."""
    return Path("models") / f"{run}.keras"


def lite_model(run: str) -> Path:
    """Where train leaves the model of a run for LiteRT."""
    return Path("models") / f"{run}.tflite"


def table(kind: str, run: str) -> Path:
    """Where the tables of a run lie: `history` by train, `classes` and `confusion` by evaluate."""
    return Path("plots") / kind / f"{run}.csv"


def metrics(run: str) -> Path:
    """Where evaluate leaves the metrics of a run."""
    return Path("metrics") / f"{run}.json"


def card(run: str) -> Path:
    """Where evaluate leaves the model card of a run."""
    return Path("models") / f"{run}.md"


def picture(kind: str, run: str) -> Path:
    """Where evaluate draws a run: `history`, `confusion`, `classes`, `mistakes` and `calibration`."""
    return Path("plots/pictures") / run / f"{kind}.png"


def predictions(run: str) -> Path:
    """Where predict leaves what a run says of the test images."""
    return Path("predictions") / f"{run}.csv"


def first_predictions(run: str) -> Path:
    """Where predict draws the first of these."""
    return Path("plots/predictions") / f"{run}.png"
