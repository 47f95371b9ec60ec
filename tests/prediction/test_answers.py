import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from stages.prediction import answers
from stages.prediction.answers import OutputFormat

CLASSES = ["cat", "dog, small", "[bird]", "fish"]
PATHS = [Path("a.png"), Path("folder/b, c.jpg")]
PROBABILITIES = np.array([[0.1, 0.7, 0.05, 0.15], [0.0004, 0.0, 0.9994, 0.0002]], dtype=np.float32)


def test_a_table_has_the_three_most_probable_classes_in_percent(capsys: pytest.CaptureFixture[str]):
    answers.show(OutputFormat.TABLE, PATHS, PROBABILITIES, CLASSES)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    assert lines == [
        "picture          it is               or            or",
        "a.png            dog, small  70.0 %  fish  15.0 %  cat   10.0 %",
        "folder/b, c.jpg  [bird]      99.9 %  cat   0.0 %   fish  0.0 %",
    ]


def test_two_classes_have_two_answers(capsys: pytest.CaptureFixture[str]):
    answers.show(OutputFormat.TABLE, PATHS[:1], np.array([[0.25, 0.75]], np.float32), ["no", "yes"])

    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["picture", "it", "is", "or"],
        ["a.png", "yes", "75.0", "%", "no", "25.0", "%"],
    ]


def test_json_has_every_class(capsys: pytest.CaptureFixture[str]):
    answers.show(OutputFormat.JSON, PATHS, PROBABILITIES, CLASSES)
    first, second = json.loads(capsys.readouterr().out)

    assert first == {
        "file": "a.png",
        "class": "dog, small",
        "probability": 0.7,
        "probabilities": {"cat": 0.1, "dog, small": 0.7, "[bird]": 0.05, "fish": 0.15},
    }
    assert (second["file"], second["class"], second["probability"]) == ("folder/b, c.jpg", "[bird]", 0.9994)


def test_csv_has_every_class(capsys: pytest.CaptureFixture[str]):
    answers.show(OutputFormat.CSV, PATHS, PROBABILITIES, CLASSES)
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))

    assert rows == [
        ["file", "class", "probability", "cat", "dog, small", "[bird]", "fish"],
        ["a.png", "dog, small", "0.700000", "0.100000", "0.700000", "0.050000", "0.150000"],
        ["folder/b, c.jpg", "[bird]", "0.999400", "0.000400", "0.000000", "0.999400", "0.000200"],
    ]


@pytest.mark.parametrize(
    ("output_format", "expected"),
    [
        (OutputFormat.TABLE, ""),
        (OutputFormat.JSON, "[]\n"),
        (OutputFormat.CSV, 'file,class,probability,cat,"dog, small",[bird],fish\n'),
    ],
)
def test_without_pictures_there_are_no_answers(
    output_format: OutputFormat, expected: str, capsys: pytest.CaptureFixture[str]
):
    answers.show(output_format, [], np.empty((0, 4), np.float32), CLASSES)

    assert capsys.readouterr().out == expected
