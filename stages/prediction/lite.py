"""A LiteRT model's probabilities: an answer without the seconds that TensorFlow takes to start."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.console import quiet
from stages.errors import InputError

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

    from stages.evaluation.inference import Probabilities
    from stages.images.arrays import Images


def exists(path: Path) -> bool:
    """Tell whether a run has a LiteRT model; train leaves an empty file where LiteRT lacks one of its layers.

    Raises:
        InputError: The run was never trained.
    """
    if not path.is_file():
        raise InputError(path, "a trained model", "none", f"run dvc repro train@{path.stem}")
    return path.stat().st_size > 0


def load(path: Path, image_shape: tuple[int, int, int], num_classes: int) -> "Interpreter":
    """Load a LiteRT model.

    Args:
        path: The model's file.
        image_shape: Height, width and channels of the images it is to see, in pixels.
        num_classes: How many probabilities it is to answer with.

    Raises:
        InputError: It is no LiteRT model, or was trained on other data.
    """
    from ai_edge_litert.interpreter import Interpreter

    again = f"run dvc repro train@{path.stem}"
    with quiet():
        try:
            model, damage = Interpreter(str(path)), None
            model.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            damage = error
    if damage:
        raise InputError(path, "a model in LiteRT's format", "a damaged file", again) from damage
    expected = [(1, *image_shape), (1, num_classes)]
    received = [tuple(map(int, one["shape"])) for one in (*model.get_input_details(), *model.get_output_details())]
    if expected != received:
        raise InputError(path, f"the shapes of its dataset, {expected}", received, again)
    return model


def predict(model: "Interpreter", images: "Iterable[Images]") -> "Probabilities":
    """Return the probability of each class for each image.

    Args:
        model: As `load` returns it.
        images: uint8, each (height, width, channels), 0…255.

    Returns:
        float32, (N, num_classes), 0…1, each row summing to 1.
    """
    [image_is], [answer_is] = model.get_input_details(), model.get_output_details()
    answers = []
    for image in images:
        model.set_tensor(image_is["index"], np.asarray(image, dtype=np.float32)[np.newaxis])
        model.invoke()
        answers.append(model.get_tensor(answer_is["index"])[0])
    return np.array(answers, dtype=np.float32).reshape(len(answers), answer_is["shape"][1])
