"""Test-time augmentation: the mean of a classifier's answers to several views of an image, inside the saved model.

Keras and LiteRT users get the averaged probabilities from one call, without code of their own.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.common.errors import InputError
from stages.model.recipe import IMAGE, TestTime

if TYPE_CHECKING:
    import keras

CLASSIFIER, AVERAGED = "classifier", "averaged"  # names of models: the network itself, and the average over its views


def augmented(classifier: "keras.Model", test_time: TestTime, path: Path) -> "keras.Model":
    """Return a model whose output is the mean of a classifier's outputs for several views of an image.

    Args:
        classifier: Network named CLASSIFIER; it becomes one layer of the model, with the same variables.
        test_time: Views of an image.
        path: File of the recipe, for errors.

    Returns:
        Model with the same input and output as the classifier.

    Raises:
        InputError: The images are too small for the shift.
    """
    import keras

    height, width, _ = shape = classifier.input_shape[1:]
    if test_time.shift >= min(height, width):
        raise InputError(
            f"{path}: test_time.shift",
            f"fewer pixels than the images have, {height} × {width}",
            test_time.shift,
            "choose a smaller one",
        )
    image = keras.Input(shape, name=IMAGE, dtype="float32")
    views = [image, _mirrored(image)] if test_time.flip else [image]
    if test_time.shift:
        views += _shifted(views, "down-right", (test_time.shift, 0)) + _shifted(views, "up-left", (0, test_time.shift))
    mean = keras.layers.Average(name="mean")([classifier(view) for view in views])
    return keras.Model(image, mean, name=AVERAGED)


def classifier_of(model: "keras.Model") -> "keras.Model":
    """Return the network inside a model with test-time augmentation, or the model itself."""
    return model.get_layer(CLASSIFIER) if model.name == AVERAGED else model


def count_views(model: "keras.Model") -> int:
    """Return the number of views of an image that a model averages over; 1 without test-time augmentation."""
    return len(model.get_layer("mean").input) if model.name == AVERAGED else 1


def _mirrored(image: Any) -> Any:
    import keras

    mirrored = keras.ops.flip(image, axis=2)
    # Keras numbers the flips of a process, and the number would stand in the file
    keras.Function(image, mirrored).operations[-1].name = "mirrored"
    return mirrored


def _shifted(views: list[Any], name: str, margins: tuple[int, int]) -> list[Any]:
    """Return the views with black margins: pixels before the rows and columns, and pixels after them."""
    import keras

    crop = keras.layers.Cropping2D((margins[::-1], margins[::-1]), name=f"crop-{name}")
    pad = keras.layers.ZeroPadding2D((margins, margins), name=f"pad-{name}")
    return [pad(crop(view)) for view in views]
