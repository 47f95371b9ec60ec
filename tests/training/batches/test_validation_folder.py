"""Validation images that the data bring along: `validation: folder` in a recipe."""

from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from stages.common import json_schemas
from stages.common.errors import InputError
from stages.images import arrays
from stages.images.rows import FileRows
from stages.model.recipe import Recipe
from stages.training.batches import holdout
from tests import own

OUTPUT = Path("data/processed/own")
RECIPE = Path("recipes/net.yaml")
TEXT = """\
network: [flatten]
layers:
  flatten: {{layer: Flatten}}
optimizer: {{name: adam, learning_rate: 0.01}}
training: {{epochs: 2, batch_size: 8, validation: {}}}
"""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A dataset with five training, two test and three validation pictures of each class."""
    monkeypatch.chdir(tmp_path)
    for number, (split, each) in enumerate((("train", 5), ("test", 2), ("val", 3))):
        for colour in own.COLOURS:
            folder = Path("mine", split, colour)
            folder.mkdir(parents=True)
            for index in range(each):
                own.picture(colour, 1000 * number + index).save(folder / f"{index}.png")
    result = own.make("folder:\n")
    assert result.exit_code == 0, result.output


def recipe(validation="folder"):
    return Recipe.parse(TEXT.format(validation), RECIPE)


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_validation_pictures_are_validated_on_and_no_other_is(on_disk):
    (images, _), validation = holdout.load_examples(OUTPUT, recipe(), on_disk)
    assert len(images) == 15
    assert isinstance(validation[0], FileRows) == on_disk
    expected_images, expected_labels = arrays.read_split(OUTPUT, "validation")
    np.testing.assert_array_equal(validation[0][:], expected_images)
    np.testing.assert_array_equal(validation[1], expected_labels)


def test_other_recipes_leave_them_alone():
    counts = {}
    for choice in ("none", "test", 4):
        (images, _), validation = holdout.load_examples(OUTPUT, recipe(choice))
        counts[choice] = (len(images), validation and len(validation[0]))
    assert counts == {"none": (15, None), "test": (15, 6), 4: (11, 4)}


def test_a_dataset_without_them_is_refused():
    info = arrays.read_info(OUTPUT)
    arrays.write_info(OUTPUT, info.model_copy(update={"validation": None}))
    expected = (
        r"^recipes/net\.yaml: training\.validation: expected none, test or a number of training images to hold out, "
        r"since the data have no validation images, received folder; edit the recipe, or add a folder "
        r"validation beside train"
    )
    with pytest.raises(InputError, match=expected):
        holdout.load_examples(OUTPUT, recipe())


@pytest.mark.parametrize("more", ["keep: best", "patience: 3"])
def test_the_best_epoch_may_be_chosen_on_them(more):
    assert recipe(f"folder, {more}").training.validation == "folder"
    with pytest.raises(InputError, match="validation: folder or a number of held-out images, for keep: best and pati"):
        recipe(f"test, {more}")


@pytest.mark.parametrize("value", ["validation", "val", "folders"])
def test_other_words_are_refused(value):
    with pytest.raises(InputError, match="expected none, test, folder, or a number of training images to hold out"):
        recipe(value)


def test_the_json_schema_knows_the_word():
    validator = Draft202012Validator(json_schemas.json_schema(Recipe)["$defs"]["Training"])
    fits = {"epochs": 1, "batch_size": 1}
    assert validator.is_valid({**fits, "validation": "folder"})
    assert not validator.is_valid({**fits, "validation": "validation"})
