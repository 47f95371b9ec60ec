"""From a recipe to a Keras network."""

import inspect
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.errors import InputError
from stages.settings import did_you_mean
from stages.training import views
from stages.training.recipe import CLASSES, IMAGE, Layer, Optimizer, Recipe

if TYPE_CHECKING:
    import keras

CARRY_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
NEED_ANOTHER_LAYER = {
    "Bidirectional", "Pipeline", "RNN", "SpectralNormalization", "StackedRNNCells", "TimeDistributed", "Wrapper",
}  # fmt: skip
ARE_NOT_LAYERS_OF_A_NETWORK = {"Layer", "InputLayer", "GRUCell", "LSTMCell", "SimpleRNNCell"}
READ_TEXT = {"StringLookup", "IntegerLookup", "TextVectorization", "HashedCrossing"}  # some from files of their own
NEED_LABELS_TOO = {"MixUp", "CutMix", "MaxNumBoundingBoxes"}
ARE_LEFT_OUT = {"Equalization"}  # its symbolic answer is its own input, so the network never holds it
CROP_IN_TRAINING_ONLY = {"RandomCrop"}
FORBIDDEN = {
    **dict.fromkeys(CARRY_CODE, "it carries or loads code"),
    **dict.fromkeys(NEED_ANOTHER_LAYER, "it needs another layer as an argument"),
    **dict.fromkeys(ARE_NOT_LAYERS_OF_A_NETWORK, "it is no layer to stand in a network"),
    **dict.fromkeys(READ_TEXT, "it reads text or vocabularies, not images"),
    **dict.fromkeys(NEED_LABELS_TOO, "it changes the labels too"),
    **dict.fromkeys(ARE_LEFT_OUT, "Keras leaves it out of a network"),
    **dict.fromkeys(CROP_IN_TRAINING_ONLY, "images to classify would leave it at another size than in training"),
}
SEPARATE_INPUTS = {"MultiHeadAttention", "GroupQueryAttention"}  # other layers take several inputs as a list

# what Keras and TensorFlow put around a reason: the call, the terminal's colours, the name of a node
WRAPPING = re.compile(
    r"Exception encountered when calling .*|Error when deserializing class .*|Exception encountered: "
    r"|\x1b\[\d+m|\{\{function_node .*?\}\} | \[Op:.*"
)

OPTIMIZERS_WITHOUT_PLAIN_VALUES = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}


def layer_classes() -> dict[str, type["keras.layers.Layer"]]:
    """Return every built-in Keras layer that plain values configure, by the names Keras gives it."""
    import keras

    return {
        name: value
        for name, value in vars(keras.layers).items()
        if inspect.isclass(value) and issubclass(value, keras.layers.Layer) and name not in FORBIDDEN
    }


def optimizer_classes() -> dict[str, type["keras.optimizers.Optimizer"]]:
    """Return every Keras optimizer that plain values configure, by its name in small letters."""
    import keras

    return {
        name.lower(): value
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and name not in OPTIMIZERS_WITHOUT_PLAIN_VALUES
    }


def build(recipe: Recipe, where: Path, image_shape: tuple[int, int, int], num_classes: int) -> "keras.Model":
    """Build the recipe's network.

    Args:
        recipe: Which layers, in which order.
        where: The recipe's file, named in errors.
        image_shape: Height, width and channels of an image, in pixels.
        num_classes: How many probabilities the network answers with.

    Returns:
        A model from float32 (N, height, width, channels), 0…255, to float32 (N, num_classes), 0…1, rows summing to 1;
        `views.classifier_of` returns the network in it.

    Raises:
        InputError: A layer does not exist, is forbidden, or is refused by Keras; the layer and its reason are named.
            Or the images are too small to be averaged over as the recipe asks.
    """
    import keras

    outputs: dict[str, Any] = {IMAGE: keras.Input(image_shape, name=IMAGE, dtype="float32")}
    for name, read in recipe.inputs().items():
        outputs[name] = _apply(name, recipe.layers[name], [outputs[each] for each in read], where)
    last = recipe.network[-1]
    shape = outputs[last].shape
    if len(shape) != 2 or shape[1] is None:
        raise InputError(
            f"{where}: layers.{last}",
            "the last layer to give a flat vector for each image",
            f"the shape {shape[1:]}",
            "end the network with Flatten or a global pooling layer",
        )
    answer = keras.layers.Dense(num_classes, activation="softmax", name=CLASSES)(outputs[last])
    classifier = keras.Model(outputs[IMAGE], answer, name=views.CLASSIFIER)
    return views.averaged(classifier, recipe.test_time, where) if recipe.test_time else classifier


