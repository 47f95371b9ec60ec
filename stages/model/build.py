"""Build a recipe's Keras network and optimizer."""

import inspect
import random
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stages.common.errors import InputError, first_line
from stages.common.yaml_files import Config, did_you_mean
from stages.model import arguments, test_time
from stages.model.recipe import CLASSES, IMAGE, Recipe

if TYPE_CHECKING:
    import keras

CARRY_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
NEED_ANOTHER_LAYER = {
    "Bidirectional", "Pipeline", "RNN", "SpectralNormalization", "StackedRNNCells", "TimeDistributed", "Wrapper",
}  # fmt: skip
NOT_FOR_A_NETWORK = {"Layer", "InputLayer", "GRUCell", "LSTMCell", "SimpleRNNCell"}
READ_TEXT = {"StringLookup", "IntegerLookup", "TextVectorization", "HashedCrossing"}  # some of them from files
NEED_LABELS_TOO = {"MixUp", "CutMix", "MaxNumBoundingBoxes"}
LEFT_OUT_BY_KERAS = {"Equalization"}  # its symbolic output is its own input, so the network never contains it
CROP_IN_TRAINING_ONLY = {"RandomCrop"}
FORBIDDEN = {
    **dict.fromkeys(CARRY_CODE, "it carries or loads code"),
    **dict.fromkeys(NEED_ANOTHER_LAYER, "it needs another layer as an argument"),
    **dict.fromkeys(NOT_FOR_A_NETWORK, "it is no layer to stand in a network"),
    **dict.fromkeys(READ_TEXT, "it reads text or vocabularies, not images"),
    **dict.fromkeys(NEED_LABELS_TOO, "it changes the labels too"),
    **dict.fromkeys(LEFT_OUT_BY_KERAS, "Keras leaves it out of a network"),
    **dict.fromkeys(CROP_IN_TRAINING_ONLY, "images to classify would leave it at another size than in training"),
}
SEPARATE_INPUTS = {"MultiHeadAttention", "GroupedQueryAttention"}  # class names; other layers take several as a list

# wrapping that Keras and TensorFlow put around a reason: the call, terminal colours, the name of a node
WRAPPING = re.compile(
    r"Exception encountered when calling .*|Error when deserializing class .*|Exception encountered: "
    r"|Graph execution error:.*|Detected at node .*| *File \".*| *\[\[\{\{node .*"
    r"|\x1b\[\d+m|\{\{function_node .*?\}\} | \[Op:.*"
)

OPTIMIZERS_WITHOUT_PLAIN_VALUES = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}


def layer_classes() -> dict[str, type["keras.layers.Layer"]]:
    """Return every built-in Keras layer that plain values can configure, by Keras's name."""
    import keras

    return {
        name: value
        for name, value in vars(keras.layers).items()
        if inspect.isclass(value) and issubclass(value, keras.layers.Layer) and name not in FORBIDDEN
    }


def optimizer_classes() -> dict[str, type["keras.optimizers.Optimizer"]]:
    """Return every Keras optimizer that plain values can configure, by its name in lower case."""
    import keras

    return {
        name.lower(): value
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and name not in OPTIMIZERS_WITHOUT_PLAIN_VALUES
    }


def build_model(recipe: Recipe, image_shape: tuple[int, int, int], num_classes: int) -> "keras.Model":
    """Build a recipe's network.

    Args:
        recipe: Layers and their order.
        image_shape: Height, width and channels of an image, in pixels.
        num_classes: Number of classes.

    Returns:
        Model from float32 (N, height, width, channels), 0…255, to float32 (N, num_classes), probabilities 0…1 that sum
        to 1. `test_time.classifier_of` returns the network inside it.

    Raises:
        InputError: A layer does not exist, is forbidden, or is refused by Keras; the layer and the reason are named.
            Or the images are too small for the recipe's test-time augmentation.
    """
    import keras

    outputs: dict[str, Any] = {IMAGE: keras.Input(image_shape, name=IMAGE, dtype="float32")}
    for name, inputs in recipe.inputs().items():
        outputs[name] = _apply(recipe, name, [outputs[each] for each in inputs])
    last = recipe.network[-1]
    shape = outputs[last].shape
    if len(shape) != 2 or shape[1] is None:
        raise InputError(
            f"{recipe.path}: layers.{last}",
            "the last layer to give a flat vector for each image",
            f"the shape {shape[1:]}",
            "end the network with Flatten or a global pooling layer",
        )
    probabilities = keras.layers.Dense(num_classes, activation="softmax", name=CLASSES)(outputs[last])
    classifier = keras.Model(outputs[IMAGE], probabilities, name=test_time.CLASSIFIER)
    return test_time.augmented(classifier, recipe.test_time, recipe.path) if recipe.test_time else classifier


def build_optimizer(recipe: Recipe) -> "keras.optimizers.Optimizer":
    """Build a recipe's optimizer.

    Raises:
        InputError: Keras has no optimizer of this name, or refuses an argument.
    """
    name = recipe.optimizer.name.lower()
    kind = _choose(name, optimizer_classes(), f"{recipe.path}: optimizer.name", "an optimizer of Keras")
    # as the model returns them: Keras mixes its numbers with tensors, which a whole number may not be
    values = _checked(kind, recipe.optimizer.arguments, recipe, "optimizer").model_dump(exclude_unset=True)
    optimizer = _construct(kind, values, f"{recipe.path}: optimizer")
    try:
        _try_out_optimizer(_construct(kind, values, ""))
    except Exception as error:  # Keras and TensorFlow raise a dozen kinds here
        expected = f"arguments that {kind.__name__} can make a step with"
        raise InputError(f"{recipe.path}: optimizer", expected, _listed(values, error), "edit the file") from error
    return optimizer


