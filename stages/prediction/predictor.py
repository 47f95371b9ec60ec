"""The predictor of a run, and the images it is given for a user's pictures."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from stages.common import determinism, paths
from stages.common.errors import InputError
from stages.common.params import Run
from stages.evaluation import inference
from stages.evaluation.inference import Probabilities
from stages.images import checks
from stages.images.arrays import DatasetInfo, Image
from stages.images.catalog import Conversion
from stages.images.findings import Findings
from stages.images.folders import files
from stages.images.picture_files import depth, pictures
from stages.model import build, keras_file, litert_file
from stages.model.recipe import Recipe

Predictor = Callable[[Sequence[Image]], Probabilities]

logger = logging.getLogger(__name__)


def read_pictures(
    named: Sequence[Path], image_shape: tuple[int, int, int], conversion: Conversion | None
) -> tuple[dict[Path, Image], int]:
    """Read pictures as the network sees them; each one that is missing or unreadable is logged and left out.

    Files of a folder that are no pictures are counted in the log, and are no errors.

    Args:
        named: Files, and folders of files.
        image_shape: Height, width and channels of the network's input, in pixels.
        conversion: Conversion of pictures into images of the dataset, or None to fit each picture whole.

    Returns:
        Images by the file of their picture, uint8, `image_shape`, 0…255; and the number of errors.
    """
    images: dict[Path, Image] = {}
    errors: list[InputError] = []
    findings = Findings()
    for file_or_folder in named:
        try:
            found = files.find(file_or_folder)
            found.check_any()
        except InputError as error:
            errors.append(error)
            continue
        found.tell()
        errors += found.problems()
        for file in found.pictures:
            try:
                images[file] = pictures.read(file, image_shape, conversion, findings)
            except InputError as error:
                errors.append(error)
    errors += findings.find_contradictions()
    for problem in depth.merged(errors):
        logger.error("error: %s", problem)
    findings.log()
    plain = [str(file) for file, image in images.items() if len(checks.find_plain(image[np.newaxis]))]
    if plain:
        checks.warn_of_plain(len(plain), f"{len(images)} pictures", plain)
    return images, len(errors)


def load_predictor(run: Run, info: DatasetInfo, weights: Path | None = None) -> Predictor:
    """Return a function from images, uint8 of the dataset's shape, to class probabilities.

    It runs the LiteRT model, which starts at once. It runs the Keras model, which takes seconds to start, if LiteRT
    lacks a layer or if `weights` are given.

    Args:
        run: Run whose model predicts.
        info: Classes and image shape of the run's dataset.
        weights: File `.weights.h5` to load into the network of the run's recipe, or None.

    Raises:
        InputError: The run was not trained, or its model or weights do not fit.
    """
    image_shape, num_classes = info.image_shape, len(info.classes)
    litert_path = paths.litert_model(run.name)
    if not weights and litert_file.exists(litert_path):
        return partial(litert_file.predict, litert_file.load(litert_path, image_shape, num_classes))
    determinism.enable_determinism(run.seed, inference.THREADS)
    if weights:
        model = build.build_model(Recipe.load(run.recipe_path), image_shape, num_classes)
        keras_file.load_weights(model, weights)
    else:
        model = keras_file.load(paths.model(run.name), image_shape, num_classes)
    return partial(inference.predict, model, description="classifying")
