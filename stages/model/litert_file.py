"""Model in LiteRT's format, which runs on phones and answers without the seconds that TensorFlow takes to start."""

import logging
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.common import atomic
from stages.common.console import quiet
from stages.common.errors import InputError, first_line

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    from ai_edge_litert.interpreter import Interpreter

logger = logging.getLogger(__name__)


def convert(model: "keras.Model") -> bytes:
    """Convert a model to LiteRT's format; its layers and weights alone determine the bytes.

    The converted model takes one image at a time, since LiteRT's fast kernels are made for fixed shapes. Layers that
    act in training only, such as dropout, are left out.

    Args:
        model: Model from float32 (N, height, width, channels), 0…255, to float32 (N, num_classes), 0…1.

    Returns:
        Model from float32 (1, height, width, channels) to float32 (1, num_classes). Empty, with a warning, if LiteRT
        lacks an operation of a layer: the Keras model is as good without it.
    """
    import tensorflow as tf

    image = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")
    answer = tf.function(partial(_answer, model), input_signature=[image], autograph=False)
    with quiet():
        try:
            converter = tf.lite.TFLiteConverter.from_concrete_functions([answer.get_concrete_function()], answer)
            content: bytes = converter.convert()
            missing = ""
        except (MemoryError, OSError):
            raise
        except Exception as error:  # the converter's own type is not public, and its passes raise others
            content, missing = b"", _missing_operations(error)
    if missing:
        logger.warning("LiteRT lacks %s, so there is no LiteRT model; predict will use the Keras model", missing)
    return content


def save(content: bytes, path: Path) -> None:
    """Write a converted model, also an empty one."""
    with atomic.new_file(path) as partial_file:
        partial_file.write_bytes(content)


def exists(path: Path) -> bool:
    """Tell whether a run has a LiteRT model; train writes an empty file where LiteRT lacks an operation.

    Raises:
        InputError: The run was never trained.
    """
    if not path.is_file():
        raise InputError(path, "a trained model", "none", f"run dvc repro train@{path.stem}")
    return path.stat().st_size > 0


def load(path: Path, image_shape: tuple[int, int, int], num_classes: int) -> "Interpreter":
    """Load a LiteRT model.

    Args:
        path: File of the model.
        image_shape: Height, width and channels of its images, in pixels.
        num_classes: Number of its classes.

    Raises:
        InputError: The file is no LiteRT model, or the model was trained on other data.
    """
    from ai_edge_litert.interpreter import Interpreter

    next_step = f"run dvc repro train@{path.stem}"
    with quiet():
        try:
            model, damage = Interpreter(str(path)), None
            model.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            damage = error
    if damage:
        raise InputError(path, "a model in LiteRT's format", "a damaged file", next_step) from damage
    expected = [(1, *image_shape), (1, num_classes)]
    received = [tuple(map(int, each["shape"])) for each in (*model.get_input_details(), *model.get_output_details())]
    if expected != received:
        raise InputError(path, f"the shapes of its dataset, {expected}", received, next_step)
    return model


def predict(model: "Interpreter", images: "Iterable[npt.NDArray[np.uint8]]") -> "npt.NDArray[np.float32]":
    """Return the probability of each class for each image.

    Args:
        model: Model, as `load` returns it.
        images: uint8, each (height, width, channels), 0…255.

    Returns:
        float32, (N, num_classes), 0…1, each row summing to 1.
    """
    import numpy as np

    [image_details], [output_details] = model.get_input_details(), model.get_output_details()
    outputs = []
    for image in images:
        model.set_tensor(image_details["index"], np.asarray(image, dtype=np.float32)[np.newaxis])
        model.invoke()
        outputs.append(model.get_tensor(output_details["index"])[0])
    return np.array(outputs, dtype=np.float32).reshape(len(outputs), output_details["shape"][1])


def _answer(model: "keras.Model", image: Any) -> Any:
    """Return the probabilities, and change no state: some augmentation layers count calls even in inference."""
    probabilities, _ = model.stateless_call(
        model.trainable_variables, model.non_trainable_variables, image, training=False
    )
    return probabilities


def _missing_operations(error: Exception) -> str:
    """Return the operations that LiteRT lacks, or the first line of the converter's message."""
    operations = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
    return ", ".join(operations) or first_line(error)
