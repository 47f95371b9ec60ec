"""The history of a training: a CSV with one row for each epoch."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

from stages import atomic
from stages.errors import InputError


class Epoch(NamedTuple):
    """What one epoch came to; losses in nats, accuracies 0…1, validation None where there is none."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None


def write(path: Path, epochs: list[Epoch]) -> None:
    """Write the history so far; a reader sees the file of before or the new one, never a part."""
    with atomic.new_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Epoch._fields)
        writer.writerows(
            [epoch, *("" if value is None else f"{value:.6f}" for value in values)] for epoch, *values in epochs
        )


def read(path: Path) -> list[Epoch]:
    """Return a history as it was written, one epoch at least.

    Raises:
        InputError: There is no such file, or it is not a history.
    """
    again = "run dvc repro, or the train stage"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        epochs = [Epoch(int(row["epoch"]), *(_number(row[name]) for name in Epoch._fields[1:])) for row in rows]
    except FileNotFoundError as error:
        raise InputError(path, "the history of a training", "none", again) from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"the columns {', '.join(Epoch._fields)} of numbers", error, again) from error
    if not epochs:
        raise InputError(path, "an epoch at least", "none", again)
    return epochs


def _number(cell: str) -> Any:
    return None if cell == "" else float(cell)
