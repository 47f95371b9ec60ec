"""Saved model in Keras's format, with the same bytes each time the same model is saved."""

import json
import os
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.common import atomic
from stages.common.errors import InputError, first_line

if TYPE_CHECKING:
    import keras

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
MAX_RATIO = 100  # of the unpacked to the packed size; weights that were trained can hardly be packed
UNSTABLE = {"date_saved", "shared_object_id"}  # the clock, and addresses in memory


def save(model: "keras.Model", path: Path) -> None:
    """Save a model without its optimizer; its layers and weights alone determine the bytes.

    Keras writes the date, the zip's times and memory addresses into the file. They are removed.
    """
    import keras

    bare = keras.Model(model.input, model.output, name=model.name)  # same layers, not compiled
    with atomic.new_file(path) as partial:
        bare.save(partial)
        with zipfile.ZipFile(partial) as archive:
            members = {name: archive.read(name) for name in sorted(archive.namelist())}
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for name, content in members.items():
                archive.writestr(
                    zipfile.ZipInfo(name, EPOCH), _stable_json(content) if name.endswith(".json") else content
                )


def save_weights(model: "keras.Model", path: Path) -> None:
    """Save the weights alone. Keras requires a name that ends in .weights.h5, also for the temporary file."""
    with atomic.scratch_folder(path, "partial") as scratch:
        model.save_weights(scratch / path.name)
        (scratch / path.name).replace(os.path.realpath(path))


def load(path: Path, image_shape: tuple[int, int, int], num_classes: int) -> "keras.Model":
    """Load a model in Keras's safe mode, which refuses anything that could run code.

    Args:
        path: File of the model.
        image_shape: Height, width and channels of its images, in pixels.
        num_classes: Number of its classes.

    Raises:
        InputError: The file is missing or unsafe to load, or the model was trained on other data.
    """
    import keras

    if not path.is_file():
        raise InputError(path, "a trained model", "none", "run dvc repro, or the train stage")
    if not zipfile.is_zipfile(path):
        raise InputError(path, "a model in Keras's format", "a damaged file", "run the train stage again")
    try:
        _check_size(path)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, json, h5py and Keras each raise their own
        expected = "a model in Keras's format, safe to load"
        raise InputError(path, expected, _first_sentence(error), "run the train stage again") from error
    shapes, received = [(None, *image_shape), (None, num_classes)], [model.input_shape, model.output_shape]
    if shapes != received:
        next_step = "run the train stage again, its dataset changed"
        raise InputError(path, f"the shapes of its dataset, {shapes}", received, next_step)
    return model


def _check_size(path: Path) -> None:
    """Refuse an archive that unpacks to far more than a model packed by any program: it would fill the memory.

    Raises:
        ValueError: It does.
        zipfile.BadZipFile: It is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MAX_RATIO * path.stat().st_size:
        raise ValueError(f"an archive of {path.stat().st_size:,} bytes that unpacks to {size:,}")


def load_weights(model: "keras.Model", path: Path) -> None:
    """Load weights alone into a network rebuilt from its recipe.

    Args:
        model: Network, as `build.build_model` returns it.
        path: File `.weights.h5`, as Keras's `save_weights` writes it.

    Raises:
        InputError: The file is missing, or its weights do not fit the network.
    """
    if not path.is_file():
        raise InputError(path, "a weights file", "none", "train with --weights to write one")
    try:
        with warnings.catch_warnings(action="ignore"):  # Keras warns of each layer before it raises
            model.load_weights(path)
    except Exception as error:  # h5py and Keras each raise their own
        raise InputError(
            path, "weights that fit the recipe's network", _first_sentence(error), "use the recipe it was trained by"
        ) from error


def _first_sentence(error: Exception) -> str:
    return first_line(error).split(". ")[0]


def _stable_json(content: bytes) -> bytes:
    return json.dumps(_without_unstable(json.loads(content)), separators=(",", ":")).encode()


def _without_unstable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_unstable(each) for key, each in value.items() if key not in UNSTABLE}
    if isinstance(value, list):
        return [_without_unstable(each) for each in value]
    return value
