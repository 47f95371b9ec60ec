"""History of a training: a CSV with a row for each epoch; and, apart from it, the wall time."""

import csv
import json
import math
import os
import platform
from pathlib import Path
from typing import NamedTuple

from stages.common import atomic
from stages.common.errors import InputError, first_line


class Epoch(NamedTuple):
    """Results of one epoch: losses in nats, accuracies 0…1; validation is None where there is none."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None


def write(path: Path, epochs: list[Epoch]) -> None:
    """Write the history so far; a reader sees the previous file or the new one, never a part."""
    rows = ([epoch, *("" if value is None else f"{value:.6f}" for value in values)] for epoch, *values in epochs)
    atomic.write_csv(path, Epoch._fields, rows)


def read(path: Path) -> list[Epoch]:
    """Return a history of at least one epoch.

    Raises:
        InputError: The file is missing, or is not a history.
    """
    next_step = "run dvc repro, or the train stage"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            epochs = [_epoch(row) for row in csv.DictReader(file)]
    except FileNotFoundError as error:
        raise InputError(path, "the history of a training", "none", next_step) from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        expected = f"the columns {', '.join(Epoch._fields)} of numbers"
        raise InputError(path, expected, first_line(error), next_step) from error
    if not epochs:
        raise InputError(path, "an epoch at least", "none", next_step)
    return epochs


def write_timing(path: Path, seconds: float) -> None:
    """Write the wall time of a training and its machine.

    Wall time is never the same twice, so it stays out of every tracked file.

    Args:
        path: JSON file in logs/, which git and DVC ignore.
        seconds: Time from reading the images to the last validation, compilation included, in this process.
    """
    entry = {
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "processor": platform.machine(),
    }
    atomic.write_text(path, json.dumps(entry, indent=2) + "\n")


def _epoch(row: dict[str, str]) -> Epoch:
    """Return the results in a row of a history.

    Raises:
        KeyError, TypeError, ValueError: A number is missing, or is none that a training writes.
    """
    numbers = {name: float(row[name]) for name in Epoch._fields[1:] if not name.startswith("val_") or row[name] != ""}
    for name, number in numbers.items():
        if not (0 <= number <= 1 if name.endswith("accuracy") else math.isfinite(number)):
            raise ValueError(f"{row[name]} as {name}")
    if len(numbers) == 3:
        raise ValueError("half of the validation's results")
    return Epoch(int(row["epoch"]), **numbers)
