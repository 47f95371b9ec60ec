import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stages import evaluate, preprocess, train
from stages.images import arrays
from stages.training import model_file
from tests import tiny
from tests.commands import run_all

MODEL = Path("models/tiny-mlp.keras")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one run, trained so briefly that it makes mistakes."""
    project = tiny.write_project(tmp_path_factory.mktemp("trained"))
    recipe = project / "recipes/mlp.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 2, batch_size: 20", "epochs: 1, batch_size: 100"))
    run_all(project, (preprocess.app, ["tiny"]), (train.app, ["--run", "tiny-mlp"]))
    return project


@pytest.fixture(autouse=True)
def _in_project(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(trained)
    before = {path: path.read_bytes() for path in (Path("params.yaml"), MODEL)}
    yield
    for path, content in before.items():
        path.write_bytes(content)


def scored() -> dict[str, float]:
    result = CliRunner().invoke(evaluate.app, ["--run", "tiny-mlp"])
    assert result.exit_code == 0, result.output
    return json.loads(Path("metrics/tiny-mlp.json").read_text())


def rows(kind: str) -> list[dict[str, str]]:
    with Path(f"plots/{kind}/tiny-mlp.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_are_what_the_model_does_on_both_splits():
    metrics = scored()
    model = model_file.load(MODEL, (28, 28, 1), 10)
    right = {}
    for split in arrays.SPLITS:
        images, labels = arrays.read_split(Path("data/processed/tiny"), split)
        probabilities = model.predict(images, verbose=0)
        right[split] = int((probabilities.argmax(axis=1) == labels).sum())

    of_truth = probabilities[np.arange(len(labels)), labels]
    assert metrics == {
        "accuracy": right["test"] / 50,
        "train_accuracy": right["train"] / 200,
        "loss": pytest.approx(-np.log(of_truth).mean(), abs=2e-6),
        "errors": 50 - right["test"],
        "parameters": 784 * 16 + 16 + 16 * 10 + 10,
        "published": 0.5,
        "gain": round(right["test"] / 50 - 0.5, 6),
    }
    assert 0 < metrics["errors"] < 50


def test_without_a_published_figure_there_is_no_gain():
    params = Path("params.yaml")
    params.write_text(params.read_text().replace(", published: 0.5", ""))

    assert list(scored()) == ["accuracy", "train_accuracy", "loss", "errors", "parameters"]


def test_confusion_and_classes_count_every_test_image():
    metrics = scored()
    confusion, classes = rows("confusion"), rows("classes")

    assert (100, 10) == (len(confusion), len(classes))
    for of_class in classes:
        mine = [row for row in confusion if row["actual"] == of_class["class"]]
        right = next(row for row in mine if row["predicted"] == of_class["class"])
        assert int(of_class["images"]) == sum(int(row["count"]) for row in mine) == 5
        assert of_class["recall"] == right["share"]
    diagonal = sum(int(row["count"]) for row in confusion if row["actual"] == row["predicted"])
    assert metrics["errors"] == 50 - diagonal


def test_scoring_twice_gives_the_same_bytes():
    scored()
    paths = [Path("metrics/tiny-mlp.json"), *(Path(f"plots/{kind}/tiny-mlp.csv") for kind in ("confusion", "classes"))]
    before = [path.read_bytes() for path in paths]
    scored()

    assert before == [path.read_bytes() for path in paths]


@pytest.mark.parametrize(
    ("run", "content", "expected"),
    [
        ("tiny-mlp", b"", "models/tiny-mlp.keras: expected a model in Keras's format, received a damaged file; run"),
        ("tiny-mlp", None, "models/tiny-mlp.keras: expected a trained model, received none; run dvc repro, or"),
        ("tiny-mpl", b"", "params.yaml: expected one of the runs tiny-mlp (did you mean 'tiny-mlp'?), received"),
    ],
)
def test_what_cannot_be_scored_is_told_in_one_line(run: str, content: bytes | None, expected: str):
    MODEL.unlink()
    if content is not None:
        MODEL.write_bytes(content)
    result = CliRunner().invoke(evaluate.app, ["--run", run])
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith(f"error: {expected}")
