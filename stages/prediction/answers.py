"""What a network says of pictures, for people and for programs."""

import csv
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from stages import console
from stages.pictures import look

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from stages.evaluation.inference import Probabilities

TOP = 3
DECIMALS = 6


class Format(StrEnum):
    """How answers are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def top(probabilities: "npt.NDArray[np.float32]", classes: Sequence[str]) -> list[tuple[str, float]]:
    """Return the most probable classes of one picture with their probabilities, 0…1, the best first."""
    return [(classes[number], float(probabilities[number])) for number in probabilities.argsort()[::-1][:TOP]]


def show(form: Format, paths: Sequence[Path], probabilities: "Probabilities", classes: Sequence[str]) -> None:
    """Print on standard output what each picture is.

    A table has the most probable classes. JSON is a list of objects with `file`, `class`, `probability` and
    `probabilities`, an object with those of all classes; CSV has the columns `file`, `class`, `probability` and one for
    each class.

    Args:
        form: Which of these.
        paths: The pictures' files, N.
        probabilities: float32, (N, num_classes), 0…1; none if there is no picture.
        classes: What each column means.
    """
    answers = list(zip(map(str, paths), probabilities, strict=True))
    match form:
        case Format.TABLE:
            rows = [
                [path, *(cell for name, share in top(row, classes) for cell in (name, look.percent(share)))]
                for path, row in answers
            ]
            if rows:
                console.table(["picture", "it is", "", "or", "", "or", ""][: len(rows[0])], rows)
        case Format.JSON:
            objects = [
                {
                    "file": path,
                    "class": classes[row.argmax()],
                    "probability": _rounded(row.max()),
                    "probabilities": dict(zip(classes, map(_rounded, row), strict=True)),
                }
                for path, row in answers
            ]
            sys.stdout.write(json.dumps(objects, indent=2, ensure_ascii=False) + "\n")
        case Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(["file", "class", "probability", *classes])
            writer.writerows(
                [path, classes[row.argmax()], *(f"{_rounded(share):.{DECIMALS}f}" for share in (row.max(), *row))]
                for path, row in answers
            )
    sys.stdout.flush()  # here, where a reader that is gone, such as head, is no error


def _rounded(probability: float) -> float:
    return round(float(probability), DECIMALS)
