import csv
import json
from pathlib import Path

import numpy as np
import pytest

from stages.evaluation import scores, tables
from tests.accumulators import score

CLASSES = ["shirt", "coat, long"]
PROBABILITIES = np.array([[0.75, 0.25], [0.4, 0.6], [1 / 3, 2 / 3]], dtype=np.float32)
LABELS = np.array([0, 0, 1], dtype=np.int32)


@pytest.fixture()
def scored() -> scores.Scores:
    return score(PROBABILITIES, LABELS)


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("published", "more"),
    [(None, {}), (0.9, {"published": 0.9, "gain": -0.233333}), (0.0, {"published": 0.0, "gain": 0.666667})],
)
def test_metrics_are_a_few_scalars(
    published: float | None, more: dict[str, float], scored: scores.Scores, tmp_path: Path
):
    train = score(PROBABILITIES[[0, 2]], LABELS[[0, 2]])
    tables.write_metrics(tmp_path / "metrics/run.json", scored, train, 55_050, published)
    metrics = json.loads((tmp_path / "metrics/run.json").read_text())

    expected = {
        "accuracy": 0.666667,
        "balanced_accuracy": 0.75,
        "macro_f1": 0.666667,
        "train_accuracy": 1.0,
        "loss": 0.53648,
        "errors": 1,
        "parameters": 55_050,
    }
    assert metrics == pytest.approx(expected | more, abs=1e-6)
    assert list(metrics) == [*expected, *more]


def test_confusion_has_a_row_for_each_pair(scored: scores.Scores, tmp_path: Path):
    tables.write_confusion(tmp_path / "confusion.csv", scored, CLASSES)

    assert rows(tmp_path / "confusion.csv") == [
        ["actual", "predicted", "count", "share"],
        ["shirt", "shirt", "1", "0.500000"],
        ["shirt", "coat, long", "1", "0.500000"],
        ["coat, long", "shirt", "0", "0.000000"],
        ["coat, long", "coat, long", "1", "1.000000"],
    ]


def test_a_class_without_images_has_fractions_of_zero(tmp_path: Path):
    tables.write_confusion(tmp_path / "confusion.csv", score(PROBABILITIES[:2], LABELS[:2]), CLASSES)

    assert rows(tmp_path / "confusion.csv")[3:] == [["coat, long", name, "0", "0.000000"] for name in CLASSES]


def test_classes_have_a_row_each(scored: scores.Scores, tmp_path: Path):
    tables.write_classes(tmp_path / "classes.csv", scored, CLASSES)

    assert rows(tmp_path / "classes.csv") == [
        ["class", "precision", "recall", "f1", "images"],
        ["shirt", "1.000000", "0.500000", "0.666667", "2"],
        ["coat, long", "0.500000", "1.000000", "0.666667", "1"],
    ]


def test_a_class_without_images_has_empty_cells(tmp_path: Path):
    tables.write_classes(tmp_path / "classes.csv", score(PROBABILITIES[:2], LABELS[:2]), CLASSES)

    assert rows(tmp_path / "classes.csv")[2] == ["coat, long", "0.000000", "", "", "0"]


def test_predictions_have_a_row_for_each_image(tmp_path: Path):
    tables.write_predictions(
        tmp_path / "predictions.csv", iter([PROBABILITIES[:2], PROBABILITIES[2:]]), LABELS, CLASSES
    )

    assert rows(tmp_path / "predictions.csv") == [
        ["index", "label", "predicted", *CLASSES],
        ["0", "0", "0", "0.750000", "0.250000"],
        ["1", "0", "1", "0.400000", "0.600000"],
        ["2", "1", "1", "0.333333", "0.666667"],
    ]
