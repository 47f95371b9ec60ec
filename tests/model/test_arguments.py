import inspect
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.common.errors import InputError
from stages.common.json_schemas import json_schema
from stages.model import arguments, build
from tests.model.test_build import CLASSES, FLATTEN, PATH, SHAPE, branch, recipe

pytestmark = pytest.mark.usefixtures("deterministic")

LAYERS = sorted({kind.__name__ for kind in build.layer_classes().values()} & build.layer_classes().keys())
OPTIMIZERS = sorted(build.optimizer_classes())
EXAMPLES = settings(
    max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

SMALL = st.integers(0, 4)
FRACTIONS = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0])
NUMBERS = SMALL | FRACTIONS
FITTING = {  # values that may fit an argument, by the type of its default
    bool: st.booleans(),
    int: SMALL,
    float: NUMBERS,
    str: st.sampled_from(["same", "relu", "he_normal", "zeros", "nearest", "constant", "channels_first", "foo"]),
    tuple: SMALL | st.lists(NUMBERS, min_size=1, max_size=3),
}
ANY_FITTING = st.one_of(*FITTING.values())
WORDS = ["no", "off", "False", "yes", "y", "0.9", "1", "", "l2", "none"]
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([-1.0, 1.5, 1e-30, 1e30, float("nan"), float("inf"), 2**31, 10**20])
    | st.sampled_from(WORDS)
    | st.lists(st.integers(-1, 3) | FRACTIONS | st.sampled_from(WORDS) | st.lists(SMALL, max_size=2), max_size=3)
)


@st.composite
def some_arguments(draw: st.DrawFn, kind: type) -> dict[str, Any]:
    """Draw up to three arguments of a Keras class; about half of the values are of the right type."""
    signature = arguments.parameters(kind)
    names = draw(st.lists(st.sampled_from(sorted(signature)), min_size=1, max_size=3, unique=True))
    return {name: draw(FITTING.get(type(signature[name].default), ANY_FITTING) | PLAIN) for name in names}


def says(config: Any, said: Any) -> bool:
    """Tell whether a value of a Keras config is what a recipe said: itself, repeated, as a range, or as an object."""
    if said is None or isinstance(config, dict):  # Keras's own choice; an initializer that a word names
        return said is None or isinstance(said, str)
    if isinstance(config, list | tuple) and isinstance(said, list):  # Keras sorts some ranges
        return any(all(map(says, config, order)) for order in (said, said[::-1]))
    if isinstance(config, list | tuple):
        return all(says(each, said) or each in (-said, 0, 1, 1 - said, 1 + said) for each in config)
    if type(said) is float:  # a learning rate is a float32 variable
        return config == pytest.approx(said)
    return isinstance(config, bool) == isinstance(said, bool) and config in (said, {-1: SHAPE[-1]}.get(said))


def changed(name: str, **said: Any) -> dict[str, dict[str, Any]]:
    """Return layers, among them the named one with some of its arguments changed."""
    layers = branch(name)
    return {**layers, name: {**layers[name], **said}}


@pytest.mark.parametrize("name", LAYERS)
@EXAMPLES
@given(st.data())
def test_a_layer_is_what_the_recipe_says_or_is_refused_in_a_line(name: str, data: st.DataObject):
    said = data.draw(some_arguments(build.layer_classes()[name]))
    try:
        model = build.build_model(recipe(changed(name, **said)), SHAPE, CLASSES)
    except InputError as error:
        assert_is_one_line(error, f"{PATH}: layers.")
        return
    config = model.get_layer(name).get_config()
    assert {key: config[key] for key in said if key in config and not says(config[key], said[key])} == {}


