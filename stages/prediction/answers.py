"""Predictions for a user's pictures on standard output, as a table, JSON or CSV."""

import csv
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from stages.common import console
from stages.common.printable import printable
from stages.plots import style

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from stages.evaluation.inference import Probabilities

NUM_TOP = 3
DECIMALS = 6


class OutputFormat(StrEnum):
    """Format of the printed answers."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def top_classes(probabilities: "npt.NDArray[np.float32]", classes: Sequence[str]) -> list[tuple[str, float]]:
    """Return the NUM_TOP most probable classes of one picture with their probabilities, 0…1, in descending order."""
    return [(classes[label], float(probabilities[label])) for label in probabilities.argsort()[::-1][:NUM_TOP]]


def show(
    output_format: OutputFormat, files: Sequence[Path], probabilities: "Probabilities", classes: Sequence[str]
) -> None:
    """Print the prediction for each picture on standard output.

    A table has the most probable classes. JSON is a list of objects with `file`, `class`, `probability`, and
    `probabilities` of all classes. CSV has the columns `file`, `class`, `probability` and one for each class.

    Args:
        output_format: Format to print.
        files: Files of the pictures, N.
        probabilities: float32, (N, num_classes), 0…1, each row summing to 1.
        classes: Names of the classes, label 0 first.
    """
    answers = list(zip(map(str, files), probabilities, strict=True))
    match output_format:
        case OutputFormat.TABLE:
            _print_table(answers, classes)
        case OutputFormat.JSON:
            _print_json(answers, classes)
        case OutputFormat.CSV:
            _print_csv(answers, classes)
    sys.stdout.flush()  # `console.command` expects a closed pipe here, not at exit


def _print_table(answers: Sequence[tuple[str, "npt.NDArray[np.float32]"]], classes: Sequence[str]) -> None:
    rows = [
        [printable(file), *(cell for name, value in top_classes(row, classes) for cell in (name, style.percent(value)))]
        for file, row in answers
    ]
    if rows:
        console.table(["picture", "it is", "", "or", "", "or", ""][: len(rows[0])], rows)


def _print_json(answers: Sequence[tuple[str, "npt.NDArray[np.float32]"]], classes: Sequence[str]) -> None:
    objects = [
        {
            "file": file,
            "class": classes[int(row.argmax())],
            "probability": _rounded(row.max()),
            "probabilities": dict(zip(classes, map(_rounded, row), strict=True)),
        }
        for file, row in answers
    ]
    text = json.dumps(objects, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # another character set, or a file name that is not UTF-8
        text = json.dumps(objects, indent=2)
    sys.stdout.write(text + "\n")


def _print_csv(answers: Sequence[tuple[str, "npt.NDArray[np.float32]"]], classes: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "class", "probability", *classes])
    writer.writerows(
        [file, classes[int(row.argmax())], *(f"{_rounded(value):.{DECIMALS}f}" for value in (row.max(), *row))]
        for file, row in answers
    )


def _rounded(probability: float) -> float:
    return round(float(probability), DECIMALS)
