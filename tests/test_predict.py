"""The predict command; tests/prediction/ covers the modules it uses."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from stages import predict, preprocess, train
from stages.prediction import answer_sheet
from tests import tiny
from tests.commands import run_all
from tests.pipeline import ROOT

WEIGHTS = Path("tiny.weights.h5")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run that was trained on the tiny digits, and with pictures of some."""
    project = tiny.write_project(tmp_path_factory.mktemp("trained"))
    recipe = project / "recipes/mlp.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 2", "epochs: 10"))
    run_all(project, (preprocess.app, ["tiny"]), (train.app, ["--run", "tiny-mlp", "--weights", str(WEIGHTS)]))
    (project / "photos/more").mkdir(parents=True)
    (project / "empty").mkdir()
    images, labels = tiny.digits(20, seed=9)
    for name, digit in (("photos/three.png", 3), ("photos/more/seven.png", 7), ("zero.png", 0)):
        Image.fromarray(images[np.flatnonzero(labels == digit)[0]]).save(project / name)
    (project / "broken.png").write_bytes((project / "zero.png").read_bytes()[:100])
    return project


@pytest.fixture(autouse=True)
def _in_project(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(trained)
    before = sorted(trained.rglob("*"))
    yield
    made = set(trained.rglob("*")) - set(before)
    assert {path.name for path in made} <= {"plots", "predictions", "tiny-mlp.csv", "tiny-mlp.png"}


def run_predict(*arguments: str) -> Result:
    return CliRunner().invoke(predict.app, ["--run", "tiny-mlp", *arguments])


def table(result: Result) -> list[list[str]]:
    return [line.split() for line in result.stdout.splitlines()]


def test_the_stage_writes_a_row_for_each_test_image():
    result = run_predict()
    with Path("predictions/tiny-mlp.csv").open(newline="") as file:
        header, *rows = csv.reader(file)

    assert result.exit_code == 0, result.output
    assert header == ["index", "label", "predicted", *"0123456789"]
    assert [row[0] for row in rows] == [str(index) for index in range(50)]
    assert [int(row[1]) for row in rows] == np.load("data/processed/tiny/test_labels.npy").tolist()
    for row in rows:
        probabilities = [float(cell) for cell in row[3:]]
        assert int(row[2]) == np.argmax(probabilities)
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert sum(row[1] == row[2] for row in rows) > 45


def test_a_picture_is_shown_with_its_three_most_probable_classes():
    result = run_predict("zero.png")
    header, [name, *cells] = table(result)

    assert (result.exit_code, result.stderr) == (0, "")
    assert header == ["picture", "it", "is", "or", "or"]
    assert (name, cells[0]) == ("zero.png", "0")
    assert cells[2::3] == ["%"] * 3
    percentages = [float(cell) for cell in cells[1::3]]
    assert percentages == sorted(percentages, reverse=True)
    assert len(set(cells[::3])) == 3


def test_json_has_every_class():
    result = run_predict("zero.png", "photos", "--format", "json")
    zero, seven, three = json.loads(result.stdout)

    assert (result.exit_code, result.stderr) == (0, "")
    assert [zero["file"], seven["file"], three["file"]] == ["zero.png", "photos/more/seven.png", "photos/three.png"]
    assert [zero["class"], seven["class"], three["class"]] == ["0", "7", "3"]
    assert list(zero["probabilities"]) == list("0123456789")
    assert zero["probability"] == zero["probabilities"]["0"] == max(zero["probabilities"].values())
    assert sum(zero["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_csv_has_every_class():
    result = run_predict("zero.png", "broken.png", "--format", "csv")
    header, row = csv.reader(result.stdout.splitlines())

    assert result.exit_code == 1
    assert result.stderr.startswith("error: broken.png: expected a picture, received ")
    assert header == ["file", "class", "probability", *"0123456789"]
    assert row[:2] == ["zero.png", "0"]
    assert row[2] == max(row[3:])


def test_a_sheet_shows_each_picture_beside_what_the_network_sees(tmp_path: Path):
    sheet = tmp_path / "new/sheet.png"
    result = run_predict("zero.png", "photos", "broken.png", "--show", str(sheet))

    assert result.exit_code == 1
    assert result.stdout == run_predict("zero.png", "photos", "broken.png").stdout
    with Image.open(sheet) as opened:
        drawn = np.asarray(opened)
    beside = drawn[answer_sheet.HEADER :, 2 * answer_sheet.GAP + answer_sheet.SIDE :][: answer_sheet.SIDE]
    enlarged = np.asarray(Image.open("zero.png").resize((answer_sheet.SIDE,) * 2, Image.Resampling.NEAREST))
    np.testing.assert_array_equal(beside[:, : answer_sheet.SIDE, 0], enlarged)


def test_pictures_are_classified_without_tensorflow():
    """Its import would fail here; standard error stays empty."""
    forbidding = "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; import runpy; "
    running = (
        "sys.argv[1:] = ['--run', 'tiny-mlp', 'zero.png']; runpy.run_module('stages.predict', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", forbidding + running],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "zero.png" in done.stdout


def test_keras_runs_a_network_that_litert_cannot_have():
    expected = run_predict("photos").stdout
    litert = Path("models/tiny-mlp.tflite")
    content = litert.read_bytes()
    litert.write_bytes(b"")
    result = run_predict("photos")
    litert.write_bytes(content)

    assert (result.exit_code, result.stdout) == (0, expected), result.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "expected a trained model, received none; run dvc repro train@tiny-mlp"),
        (b"no model", "expected a model in LiteRT's format, received a damaged file; run dvc repro train@tiny-mlp"),
    ],
)
def test_a_run_that_was_not_trained_is_an_error_of_one_line(content: bytes | None, expected: str):
    litert = Path("models/tiny-mlp.tflite")
    before = litert.read_bytes()
    litert.unlink()
    if content:
        litert.write_bytes(content)
    result = run_predict("zero.png")
    litert.write_bytes(before)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: models/tiny-mlp.tflite: {expected}\n"