def call_arguments(layer: "keras.Layer", inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return the positional arguments of a layer's call: several inputs are one list for most layers."""
    together = len(inputs) > 1 and type(layer).__name__ not in SEPARATE_INPUTS
    return (list(inputs),) if together else tuple(inputs)


def training_argument(layer: "keras.Layer") -> dict[str, bool]:
    """Return `training=True` for the call of a layer that distinguishes training from inference."""
    return {"training": True} if "training" in inspect.signature(layer.call).parameters else {}


def _apply(recipe: Recipe, name: str, inputs: list[Any]) -> Any:
    """Return the output of a new layer of a recipe."""
    layer_config, place = recipe.layers[name], f"{recipe.path}: layers.{name}"
    if layer_config.layer in FORBIDDEN:
        raise InputError(
            f"{place}.layer",
            "a layer that plain values configure",
            layer_config.layer,
            f"{FORBIDDEN[layer_config.layer]}, choose another",
        )
    kind = _choose(layer_config.layer, layer_classes(), f"{place}.layer", "a layer of Keras")
    _checked(kind, layer_config.arguments, recipe, f"layers.{name}")
    layer = _construct(kind, layer_config.arguments, place, name=name)
    try:
        output = layer(*call_arguments(layer, inputs))
        if not hasattr(output, "shape"):
            raise ValueError("the layer gives several outputs, and another layer reads one")
        tried = _try_out(layer, inputs)
        if any(size not in (None, actual) for size, actual in zip((1, *output.shape[1:]), tried, strict=True)):
            raise ValueError(f"the layer makes the shape {tried} of one image")
        return output
    except Exception as error:  # Keras and TensorFlow raise a dozen kinds here
        shapes = ", ".join(str(tuple(tensor.shape[1:])) for tensor in inputs)
        raise InputError(
            place,
            f"inputs that {layer_config.layer} accepts",
            f"the shape {shapes}: {reason(error)}",
            "fix the layer or the one before",
        ) from error


def _try_out(layer: "keras.layers.Layer", inputs: list[Any]) -> tuple[int, ...]:
    """Run a layer on one black image as in training, and rebuild it from its config as loading does.

    Some layers fail only then. The layer's state and the random numbers stay as they are.

    Returns:
        Shape of the output.
    """
    import keras

    black = [keras.ops.zeros((1, *(size or 1 for size in tensor.shape[1:])), tensor.dtype) for tensor in inputs]
    state = layer.trainable_variables, layer.non_trainable_variables
    output, _ = layer.stateless_call(*state, *call_arguments(layer, black), **training_argument(layer))
    random_state = random.getstate()  # Keras draws its seeds from it
    type(layer).from_config(layer.get_config())
    random.setstate(random_state)
    return tuple(output.shape)


def _try_out_optimizer(optimizer: "keras.optimizers.Optimizer") -> None:
    """Make a step with an optimizer on a small variable; some arguments fail only then."""
    import keras

    variable = keras.Variable(keras.ops.ones((2, 2)))
    optimizer.apply([keras.ops.ones((2, 2))], [variable])


def _choose(name: str, classes: dict[str, Any], where: str, expected: str) -> Any:
    if name not in classes:
        raise InputError(
            where, f"{expected}{did_you_mean(name, classes)}", repr(name), "see keras.io/api for their names"
        )
    return classes[name]


def _checked(kind: type, values: dict[str, Any], recipe: Recipe, place: str) -> Config:
    """Return the arguments of a Keras class, checked; `place` leads to them in the recipe."""
    known = arguments.parameters(kind)
    for name, value in values.items():
        if name in arguments.WITHHELD:
            reason = f"{arguments.WITHHELD[name]}, remove it"
            raise InputError(f"{recipe.path}: {place}.{name}", "no such argument in a recipe", repr(value), reason)
        if name not in known:
            expected = f"an argument of {kind.__name__} ({', '.join(known)}){did_you_mean(name, known)}"
            raise InputError(f"{recipe.path}: {place}", expected, repr(name), "edit the file")
    return arguments.model_of(kind).validated(values, recipe.path, place)


def _construct(kind: type, values: dict[str, Any], where: str, **given: Any) -> Any:
    try:
        return kind(**values, **given)
    except Exception as error:  # Keras raises a dozen kinds here
        expected = f"arguments that {kind.__name__} accepts"
        raise InputError(where, expected, _listed(values, error), "edit the file") from error


def _listed(values: dict[str, Any], error: Exception) -> str:
    """Return the arguments that Keras refused, and its reason."""
    received = ", ".join(f"{key}={value!r}" for key, value in values.items()) or "none"
    return f"{received}: {reason(error)}"


def reason(error: Exception) -> str:
    """Return the first line of Keras's or TensorFlow's reason, without the wrapping around it."""
    return first_line(error, WRAPPING).removesuffix(".")
