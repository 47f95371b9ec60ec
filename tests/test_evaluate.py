"""The evaluate command; tests/evaluation/ covers the modules it uses."""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from stages import evaluate, preprocess, train
from stages.evaluation import inference, intervals
from stages.images import arrays
from stages.model import keras_file
from tests import tiny
from tests.commands import run_all

MODEL, LITERT, CARD = (Path(f"models/tiny-mlp.{suffix}") for suffix in ("keras", "tflite", "md"))
RECIPE, HISTORY = Path("recipes/mlp.yaml"), Path("plots/history/tiny-mlp.csv")
KINDS = ("calibration", "classes", "confusion", "history", "mistakes")


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
    before = {path: path.read_bytes() for path in (Path("published.yaml"), RECIPE, HISTORY, MODEL, LITERT)}
    yield
    for path, content in before.items():
        path.write_bytes(content)


def evaluated() -> dict[str, float]:
    result = CliRunner().invoke(evaluate.app, ["--run", "tiny-mlp"])
    assert result.exit_code == 0, result.output
    return json.loads(Path("metrics/tiny-mlp.json").read_text())


def rows(kind: str) -> list[dict[str, str]]:
    with Path(f"plots/{kind}/tiny-mlp.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_are_those_of_the_model_on_both_splits():
    metrics = evaluated()
    model = keras_file.load(MODEL, (28, 28, 1), 10)
    correct = {}
    for split in arrays.SPLITS:
        images, labels = arrays.read_split(Path("data/processed/tiny"), split)
        probabilities = model.predict(images, verbose=0)
        correct[split] = int((probabilities.argmax(axis=1) == labels).sum())

    of_label = probabilities[np.arange(len(labels)), labels]
    f1 = [float(row["f1"]) for row in rows("classes")]
    assert metrics == {
        "accuracy": correct["test"] / 50,
        "balanced_accuracy": pytest.approx(correct["test"] / 50),  # five images of each class
        "macro_f1": pytest.approx(np.mean(f1), abs=2e-6),
        "train_accuracy": correct["train"] / 200,
        "loss": pytest.approx(-np.log(of_label).mean(), abs=2e-6),
        "errors": 50 - correct["test"],
        "parameters": 784 * 16 + 16 + 16 * 10 + 10,
        "published": 0.5,
        "gain": round(correct["test"] / 50 - 0.5, 6),
    }
    assert 0 < metrics["errors"] < 50


def test_a_misspelt_name_in_published_yaml_is_told():
    Path("published.yaml").write_text("accuracy: {tiny: {mpl: 0.5}}\n")
    result = CliRunner().invoke(evaluate.app, ["--run", "tiny-mlp"])

    [line] = [line for line in result.stderr.splitlines() if "published" in line]
    assert line == (
        "warning: published.yaml: accuracy.tiny.mpl is no recipe (did you mean 'mlp'?); "
        "tiny-mlp gets no published accuracy"
    )
    assert "gain" not in json.loads(Path("metrics/tiny-mlp.json").read_text())


def test_without_a_published_accuracy_there_is_no_gain():
    Path("published.yaml").write_text("accuracy: {tiny: {other: 0.5}, other: {mlp: 0.5}}\n")

    assert list(evaluated()) == [
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "train_accuracy",
        "loss",
        "errors",
        "parameters",
    ]


def test_confusion_and_classes_count_every_test_image():
    metrics = evaluated()
    confusion, classes = rows("confusion"), rows("classes")

    assert (len(confusion), len(classes)) == (100, 10)
    for of_class in classes:
        of_actual = [row for row in confusion if row["actual"] == of_class["class"]]
        correct = next(row for row in of_actual if row["predicted"] == of_class["class"])
        assert int(of_class["images"]) == sum(int(row["count"]) for row in of_actual) == 5
        assert of_class["recall"] == correct["share"]
    diagonal = sum(int(row["count"]) for row in confusion if row["actual"] == row["predicted"])
    assert metrics["errors"] == 50 - diagonal


def test_evaluating_twice_gives_the_same_bytes():
    evaluated()
    paths = [
        CARD,
        Path("metrics/tiny-mlp.json"),
        *(Path(f"plots/{kind}/tiny-mlp.csv") for kind in ("confusion", "classes")),
        *(Path(f"plots/pictures/tiny-mlp/{kind}.png") for kind in KINDS),
    ]
    before = [path.read_bytes() for path in paths]
    evaluated()

    assert [path.read_bytes() for path in paths] == before


@pytest.mark.parametrize(
    ("run", "content", "expected"),
    [
        ("tiny-mlp", b"", "models/tiny-mlp.keras: expected a model in Keras's format, received a damaged file; run"),
        ("tiny-mlp", None, "models/tiny-mlp.keras: expected a trained model, received none; run dvc repro, or"),
        ("tiny-mpl", b"", "params.yaml: expected one of the runs tiny-mlp (did you mean 'tiny-mlp'?), received"),
    ],
)
def test_a_missing_or_damaged_model_is_an_error_of_one_line(run: str, content: bytes | None, expected: str):
    MODEL.unlink()
    if content is not None:
        MODEL.write_bytes(content)
    result = CliRunner().invoke(evaluate.app, ["--run", run])
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith(f"error: {expected}")


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("recipes/mlp.yaml", "units: 16", "units: 17"),
        ("datasets/tiny.yaml", "title: Tiny", "title: Small"),
        ("published.yaml", "mlp: 0.5", "mlp: 0.6"),
    ],
)
def test_a_file_edited_meanwhile_is_an_error_and_nothing_is_written(
    path: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
):
    def accumulate_and_edit(*arguments: object) -> None:
        accumulate(*arguments)
        Path(path).write_text(text.replace(old, new))

    accumulate, text = inference.accumulate, Path(path).read_text()
    evaluated()
    before = Path("metrics/tiny-mlp.json").stat().st_mtime_ns
    monkeypatch.setattr(inference, "accumulate", accumulate_and_edit)
    result = CliRunner().invoke(evaluate.app, ["--run", "tiny-mlp"])
    Path(path).write_text(text)

    reason = "expected the content it had when the stage began, received something else; run the command again"
    assert (result.exit_code, result.stderr) == (1, f"error: {path}: {reason}\n")
    assert Path("metrics/tiny-mlp.json").stat().st_mtime_ns == before


