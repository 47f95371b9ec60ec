import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from stages import predict, preprocess, train
from tests import tiny
from tests.commands import run_all

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
    shares = [float(cell.removesuffix("%")) for cell in cells[1::2]]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)
    assert len(set(cells[::2])) == 3


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


def test_weights_alone_say_the_same_as_the_model():
    result = look("photos", "--weights", str(WEIGHTS))

    assert result.exit_code == 0, result.output
    assert look("photos").stdout == result.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["broken.png"], "broken.png: expected a picture, received"),
        (["empty"], "empty: expected pictures (.bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff, .webp), received none"),
        (["nowhere.png"], "nowhere.png: expected a picture or a folder of pictures, received nothing there"),
        (["params.yaml"], "params.yaml: expected a picture, received something else"),
        (["--weights", str(WEIGHTS)], "--weights: expected pictures to look at with them, received none; name a"),
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
