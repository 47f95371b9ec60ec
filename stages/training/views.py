"""Test-time augmentation: a classifier asked about several views of an image, inside the model that is saved.

So whoever has the model, in Keras or LiteRT, gets the averaged answer from one call and need not know of it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.errors import InputError
from stages.training.recipe import IMAGE, TestTime

if TYPE_CHECKING:
    import keras

CLASSIFIER, AVERAGED = "classifier", "averaged"  # names of models: the network itself, and one that asks it many times


def averaged(classifier: "keras.Model", test_time: TestTime, where: Path) -> "keras.Model":
    """Return a model whose answer is the mean of the classifier's answers to several views of an image.

    Args:
        classifier: The network, of that name; it stays one layer of the model, with the same variables.
        test_time: Which views.
        where: The recipe's file, named in errors.

    Returns:
        A model of the same input and output.

    Raises:
        InputError: The image is too small to be moved so far.
    """
    import keras

    height, width, _ = shape = classifier.input_shape[1:]
    if test_time.shift >= min(height, width):
        raise InputError(
            f"{where}: test_time.shift",
            f"fewer pixels than the images have, {height} × {width}",
            test_time.shift,
            "choose a smaller one",
        )
    image = keras.Input(shape, name=IMAGE, dtype="float32")
    views = [image, _mirrored(image)] if test_time.flip else [image]
    if test_time.shift:
        views += _moved(views, "down-right", (test_time.shift, 0)) + _moved(views, "up-left", (0, test_time.shift))
    mean = keras.layers.Average(name="mean")([classifier(view) for view in views])
    return keras.Model(image, mean, name=AVERAGED)


def classifier_of(model: "keras.Model") -> "keras.Model":
    """Return the network inside a model that `averaged` made, or the model itself if it is the network."""
    return model.get_layer(CLASSIFIER) if model.name == AVERAGED else model


def count(model: "keras.Model") -> int:
    """Return how many views of an image a model averages over; 1 if it asks its network once."""
    return len(model.get_layer("mean").input) if model.name == AVERAGED else 1


def _mirrored(image: Any) -> Any:
    import keras

    mirrored = keras.ops.flip(image, axis=2)
    # Keras numbers the flips of a process, and the number would stand in the file
    keras.Function(image, mirrored).operations[-1].name = "mirrored"
    return mirrored


def _moved(views: list[Any], name: str, black: tuple[int, int]) -> list[Any]:
    """Return the views moved away from so many black rows above and below, and columns left and right of them."""
    import keras

    crop = keras.layers.Cropping2D((black[::-1], black[::-1]), name=f"crop-{name}")
    pad = keras.layers.ZeroPadding2D((black, black), name=f"pad-{name}")
    return [pad(crop(view)) for view in views]