def test_each_kind_of_plot_is_drawn():
    evaluated()

    for kind in KINDS:
        with Image.open(f"plots/pictures/tiny-mlp/{kind}.png") as plot:
            assert plot.format == "PNG"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (HISTORY, "the history of a training, received none; run dvc rep"),
        (LITERT, "a trained model, received none; run dvc repro train@tiny-mlp"),
    ],
)
def test_without_an_output_of_training_nothing_is_written(path: Path, expected: str):
    path.unlink()
    metrics = Path("metrics/tiny-mlp.json")
    metrics.unlink(missing_ok=True)
    result = CliRunner().invoke(evaluate.app, ["--run", "tiny-mlp"])

    assert (result.exit_code, metrics.exists()) == (1, False)
    assert result.stderr.startswith(f"error: {path}: expected {expected}")


def card() -> dict[str, str]:
    """Return the sections of the model card, by title."""
    evaluated()
    _, *sections = re.split(r"^## (.+)\n", CARD.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(sections[::2], sections[1::2], strict=True))


def test_the_card_agrees_with_the_metrics_and_the_tables():
    metrics, sections = evaluated(), card()
    correct = 50 - metrics["errors"]
    low, high = intervals.wilson(correct, 50)

    assert f"| accuracy | {correct / 50:.4f} | {metrics['train_accuracy']:.4f} |" in sections["Result"]
    assert f"| 95 % interval of the accuracy | {low:.4f}…{high:.4f} |  |" in sections["Result"]
    assert f"| gain | {metrics['gain']:+.4f} |  |" in sections["Result"]
    for row in rows("classes"):
        assert f"| {row['class']} | 5 | {float(row['recall']):.4f} | " in sections["Each class"]
    weakest = min(rows("classes"), key=lambda row: float(row["recall"]))
    assert f"with their accuracy: {weakest['class']} ({float(weakest['recall']):.4f})," in sections["Limits"]
    assert "grey images of 28 × 28 pixels" in sections["Limits"]


def test_the_card_names_what_the_model_was_made_from_and_with():
    sections = card()

    assert RECIPE.read_text() in sections["Recipe"]
    assert "| `hidden` | Dense | 16 | 12,560 |" in sections["Network"]
    for path in Path("data/processed/tiny").glob("*.npy"):
        assert f"| `{path}` | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |" in sections["Data"]
    assert "- licence: CC0\n- source: tests/tiny.py\n- images: 200 to train on, 50 to test on\n" in sections["Data"]
    for path in (MODEL, LITERT):
        content = path.read_bytes()
        fingerprint = f"`{path}`, {len(content):,} bytes, SHA-256 `{hashlib.sha256(content).hexdigest()}`"
        assert fingerprint in sections["Made with"]
    assert f"`{LITERT.name}` is the same network for LiteRT" in sections["Use"]
    assert "trained on 2 processor threads, in float32" in sections["Made with"]


def test_an_empty_litert_file_is_no_litert_model():
    LITERT.write_bytes(b"")
    sections = card()

    assert "- LiteRT file: none, since LiteRT lacks what a layer needs\n" in sections["Made with"]
    assert "LiteRT" not in sections["Use"]
