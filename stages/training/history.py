"""The history of a training: a CSV with one row for each epoch."""

import csv
from pathlib import Path
from typing import NamedTuple

from stages import atomic


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
