"""Pictures that somebody names: what the network sees of them, and who says what they are."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from stages import console, outputs, plan
from stages.errors import InputError
from stages.evaluation import inference
from stages.images import catalog, photos
from stages.images.arrays import Description
from stages.prediction import lite
from stages.training import determinism, model_file, network
from stages.training.recipe import Recipe


def read(
    pictures: list[Path], shape: tuple[int, int, int], rule: catalog.Rule | None
) -> tuple[dict[Path, photos.Photo], int]:
    """Return what a network sees of each picture, and how many could not be read or found; each of those is reported.

    Args:
        pictures: Files, and folders of them.
        shape: Height, width and channels of what it sees, in pixels.
        rule: How the pictures of the dataset were made into images, or None to fit each whole picture in.
    """
    seen, errors = {}, []
    for named in pictures:
        try:
            found = photos.find(named)
        except InputError as error:
            errors.append(error)
            continue
        for path in found:
            try:
                seen[path] = photos.read(path, shape, rule)
            except InputError as error:
                errors.append(error)
    for problem in errors:
        console.say(f"error: {problem}")
    return seen, len(errors)


def network_of(
    run: str, chosen: plan.Run, described: Description, weights: Path | None
) -> Callable[[Sequence[photos.Photo]], inference.Probabilities]:
    """Return what tells the probabilities of each class for each image, uint8, of the dataset's shape.

    That is the run's LiteRT model; Keras, which takes seconds to start, where LiteRT lacks a layer or for `weights`.

    Args:
        run: The run's name.
        chosen: The run.
        described: Its dataset.
        weights: A `.weights.h5` file for the network of the run's recipe, or None.

    Raises:
        InputError: The run was not trained, or what was trained does not fit.
    """
    shape, num_classes = described.image_shape, len(described.classes)
    if not weights and lite.exists(outputs.lite_model(run)):
        return partial(lite.predict, lite.load(outputs.lite_model(run), shape, num_classes))
    determinism.settle(chosen.seed, inference.THREADS)
    if weights:
        model = network.build(Recipe.load(chosen.recipe_path), chosen.recipe_path, shape, num_classes)
        model_file.load_weights(model, weights)
    else:
        model = model_file.load(outputs.model(run), shape, num_classes)
    return partial(inference.predict, model, what="looking")
