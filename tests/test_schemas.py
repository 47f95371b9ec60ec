"""The JSON Schemas that editors complete YAML by: as the models are, and true of the project's files."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stages import schemas
from tests.pipeline import ROOT, read_yaml

KINDS = ("params", "published", "recipe", "dataset")
FILES = [
    ROOT / "params.yaml",
    ROOT / "published.yaml",
    *sorted(ROOT.glob("recipes/*.yaml")),
    *sorted(ROOT.glob("datasets/*.yaml")),
]
RECIPE = {
    "network": ["rescale", "flatten"],
    "layers": {"rescale": {"layer": "Rescaling", "scale": "1/255"}, "flatten": {"layer": "Flatten"}},
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "training": {"epochs": 5, "batch_size": 32, "validation": "none"},
}


def kind_of(path: Path) -> str:
    return {"recipes": "recipe", "datasets": "dataset"}.get(path.parent.name, path.stem)


def load(kind: str) -> dict[str, Any]:
    return json.loads((ROOT / f"schemas/{kind}.schema.json").read_text(encoding="utf-8"))


def misfits(kind: str, values: object) -> list[str]:
    return [error.message for error in Draft202012Validator(load(kind)).iter_errors(values)]


def changed(values: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """Return a copy with one value put in, at a place such as training.epochs."""
    copy = json.loads(json.dumps(values))
    *parents, last = place.split(".")
    inner = copy
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return copy


def test_the_committed_schemas_are_what_the_models_give():
    assert schemas.make() == {kind: load(kind) for kind in KINDS}, "run make schemas"


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one(kind: str):
    Draft202012Validator.check_schema(load(kind))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_fits_and_names_its_schema(path: Path):
    assert misfits(kind_of(path), read_yaml(path)) == []
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = path.parent / first.removeprefix("# yaml-language-server: $schema=")
    assert named.resolve() == ROOT / f"schemas/{kind_of(path)}.schema.json"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_key_that_nobody_reads_does_not_fit(path: Path):
    [message] = misfits(kind_of(path), read_yaml(path) | {"epoch": 5})
    assert "'epoch' was unexpected" in message


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("layers.flatten.layer", "Softmax"),
        ("layers.flatten", {"layer": "Convolution2D", "filters": 8, "kernel_size": [3, 3], "strides": 2}),
        ("layers.flatten", {"layer": "Dropout", "rate": "1/4", "seed": None, "inputs": ["rescale"]}),
        ("layers.flatten.trainable", False),
        ("layers.rescale.scale", [1, 2.5, "1/255"]),
        ("optimizer.name", "Adam"),
        ("optimizer", {"name": "SGD", "learning_rate": "1/10", "momentum": 0, "nesterov": True, "weight_decay": None}),
        ("optimizer.clipnorm", 1.0),
        ("training.validation", 5000),
        ("training.label_smoothing", "1/10"),
        ("training.ema_decay", 0.999),
        ("training.schedule", {"name": "step", "every_epochs": 2, "factor": "1/3"}),
        ("training.schedule", None),
    ],
)
def test_what_a_recipe_may_say_fits(place: str, value: object):
    assert misfits("recipe", changed(RECIPE, place, value)) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("layers.flatten.layer", "Flattn"),
        ("layers.flatten.layer", "Lambda"),  # it carries code
        ("layers.flatten.inputs", []),
        ("layers.rescale.scale", {"a": 1}),
        ("layers.rescale.scale", "bright"),
        ("layers.rescale.scal", 1),
        ("layers.flatten.layer", "Dense"),  # without its units
        ("layers.flatten", {"layer": "Dense", "units": True}),
        ("layers.flatten", {"layer": "Dense", "units": 0}),
        ("layers.flatten", {"layer": "Dense", "units": 2, "use_bias": "no"}),
        ("layers.flatten", {"layer": "Dense", "units": 2, "lora_rank": 2}),
        ("layers.flatten", {"layer": "Dropout", "rate": 1}),
        ("layers.flatten", {"layer": "RandomFlip", "mode": "sideways"}),
        ("optimizer.learning_rate", 0),
        ("optimizer.learning_rate", "0.001"),
        ("optimizer.clipnorm", -1),
        ("optimizer.momentum", 0.9),  # adam has none
        ("optimizer.use_ema", True),
        ("optimizer.name", "adamm"),
        ("network", []),
        ("training.epochs", 0),
        ("training.epochs", "5"),
        ("training.epoch", 5),
        ("training.validation", "some"),
        ("training.validation", 0),
        ("training.label_smoothing", "a tenth"),
        ("training.label_smoothing", 1),
        ("training.precision", "float16"),
        ("training.schedule", {"name": "linear"}),
    ],
)
def test_what_a_recipe_may_not_say_does_not_fit(place: str, value: object):
    assert misfits("recipe", changed(RECIPE, place, value)) != []


def test_a_run_whose_name_is_no_name_does_not_fit():
    params = read_yaml(ROOT / "params.yaml")
    run = next(iter(params["runs"].values()))
    assert misfits("params", changed(params, "runs", {"my-run": run})) == []
    assert misfits("params", changed(params, "runs", {"my/run": run})) != []


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_explained(kind: str):
    schema = load(kind)
    objects = [schema, *(each for each in schema.get("$defs", {}).values() if "properties" in each)]
    keys = {(each["title"], key): value for each in objects for key, value in each["properties"].items()}
    assert [key for key, value in keys.items() if "description" not in value] == []
    assert all("Attributes:" not in each["description"] for each in objects)


def test_an_explanation_is_what_the_model_says():
    training = load("recipe")["$defs"]["Training"]
    assert training["description"] == "Training of the network."
    assert training["properties"]["precision"]["description"] == (
        "Type of convolutions and matrix products. Weights, optimizer and loss are float32."
    )