@pytest.mark.parametrize("name", OPTIMIZERS)
@EXAMPLES
@given(st.data())
def test_an_optimizer_is_what_the_recipe_says_or_is_refused_in_a_line(name: str, data: st.DataObject):
    said = data.draw(some_arguments(build.optimizer_classes()[name]))
    try:
        optimizer = build.build_optimizer(recipe({"flatten": FLATTEN}, {"name": name, **said}))
    except InputError as error:
        assert_is_one_line(error, f"{PATH}: optimizer")
        return
    config = optimizer.get_config()
    assert {key: config[key] for key in said if not says(config[key], said[key])} == {}


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (
            {"layer": "Dense", "units": True},
            "expected a whole number of 1 or more and below 2³¹, received true",
        ),
        (
            {"layer": "Dense", "units": 2.0},
            "expected a whole number of 1 or more and below 2³¹, received 2.0",
        ),
        (
            {"layer": "Dense", "units": "16"},
            "expected a whole number of 1 or more and below 2³¹, received '16'",
        ),
        (
            {"layer": "Dense", "units": None},
            "expected a whole number of 1 or more and below 2³¹, received nothing",
        ),
        ({"layer": "Dense", "units": 2, "bias_initializer": None}, "bias_initializer: expected text, received nothing"),
        ({"layer": "BatchNormalization", "momentum": "0.9"}, "momentum: expected a number of 0 or more and below 1, "),
        ({"layer": "BatchNormalization", "momentum": 1}, "momentum: expected a number of 0 or more and below 1, "),
        ({"layer": "BatchNormalization", "epsilon": 0}, "epsilon: expected a number above 0, received 0; edit"),
        ({"layer": "BatchNormalization", "center": 0}, "center: expected true or false, received 0; edit"),
        (
            {"layer": "BatchNormalization", "renorm_clipping": 1},
            "expected no such argument in a recipe, received 1",
        ),
        ({"layer": "Normalization"}, "mean: expected a value, received nothing; edit"),
        ({"layer": "Normalization", "mean": None, "variance": None}, "mean: expected a number or a list of numbers"),
        (
            {"layer": "Normalization", "mean": 0, "variance": -1},
            "variance: expected a number above 0 or a list of such numbers, received -1",
        ),
        ({"layer": "Dropout", "rate": 1}, "rate: expected a number of 0 or more and below 1, received 1; edit"),
        ({"layer": "Dropout", "rate": True}, "rate: expected a number of 0 or more and below 1, received true"),
        ({"layer": "Dropout", "rate": float("nan")}, "rate: expected a number of 0 or more and below 1, received nan"),
        (
            {"layer": "RandomFlip", "mode": "sideways"},
            "mode: expected horizontal, vertical or horizontal_and_",
        ),
        ({"layer": "Rescaling", "scale": "bright"}, "scale: expected a number or a list of numbers, received 'bright'"),
        (
            {"layer": "MaxPooling2D", "pool_size": 0},
            "pool_size: expected a whole number, 1…4096, or a list of them",
        ),
        ({"layer": "MaxPooling2D", "data_format": ""}, "data_format: expected text, received ''"),
        (
            {"layer": "AdaptiveMaxPooling2D", "output_size": 1},
            "expected a whole number, 2…4096, or a list of them",
        ),
        (
            {"layer": "RandomContrast", "factor": 0.1, "value_range": [255, 0]},
            "two numbers, the lower first",
        ),
    ],
)
def test_values_that_keras_would_take_or_fail_on_later_are_refused(layer: dict[str, Any], expected: str):
    with pytest.raises(InputError) as caught:
        build.build_model(recipe({"tested": layer, "flatten": FLATTEN}), SHAPE, CLASSES)

    assert str(caught.value).startswith(f"{PATH}: layers.tested.")
    assert expected in str(caught.value)


def test_a_layer_of_several_outputs_is_refused():
    with pytest.raises(InputError, match=r"layers\.LSTM: .*: the layer gives several outputs, and"):
        build.build_model(recipe(changed("LSTM", return_state=True)), SHAPE, CLASSES)


