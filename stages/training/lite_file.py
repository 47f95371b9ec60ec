"""The model for use elsewhere: LiteRT's format, which telephones run and which answers without TensorFlow."""

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import atomic
from stages.console import quiet, say

if TYPE_CHECKING:
    import keras


def convert(model: "keras.Model") -> bytes:
    """Return a model in LiteRT's format, in the bytes that follow from its layers and weights alone.

    It sees one image at a time, since a fixed shape is what LiteRT's fast kernels are made for. What acts in training
    only, such as dropout, is not in it.

    Args:
        model: From float32 (N, height, width, channels), 0…255, to float32 (N, num_classes), 0…1.

    Returns:
        From float32 (1, height, width, channels) to float32 (1, num_classes); nothing, with a warning, if LiteRT
        lacks what a layer needs, since the Keras model is as good as without.
    """
    import tensorflow as tf

    image = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")
    answer = tf.function(partial(_answer, model), input_signature=[image], autograph=False)
    with quiet():
        try:
            converter = tf.lite.TFLiteConverter.from_concrete_functions([answer.get_concrete_function()], answer)
            content: bytes = converter.convert()
            lacking = ""
        except (MemoryError, OSError):
            raise
        except Exception as error:  # the converter's own kind is not public, and its passes raise others
            content, lacking = b"", _lacking(error)
    if lacking:
        say(f"LiteRT cannot have this network, since it lacks {lacking}; predict will ask the Keras model")
    return content


def _answer(model: "keras.Model", image: Any) -> Any:
    """Return the probabilities, and change no state: some augmenting layers count on even when they do nothing."""
    probabilities, _ = model.stateless_call(
        model.trainable_variables, model.non_trainable_variables, image, training=False
    )
    return probabilities


def save(content: bytes, path: Path) -> None:
    """Write what `convert` returned."""
    with atomic.new_file(path) as partial:
        partial.write_bytes(content)


def _lacking(error: Exception) -> str:
    """Return the operations that LiteRT lacks, or what else the converter says in its first line."""
    operations = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
    return ", ".join(operations) or next(filter(None, str(error).splitlines()), type(error).__name__)
