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

ROOT = Path(__file__).parents[1]
WEIGHTS = Path("tiny.weights.h5")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run that knows the tiny digits, and with pictures of some."""
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


def look(*arguments: str) -> Result:
    return CliRunner().invoke(predict.app, ["--run", "tiny-mlp", *arguments])


def table(result: Result) -> list[list[str]]:
    return [line.split() for line in result.stdout.splitlines()]


def test_the_stage_writes_a_row_for_each_test_image():
    result = look()
    with Path("predictions/tiny-mlp.csv").open(newline="") as file:
        header, *rows = csv.reader(file)

    assert result.exit_code == 0, result.output
    assert header == ["index", "label", "predicted", *"0123456789"]
    assert [str(index) for index in range(50)] == [row[0] for row in rows]
    assert np.load("data/processed/tiny/test_labels.npy").tolist() == [int(row[1]) for row in rows]
    for row in rows:
        probabilities = [float(cell) for cell in row[3:]]
        assert int(row[2]) == np.argmax(probabilities)
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert sum(row[1] == row[2] for row in rows) > 45


def test_a_picture_is_shown_with_its_three_most_probable_classes():
    result = look("zero.png")
    header, [name, *cells] = table(result)

    assert (result.exit_code, result.stderr) == (0, "")
    assert header == ["picture", "it", "is", "or", "or"]
    assert (name, cells[0]) == ("zero.png", "0")
    assert ["%"] * 3 == cells[2::3]
    shares = [float(cell) for cell in cells[1::3]]
    assert shares == sorted(shares, reverse=True)
    assert len(set(cells[::3])) == 3


def test_programs_are_told_every_class_as_json():
    result = look("zero.png", "photos", "--format", "json")
    zero, seven, three = json.loads(result.stdout)

    assert (result.exit_code, result.stderr) == (0, "")
    assert ["zero.png", "photos/more/seven.png", "photos/three.png"] == [zero["file"], seven["file"], three["file"]]
    assert ["0", "7", "3"] == [zero["class"], seven["class"], three["class"]]
    assert list("0123456789") == list(zero["probabilities"])
    assert zero["probability"] == zero["probabilities"]["0"] == max(zero["probabilities"].values())
    assert sum(zero["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_programs_are_told_every_class_as_csv():
    result = look("zero.png", "broken.png", "--format", "csv")
    header, row = csv.reader(result.stdout.splitlines())

    assert result.exit_code == 1
    assert result.stderr.startswith("error: broken.png: expected a picture, received ")
    assert ["file", "class", "probability", *"0123456789"] == header
    assert ["zero.png", "0"] == row[:2]
    assert row[2] == max(row[3:])


def test_a_sheet_shows_each_picture_beside_what_the_network_sees(tmp_path: Path):
    sheet = tmp_path / "new/sheet.png"
    result = look("zero.png", "photos", "broken.png", "--show", str(sheet))

    assert result.exit_code == 1
    assert look("zero.png", "photos", "broken.png").stdout == result.stdout
    with Image.open(sheet) as opened:
        drawn = np.asarray(opened)
    place = drawn[answer_sheet.HEADER :, 2 * answer_sheet.GAP + answer_sheet.SIDE :][: answer_sheet.SIDE]
    enlarged = np.asarray(Image.open("zero.png").resize((answer_sheet.SIDE,) * 2, Image.Resampling.NEAREST))
    np.testing.assert_array_equal(enlarged, place[:, : answer_sheet.SIDE, 0])


def test_looking_at_pictures_needs_no_tensorflow():
    """In a Python where importing it would fail; and standard error stays empty."""
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

    assert (0, "") == (done.returncode, done.stderr)
    assert "zero.png" in done.stdout


def test_a_network_that_litert_cannot_have_is_asked_in_keras(monkeypatch: pytest.MonkeyPatch):
    expected = look("photos").stdout
    lite = Path("models/tiny-mlp.tflite")
    content = lite.read_bytes()
    lite.write_bytes(b"")
    result = look("photos")
    lite.write_bytes(content)

    assert (0, expected) == (result.exit_code, result.stdout), result.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "expected a trained model, received none; run dvc repro train@tiny-mlp"),
        (b"no model", "expected a model in LiteRT's format, received a damaged file; run dvc repro train@tiny-mlp"),
    ],
)
def test_a_run_that_was_not_trained_is_told_in_one_line(content: bytes | None, expected: str):
    lite = Path("models/tiny-mlp.tflite")
    before = lite.read_bytes()
    lite.unlink()
    if content:
        lite.write_bytes(content)
    result = look("zero.png")
    lite.write_bytes(before)

    assert (1, "") == (result.exit_code, result.stdout)
    assert f"error: models/tiny-mlp.tflite: {expected}\n" == result.stderr


def test_a_folder_stands_for_the_pictures_in_it():
    result = look("photos", "zero.png")

    assert result.exit_code == 0
    assert [["photos/more/seven.png", "7"], ["photos/three.png", "3"], ["zero.png", "0"]] == [
        row[:2] for row in table(result)[1:]
    ]


def test_a_broken_picture_is_reported_and_the_others_are_shown():
    result = look("broken.png", "zero.png")
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith("error: broken.png: expected a picture, received ")
    assert [["zero.png", "0"]] == [row[:2] for row in table(result)[1:]]


@pytest.mark.parametrize("lacking", ["nowhere.png", "empty"])
def test_a_path_without_a_picture_is_reported_and_the_others_are_shown(lacking: str):
    result = look("zero.png", lacking)
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith(f"error: {lacking}: expected ")
    assert [["zero.png", "0"]] == [row[:2] for row in table(result)[1:]]


def test_weights_alone_say_the_same_as_the_model():
    result = look("photos", "--weights", str(WEIGHTS))

    assert result.exit_code == 0, result.output
    assert look("photos").stdout == result.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["broken.png"], "broken.png: expected a picture, received"),
        (["broken.png", "--weights", str(WEIGHTS)], "broken.png: expected a picture, received"),
        (["empty"], "empty: expected pictures (.bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff, .webp), received none"),
        (["nowhere.png"], "nowhere.png: expected a picture or a folder of pictures, received nothing there"),
        (["params.yaml"], "params.yaml: expected a picture, received something else"),
        (["--weights", str(WEIGHTS)], "--weights: expected pictures to look at, received none; name a"),
        (["--format", "json"], "--format: expected pictures to look at, received none; name a"),
        (["--show", "sheet.png"], "--show: expected pictures to look at, received none; name a"),
        (["zero.png", "--show", "sheet.doc"], "--show: expected a name that ends in .png, received sheet.doc; choose"),
        (
            ["zero.png", "--weights", "none.weights.h5"],
            "none.weights.h5: expected a weights file, received none",
        ),
        (["zero.png", "--weights", "params.yaml"], "params.yaml: expected weights that fit the recipe's network, rece"),
    ],
)
def test_what_cannot_be_looked_at_is_told_in_one_line(arguments: list[str], expected: str):
    result = look(*arguments)
    [line] = result.stderr.splitlines()

    assert (1, "") == (result.exit_code, result.stdout)
    assert line.startswith(f"error: {expected}")


def test_weights_of_another_recipe_are_refused(monkeypatch: pytest.MonkeyPatch):
    recipe = Path("recipes/mlp.yaml")
    before = recipe.read_text()
    recipe.write_text(before.replace("units: 16", "units: 17"))
    result = look("zero.png", "--weights", str(WEIGHTS))
    recipe.write_text(before)
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith("error: tiny.weights.h5: expected weights that fit the recipe's network, received")


@pytest.fixture
def rule() -> Iterator[Path]:
    """The dataset's file, for a rule to be added to; afterwards as before."""
    path = Path("datasets/tiny.yaml")
    before = path.read_text()
    yield path
    path.write_text(before)


def test_a_blank_picture_is_reported_and_the_others_are_shown(rule: Path, tmp_path: Path):
    rule.write_text(rule.read_text() + "photos: {fit: 28, centre: box}\n")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    result = look(str(tmp_path / "blank.png"), "zero.png")
    [line] = result.stderr.splitlines()

    assert result.exit_code == 1
    assert line.startswith(
        f"error: {tmp_path}/blank.png: expected a figure on a plain ground, received a blank picture;"
    )
    assert ["zero.png"] == [row[0] for row in table(result)[1:]]


def test_a_figure_larger_than_the_images_is_refused(rule: Path):
    rule.write_text(rule.read_text() + "photos: {fit: 29, centre: box}\n")
    result = look("zero.png")

    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: datasets/tiny.yaml: photos.fit: expected 1…28, as the images are, received 29"
    )


def test_a_dataset_without_a_file_is_looked_at_as_without_a_rule(rule: Path):
    expected = look("zero.png").stdout
    text = rule.read_text()
    rule.unlink()
    result = look("zero.png")
    rule.write_text(text)

    assert (0, expected) == (result.exit_code, result.stdout)
