import csv
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from stages import evaluate, preprocess, train
from stages.evaluation import card as card_module
from stages.evaluation import inference, intervals
from stages.images import arrays
from stages.training import model_file, network
from stages.training.recipe import Recipe
from tests import tiny
from tests.commands import run_all

MODEL, LITE, CARD = (Path(f"models/tiny-mlp.{suffix}") for suffix in ("keras", "tflite", "md"))
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
    before = {path: path.read_bytes() for path in (Path("published.yaml"), RECIPE, HISTORY, MODEL, LITE)}
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
    Path("published.yaml").write_text("accuracy: {tiny: {other: 0.5}, other: {mlp: 0.5}}\n")

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
    paths = [
        CARD,
        Path("metrics/tiny-mlp.json"),
        *(Path(f"plots/{kind}/tiny-mlp.csv") for kind in ("confusion", "classes")),
        *(Path(f"plots/pictures/tiny-mlp/{kind}.png") for kind in KINDS),
    ]
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


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("recipes/mlp.yaml", "units: 16", "units: 17"),
        ("datasets/tiny.yaml", "title: Tiny", "title: Small"),
        ("published.yaml", "mlp: 0.5", "mlp: 0.6"),
    ],
)
def test_a_file_edited_meanwhile_is_told_and_nothing_is_written(
    path: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
):
    def count_and_edit(*given: object) -> None:
        count(*given)
        Path(path).write_text(text.replace(old, new))

    count, text = inference.count, Path(path).read_text()
    scored()
    before = Path("metrics/tiny-mlp.json").stat().st_mtime_ns
    monkeypatch.setattr(inference, "count", count_and_edit)
    result = CliRunner().invoke(evaluate.app, ["--run", "tiny-mlp"])
    Path(path).write_text(text)

    told = "expected what it said when the stage began, received something else; run the command again"
    assert (1, f"error: {path}: {told}\n") == (result.exit_code, result.stderr)
    assert before == Path("metrics/tiny-mlp.json").stat().st_mtime_ns


def test_each_kind_of_picture_is_drawn():
    scored()

    for kind in KINDS:
        with Image.open(f"plots/pictures/tiny-mlp/{kind}.png") as picture:
            assert "PNG" == picture.format


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (HISTORY, "the history of a training, received none; run dvc rep"),
        (LITE, "a trained model, received none; run dvc repro train@tiny-mlp"),
    ],
)
def test_without_what_training_leaves_nothing_is_written(path: Path, expected: str):
    path.unlink()
    metrics = Path("metrics/tiny-mlp.json")
    metrics.unlink(missing_ok=True)
    result = CliRunner().invoke(evaluate.app, ["--run", "tiny-mlp"])

    assert (1, False) == (result.exit_code, metrics.exists())
    assert result.stderr.startswith(f"error: {path}: expected {expected}")


def card() -> dict[str, str]:
    """Return the sections of the model card, by title."""
    scored()
    _, *sections = re.split(r"^## (.+)\n", CARD.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(sections[::2], sections[1::2], strict=True))


def test_the_card_says_what_the_metrics_and_the_tables_say():
    metrics, sections = scored(), card()
    right = 50 - metrics["errors"]
    low, high = intervals.wilson(right, 50)

    assert f"| accuracy | {right / 50:.4f} | {metrics['train_accuracy']:.4f} |" in sections["Result"]
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
    for path in (MODEL, LITE):
        content = path.read_bytes()
        what = f"`{path}`, {len(content):,} bytes, SHA-256 `{hashlib.sha256(content).hexdigest()}`"
        assert what in sections["Made with"]
    assert f"`{LITE.name}` is the same network for LiteRT" in sections["Use"]
    assert "trained on 2 processor threads, in float32" in sections["Made with"]


def test_the_card_says_that_litert_cannot_have_the_network():
    LITE.write_bytes(b"")
    sections = card()

    assert "- LiteRT file: none, since LiteRT lacks what a layer needs\n" in sections["Made with"]
    assert "LiteRT" not in sections["Use"]


def test_the_card_lists_the_network_that_is_asked_about_several_views():
    assert "views" not in card()["Network"]
    RECIPE.write_text(f"{RECIPE.read_text()}test_time: {{flip: true, shift: 2}}\n")
    model_file.save(network.build(Recipe.load(RECIPE), RECIPE, (28, 28, 1), 10), MODEL)
    listed = card()["Network"]

    assert "| `hidden` | Dense | 16 | 12,560 |" in listed
    assert listed.endswith(
        "\n\nThe model's answer is the mean of what this network answers to 6 views of the image.\n\n"
    )


def test_the_card_does_not_say_that_a_precision_was_had_which_was_only_asked_for():
    RECIPE.write_text(RECIPE.read_text().replace("validation: none", "validation: none, precision: bfloat16"))

    assert "2 processor threads, asked for bfloat16; float32 where the processor lacks it\n" in card()["Made with"]


def test_the_card_says_when_the_test_images_were_looked_at_before():
    watched = "validated on the test images"
    assert watched not in card()["Limits"]
    RECIPE.write_text(RECIPE.read_text().replace("validation: none", "validation: test"))

    assert watched in card()["Limits"]


def test_the_code_on_the_card_runs_where_the_model_lies():
    code = re.search("```python\n(.*?)```", card()["Use"], re.DOTALL)[1]
    alone = [sys.executable, "-P", "-c", code]
    done = subprocess.run(alone, cwd=MODEL.parent, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] in list("0123456789")


def test_signs_that_mean_something_to_markdown_are_text():
    assert r"\<b\>\&Co\|\*x\* \[1\]\_\~\~" == card_module._plain("<b>&Co|*x*\n[1]_~~")