def test_a_folder_stands_for_the_pictures_in_it():
    result = run_predict("photos", "zero.png")

    assert result.exit_code == 0
    assert [row[:2] for row in table(result)[1:]] == [
        ["photos/more/seven.png", "7"],
        ["photos/three.png", "3"],
        ["zero.png", "0"],
    ]


def test_a_broken_picture_is_reported_and_the_others_are_classified():
    result = run_predict("broken.png", "zero.png")
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith("error: broken.png: expected a picture, received ")
    assert [row[:2] for row in table(result)[1:]] == [["zero.png", "0"]]


@pytest.mark.parametrize("lacking", ["nowhere.png", "empty"])
def test_a_path_without_a_picture_is_reported_and_the_others_are_classified(lacking: str):
    result = run_predict("zero.png", lacking)
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith(f"error: {lacking}: expected ")
    assert [row[:2] for row in table(result)[1:]] == [["zero.png", "0"]]


def test_weights_alone_predict_the_same_as_the_model():
    result = run_predict("photos", "--weights", str(WEIGHTS))

    assert result.exit_code == 0, result.output
    assert result.stdout == run_predict("photos").stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["broken.png"], "broken.png: expected a picture, received"),
        (["broken.png", "--weights", str(WEIGHTS)], "broken.png: expected a picture, received"),
        (["empty"], "empty: expected pictures (PNG, JPEG, WEBP, BMP, GIF, TIFF, PPM, AVIF), received none"),
        (["nowhere.png"], "nowhere.png: expected a picture or a folder of pictures, received nothing there"),
        (["params.yaml"], "params.yaml: expected a picture, received a text file"),
        (["--weights", str(WEIGHTS)], "--weights: expected pictures to classify, received none; name a"),
        (["--format", "json"], "--format: expected pictures to classify, received none; name a"),
        (["--show", "sheet.png"], "--show: expected pictures to classify, received none; name a"),
        (["zero.png", "--show", "sheet.doc"], "--show: expected a name that ends in .png, received sheet.doc; choose"),
        (
            ["zero.png", "--weights", "none.weights.h5"],
            "none.weights.h5: expected a weights file, received none",
        ),
        (["zero.png", "--weights", "params.yaml"], "params.yaml: expected weights that fit the recipe's network, rece"),
    ],
)
def test_a_misuse_is_an_error_of_one_line(arguments: list[str], expected: str):
    result = run_predict(*arguments)
    [line] = result.stderr.splitlines()

    assert (result.exit_code, result.stdout) == (1, "")
    assert line.startswith(f"error: {expected}")


def test_weights_of_another_recipe_are_refused():
    recipe = Path("recipes/mlp.yaml")
    before = recipe.read_text()
    recipe.write_text(before.replace("units: 16", "units: 17"))
    result = run_predict("zero.png", "--weights", str(WEIGHTS))
    recipe.write_text(before)
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith("error: tiny.weights.h5: expected weights that fit the recipe's network, received")


@pytest.fixture
def dataset() -> Iterator[Path]:
    """The dataset's file, which the test may change."""
    path = Path("datasets/tiny.yaml")
    before = path.read_text()
    yield path
    path.write_text(before)


def test_a_blank_picture_is_reported_and_the_others_are_classified(dataset: Path, tmp_path: Path):
    dataset.write_text(dataset.read_text() + "photos: {fit: 28, centre: box}\n")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    result = run_predict(str(tmp_path / "blank.png"), "zero.png")
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith(
        f"error: {tmp_path}/blank.png: expected an object on a plain background, received a blank picture;"
    )
    assert [row[0] for row in table(result)[1:]] == ["zero.png"]


def test_a_foreground_larger_than_the_images_is_refused(dataset: Path):
    dataset.write_text(dataset.read_text() + "photos: {fit: 29, centre: box}\n")
    result = run_predict("zero.png")

    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: datasets/tiny.yaml: photos.fit: expected 1…28, the smaller side of the images, received 29"
    )


def test_a_dataset_needs_no_file(dataset: Path):
    expected = run_predict("zero.png").stdout
    dataset.unlink()
    result = run_predict("zero.png")

    assert (result.exit_code, result.stdout) == (0, expected)
