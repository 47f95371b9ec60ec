from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.common import params
from stages.common.errors import InputError
from stages.model import build
from stages.model.recipe import Recipe
from tests import tiny
from tests.pipeline import ROOT


def changed(old: str, new: str) -> Recipe:
    """Return the tiny recipe with one piece of its text replaced."""
    assert old in tiny.RECIPE
    return Recipe.parse(tiny.RECIPE.replace(old, new), Path("recipes/mlp.yaml"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1/255", 1 / 255),
        ("-1/4", -0.25),
        ("1/0.5", 2.0),
        ("1e-3", 0.001),
        ("5e-05", 0.00005),
        ("[1/2, [3, 1/4]]", [0.5, [3, 0.25]]),
        ("true", True),
        ("no", "no"),
        ("null", None),
        ("1/2/3", "1/2/3"),
        ("relu", "relu"),
    ],
)
def test_values_are_what_they_look_like(written: str, expected: Any):
    recipe = changed("scale: 1/255", f"scale: {written}")
    actual = recipe.layers["rescale"].arguments["scale"]

    assert (actual, type(actual)) == (expected, type(expected))


@pytest.mark.parametrize("written", ["1e-3", "1E-3", "0.001", "1/1000"])
def test_the_learning_rate_of_an_optimizer_is_a_number(written: str):
    recipe = changed("learning_rate: 0.01", f"learning_rate: {written}")

    assert recipe.optimizer.arguments == {"learning_rate": 0.001}


@pytest.mark.usefixtures("deterministic")
def test_a_learning_rate_may_be_a_whole_number():
    recipe = changed("{name: adam, learning_rate: 0.01}", "{name: adadelta, learning_rate: 1}")

    assert float(build.build_optimizer(recipe).learning_rate) == 1.0


def test_a_layer_may_read_earlier_ones():
    recipe = changed("units: 16", "units: 16, inputs: [flatten, rescale]")

    assert recipe.layers["hidden"].inputs == ["flatten", "rescale"]
    assert recipe.layers["flatten"].inputs is None  # the one before


@pytest.mark.parametrize("validation", ["none", "test", 10])
def test_validation_is_none_test_or_a_number(validation: object):
    assert changed("validation: none", f"validation: {validation}").training.validation == validation


@pytest.mark.parametrize(
    ("written", "expected"),
    [("{flip: true}", (True, 0)), ("{shift: 2}", (False, 2)), ("{flip: true, shift: 1}", (True, 1))],
)
def test_an_answer_may_be_averaged(written: str, expected: tuple[bool, int]):
    test_time = changed("training:", f"test_time: {written}\ntraining:").test_time

    assert test_time is not None
    assert (test_time.flip, test_time.shift) == expected


@pytest.mark.parametrize("written", ["", "test_time: null\n"])
def test_an_answer_is_not_averaged_unasked(written: str):
    assert changed("training:", f"{written}training:").test_time is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("epochs: 2", "epochs: 0", "training.epochs: expected greater than or equal to 1, received 0"),
        ("epochs: 2", "epochs: 2.5", "training.epochs: expected a whole number, received 2.5"),
        ("epochs: 2", "epochs: '2'", "training.epochs: expected a whole number, received '2'"),
        ("epochs: 2", "epochs: true", "training.epochs: expected a whole number, received true"),
        ("batch_size: 20", "batch_size: -1", "training.batch_size: expected greater than or equal to 1, received -1"),
        (
            "validation: none",
            "validation: no",
            "training.validation: expected none, test, folder, or a number of",
        ),
        ("validation: none", "validation: 0.1", "training images to hold out, received 0.1; edit the file"),
        ("validation: none", "validation: none, shards: 0", "training.shards: expected greater than or equal to 1"),
        ("validation: none", "validation: none, shards: 3", "training: expected shards: a number that divides threads"),
        ("validation: none", "validation: none, threads: 0", "training.threads: expected greater than or equal to 1"),
        ("network: [rescale, flatten, hidden]", "network: []", "network: expected List should have at least 1 item"),
        (
            "rescale, flatten",
            "rescale, image",
            "a name other than image and classes, which are taken, received 'image'",
        ),
        ("rescale, flatten", "rescale, a.b", "network.1: expected"),
        ("{layer: Flatten}", "{layer: Flatten, inputs: []}", "layers.flatten.inputs"),
        ("{layer: Flatten}", "{layer: Flatten, inputs: [image]}", "a later layer to read each layer but the last"),
        ("{layer: Flatten}", "{rate: 1}", "layers.flatten.layer: expected a value, received nothing"),
        (
            "name: adam",
            "name: adam, loss_scale_factor: 128",
            "optimizer: expected no scaling of the loss, which neither float32 nor bfloat16 needs, received "
            "'loss_scale_factor'",
        ),
        (
            "name: adam",
            "name: adam, use_ema: true",
            "optimizer: expected training.ema_decay, which validation sees too, in place of Keras's use_ema",
        ),
        ("name: adam", "name: adam, ema_momentum: 0.9", "training.ema_decay"),
        (
            "training:",
            "test_time: {}\ntraining:",
            "test_time: expected flip: true, a shift of 1 or more, or no test_time, received {}; edit the file",
        ),
        ("training:", "test_time: {flip: false, shift: 0}\ntraining:", "a shift of 1 or more, or no test_time"),
        ("training:", "test_time: {shift: -1}\ntraining:", "test_time.shift: expected greater than or equal to 0"),
        (
            "training:",
            "test_time: {flip: off}\ntraining:",
            "test_time.flip: expected true or false, received 'off'; YAML 1.2 reads it as text, write false",
        ),
        ("epochs: 2", "epochs: 2147483648", "training.epochs: expected less than or equal to 2147483647, received"),
        ("training:", "test_time: {flip: 1}\ntraining:", "test_time.flip: expected true or false, received 1"),
        ("units: 16", "units: {from: 16}", "layers.hidden.units: expected a number, a text, true, false"),
        ("units: 16", "units: [16, {class_name: Lambda}]", "layers.hidden.units: expected a number, a text"),
    ],
)
def test_what_does_not_fit_is_refused(old: str, new: str, expected: str):
    with pytest.raises(InputError) as caught:
        changed(old, new)

    assert str(caught.value).startswith("recipes/mlp.yaml: ")
    assert expected in str(caught.value)


def test_each_recipe_fits_and_each_run_has_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    recipes = {path.stem: Recipe.load(path) for path in Path("recipes").glob("*.yaml")}

    assert {run.recipe for run in params.load_runs().values()} <= recipes.keys()


def test_no_recipe_names_a_part_to_use_it_again():
    """What stands in two places by a YAML anchor, an experiment would change in both or in neither."""
    for path in ROOT.glob("recipes/*.yaml"):
        tokens = yaml.scan(path.read_text(encoding="utf-8"))

        assert not any(isinstance(token, yaml.AnchorToken | yaml.AliasToken) for token in tokens), path
