"""Checkpoints: a training that was stopped goes on where it was, and ends with the same bytes.

They lie in the user's cache folder, outside the project, since DVC deletes what it does not know, and are named by all
that determines the result, so that no training goes on from another's.
"""

import hashlib
import io
import json
import math
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stages import atomic, sources
from stages.console import say
from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows
from stages.training.recipe import Recipe
from stages.training.splits import Examples

HASHED_NUMBERS = 1 << 24  # at a time
KEPT = 50
KEPT_BYTES = 2 << 30
KEPT_SECONDS = 30 * 86_400
VALUES = "values"  # the name of the plain values among the arrays
NAMES = "names"  # and of the arrays' names among the plain values

Arrays = Mapping[str, npt.NDArray[Any]]


def cache_folder() -> Path:
    """Return the user's cache folder of this project; the environment variable STAGES_CACHE names another."""
    import platformdirs

    return Path(os.environ.get("STAGES_CACHE") or platformdirs.user_cache_dir("stages"))


def key_of(
    recipe: Recipe,
    seed: int,
    dtype: str,
    num_classes: int,
    examples: Examples,
    validation: Examples | None,
    layout: tuple[int, int],
) -> str:
    """Return a name that follows from all that determines a training's result."""
    import keras
    import tensorflow as tf

    arrays = [*examples, *(validation or ())]
    determinants = {
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "precision": dtype,
        "classes": num_classes,
        "layout": layout,
        "processor": platform.machine(),
        "data": [[array.shape, _hash(array)] for array in arrays],
        "libraries": {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__},
        "code": sources.fingerprints("train"),
    }
    return hashlib.sha256(json.dumps(determinants, sort_keys=True).encode()).hexdigest()


def _hash(array: Images | FileRows | Labels) -> str:
    """Return the SHA-256 of an array's numbers, of which only some are in memory at a time."""
    digest, size = hashlib.sha256(), max(1, HASHED_NUMBERS // math.prod(array.shape[1:]))
    for start in range(0, len(array), size):
        digest.update(np.ascontiguousarray(array[start : start + size]).data)
    return digest.hexdigest()


class Checkpoint:
    """The checkpoint of one training.

    Args:
        key: A name that follows from all that determines the result.
    """

    def __init__(self, key: str) -> None:
        self.path = cache_folder() / "checkpoints" / f"{key}.npz"
        self._writer: threading.Thread | None = None

    def load(
        self, exchange: Callable[[bytes | None], bytes | None] = lambda own: own
    ) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
        """Return the arrays and the plain values last saved, or None if there are none or they are damaged.

        Args:
            exchange: Takes the file, or None if there is none, and returns what is loaded in its place.
        """
        file = exchange(self._read())
        if file is None:
            return None
        try:
            with np.load(io.BytesIO(file), allow_pickle=False) as saved:  # a zip: each part is checked by its CRC
                arrays = {name: saved[name] for name in saved.files}
            values = json.loads(str(arrays.pop(VALUES)))
            if sorted(arrays) != values.pop(NAMES):
                raise ValueError("a part is missing")
            return arrays, values
        except Exception as error:  # zipfile, zlib, numpy and json each raise their own
            say(f"the checkpoint {self.path} is damaged ({error}); the training starts from the beginning")
            return None

    def _read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            say(f"the checkpoint {self.path} cannot be read ({error}); the training starts from the beginning")
            return None

    def save(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """Write a checkpoint while the training goes on; the one before stays until this one is whole.

        Args:
            arrays: Copies, which the training does not change.
            values: Plain values.
        """
        self.wait()
        plain = np.array(json.dumps({**values, NAMES: sorted(arrays)}))
        self._writer = threading.Thread(target=self._write, args=({**arrays, VALUES: plain},))
        self._writer.start()

    def wait(self) -> None:
        """Wait until the last save is on the disk."""
        if self._writer:
            self._writer.join()

    def delete(self) -> None:
        """Take the checkpoint away, since the training ended well, and the leftovers of others given up long ago."""
        self.wait()
        with suppress(OSError):  # what cannot be deleted must not end a training that ended well
            self.path.unlink(missing_ok=True)
            for partial in self.path.parent.glob(f".{self.path.stem}.*"):  # left by processes that were killed
                partial.unlink(missing_ok=True)
            _tidy(self.path.parent)

    def _write(self, arrays: Arrays) -> None:
        try:
            with atomic.new_file(self.path) as partial:
                np.savez(partial, allow_pickle=False, **arrays)
        except OSError as error:  # a full cache folder must not end a training whose outputs have room
            say(f"no checkpoint could be written ({error}); the training goes on without")


def _tidy(folder: Path) -> None:
    """Delete the oldest files beyond a number, a size and an age."""
    ages = sorted((path.stat().st_mtime, path) for path in folder.glob("*.npz") if path.exists())
    size = 0
    for number, (changed, path) in enumerate(reversed(ages)):
        size += path.stat().st_size
        if number >= KEPT or size > KEPT_BYTES or time.time() - changed > KEPT_SECONDS:
            path.unlink(missing_ok=True)