def build_optimizer(optimizer: Optimizer, where: Path) -> "keras.optimizers.Optimizer":
    """Build the recipe's optimizer.

    Raises:
        InputError: Keras has none of this name, or refuses an argument.
    """
    classes = optimizer_classes()
    place = f"{where}: optimizer"
    kind = _choose(optimizer.name.lower(), classes, f"{place}.name", "an optimizer of Keras")
    return _construct(kind, optimizer.arguments, place)


def _apply(name: str, described: Layer, inputs: list[Any], where: Path) -> Any:
    place = f"{where}: layers.{name}"
    if described.layer in FORBIDDEN:
        raise InputError(
            f"{place}.layer",
            "a layer that plain values configure",
            described.layer,
            f"{FORBIDDEN[described.layer]}, choose another",
        )
    kind = _choose(described.layer, layer_classes(), f"{place}.layer", "a layer of Keras")
    layer = _construct(kind, described.arguments, place, name=name)
    together = len(inputs) > 1 and described.layer not in SEPARATE_INPUTS
    try:
        output = layer(inputs) if together else layer(*inputs)
        _try_out(layer, inputs, together)
        return output
    except Exception as error:  # Keras and TensorFlow raise a dozen kinds here
        shapes = ", ".join(str(tuple(tensor.shape[1:])) for tensor in inputs)
        raise InputError(
            place,
            f"inputs that {described.layer} accepts",
            f"the shape {shapes}: {_reason(error)}",
            "mend the layer or the one before",
        ) from error


def _try_out(layer: "keras.layers.Layer", inputs: list[Any], together: bool) -> None:
    """Run a layer on one black image as in training, and make it anew as loading does; some fail only then.

    Its state and the random numbers stay as they are.
    """
    import keras

    black = [keras.ops.zeros((1, *(size or 1 for size in tensor.shape[1:])), tensor.dtype) for tensor in inputs]
    read = [black] if together else black
    training = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}
    layer.stateless_call(layer.trainable_variables, layer.non_trainable_variables, *read, **training)
    numbers = random.getstate()  # Keras draws its seeds from them
    type(layer).from_config(layer.get_config())
    random.setstate(numbers)


def _choose(name: str, classes: dict[str, Any], where: str, what: str) -> Any:
    if name not in classes:
        raise InputError(where, f"{what}{did_you_mean(name, classes)}", repr(name), "see keras.io/api for their names")
    return classes[name]


def _construct(kind: type, arguments: dict[str, Any], where: str, **given: Any) -> Any:
    known = [*_parameters(kind), "trainable"] if "name" in given else _parameters(kind)
    for argument in arguments:
        if argument not in known or argument in given:
            expected = f"an argument of {kind.__name__} ({', '.join(known)}){did_you_mean(argument, known)}"
            raise InputError(where, expected, repr(argument), "edit the file")
    try:
        return kind(**arguments, **given)
    except Exception as error:  # Keras raises a dozen kinds here
        received = ", ".join(f"{key}={value!r}" for key, value in arguments.items()) or "none"
        raise InputError(
            where, f"arguments that {kind.__name__} accepts", f"{received}: {_reason(error)}", "edit the file"
        ) from error


def _parameters(kind: type) -> list[str]:
    parameters: Iterable[inspect.Parameter] = inspect.signature(kind).parameters.values()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return [name for name in named if name != "name"]


def _reason(error: Exception) -> str:
    """Return the first sentence of Keras's reason, without the layers of wrapping around it."""
    lines = [WRAPPING.sub("", line).strip() for line in str(error).splitlines()]
    return next(filter(None, lines), type(error).__name__).removesuffix(".")