def test_a_layer_that_mixes_images_is_refused():
    with pytest.raises(
        InputError, match=r"layers\.Concatenate: .*: the layer makes the shape \(2, 8, 8, 3\) of one image"
    ):
        build.build_model(recipe(changed("Concatenate", axis=-4)), SHAPE, CLASSES)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *((word, "false") for word in ("no", "No", "NO", "off", "Off", "n", "N", "False", "false")),
        *((word, "true") for word in ("yes", "on", "y", "True", "true")),
    ],
)
def test_a_word_that_yaml_1_1_read_as_a_boolean_is_refused_by_name(word: str, meant: str):
    with pytest.raises(InputError) as caught:
        build.build_model(recipe({"tested": {"layer": "Dense", "units": 2, "use_bias": word}}), SHAPE, CLASSES)

    expected = f"expected true or false, received {word!r}; YAML 1.2 reads it as text, write {meant}"
    assert str(caught.value) == f"{PATH}: layers.tested.use_bias: {expected}"


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ({"learning_rate": -0.1}, "learning_rate: expected a number above 0, received -0.1"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0, received 0"),
        ({"learning_rate": 1e-50}, "learning_rate: expected a number of 1.2e-38 or more, since smaller ones are 0 in"),
        ({"learning_rate": None}, "learning_rate: expected a number above 0, received nothing"),
        ({"clipnorm": -1}, "clipnorm: expected a number above 0, received -1"),
        ({"clipvalue": 0}, "clipvalue: expected a number above 0, received 0"),
        ({"global_clipnorm": True}, "global_clipnorm: expected a number above 0, received true"),
        ({"momentum": "0.9"}, "momentum: expected a number of 0 or more and below 1, received '0.9'"),
        ({"momentum": 1}, "momentum: expected a number of 0 or more and below 1, received 1"),
        ({"nesterov": "no"}, "nesterov: expected true or false, received 'no'; YAML 1.2 reads it as text, write false"),
        ({"weight_decay": "1e-4"}, "weight_decay: expected a number of 0 or more, received '1e-4'"),
        ({"weight_decay": -0.1}, "weight_decay: expected a number of 0 or more, received -0.1"),
        ({"gradient_accumulation_steps": 1}, "steps: expected a whole number of 2 or more and below 2³¹, received 1"),
        (
            {"gradient_accumulation_steps": 2.0},
            "steps: expected a whole number of 2 or more and below 2³¹, received 2.0",
        ),
        ({"name": "adam", "beta_1": "0.9"}, "beta_1: expected a number of 0 or more and below 1, received '0.9'"),
        ({"name": "adam", "beta_2": 1}, "beta_2: expected a number of 0 or more and below 1, received 1"),
        ({"name": "adam", "epsilon": 0}, "epsilon: expected a number above 0, received 0"),
        ({"name": "adam", "amsgrad": 1}, "amsgrad: expected true or false, received 1"),
        ({"name": "adamw", "weight_decay": None}, "weight_decay: expected a number of 0 or more, received nothing"),
        ({"name": "rmsprop", "rho": 1.5}, "rho: expected a number of 0 or more and below 1, received 1.5"),
        ({"name": "muon", "exclude_layers": "conv"}, "exclude_layers: expected a list of texts, received 'conv'"),
    ],
)
def test_a_value_that_no_optimizer_can_use_is_refused(optimizer: dict[str, Any], expected: str):
    with pytest.raises(InputError) as caught:
        build.build_optimizer(recipe({"flatten": FLATTEN}, {"name": "sgd", **optimizer}))

    assert str(caught.value).startswith(f"{PATH}: optimizer.")
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", ["beta_1", "beta_2"])
def test_a_whole_number_is_a_number(name: str):
    optimizer = build.build_optimizer(recipe({"flatten": FLATTEN}, {"name": "adam", name: 0, "learning_rate": 1}))

    assert (getattr(optimizer, name), float(optimizer.learning_rate)) == (0.0, 1.0)
    assert type(getattr(optimizer, name)) is float


@pytest.mark.parametrize("kind", [*build.layer_classes().values(), *build.optimizer_classes().values()])
def test_the_tables_and_keras_tell_the_type_of_every_argument(kind: type):
    properties = json_schema(arguments.model_of(kind))["properties"]
    unknown = [name for name, each in properties.items() if {"type": "array", "items": {}} in each.get("anyOf", [])]

    assert unknown == []


def test_the_tables_name_no_argument_that_keras_lacks():
    kinds = [*build.layer_classes().values(), *build.optimizer_classes().values()]
    known = {name for kind in kinds for name in inspect.signature(kind).parameters}

    assert {*arguments.BY_NAME, *arguments.WITHHELD} - known == set()
    assert {(kind.__name__, name) for kind in kinds for name in arguments.parameters(kind)} >= arguments.BY_CLASS.keys()


def assert_is_one_line(error: InputError, start: str) -> None:
    assert str(error).startswith(start)
    assert "\n" not in str(error)
