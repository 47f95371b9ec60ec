"""Checkpoints: a training that was stopped continues where it was, and ends with the same bytes.

They lie in the user's cache folder, since DVC deletes files it does not know. Their names follow from everything that
determines the result, so no training continues from another's checkpoint.
"""

import io
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.common import atomic, paths

MAX_FILES = 50
MAX_BYTES = 2 << 30
MAX_AGE_SECONDS = 30 * 86_400
VALUES = "values"  # name of the plain values among the arrays
NAMES = "names"  # name of the arrays' names among the plain values

Arrays = Mapping[str, npt.NDArray[Any]]

logger = logging.getLogger(__name__)


class Checkpoint:
    """Checkpoint of one training.

    Args:
        key: Name that follows from everything that determines the result.
        interval_seconds: Most work that a kill may lose.
    """

    def __init__(self, key: str, interval_seconds: float = float("inf")) -> None:
        self.path = paths.cache_folder() / "checkpoints" / f"{key}.npz"
        self._interval_seconds, self._saved_at = interval_seconds, time.monotonic()
        self._writer: threading.Thread | None = None
        self._has_warned = False

    def is_due(self) -> bool:
        """Tell whether the interval has passed since the last save or load."""
        return time.monotonic() - self._saved_at > self._interval_seconds

    def load(
        self, broadcast: Callable[[bytes | None], bytes | None] = lambda own: own
    ) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
        """Return the arrays and plain values of the last save, or None if there is none or it is damaged.

        Args:
            broadcast: Function that takes this process's file, or None without one, and returns the file to load.
        """
        self._saved_at = time.monotonic()
        file = broadcast(self._read())
        if file is None:
            return None
        try:
            with np.load(io.BytesIO(file), allow_pickle=False) as saved:  # a zip: each array is checked by its CRC
                arrays = {name: saved[name] for name in saved.files}
            values = json.loads(str(arrays.pop(VALUES)))
            if sorted(arrays) != values.pop(NAMES):
                raise ValueError("an array is missing")
            return arrays, values
        except Exception as error:  # zipfile, zlib, numpy and json each raise their own
            logger.warning(
                "the checkpoint %s is damaged (%s); the training starts from the beginning", self.path, error
            )
            return None

    def save(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """Write a checkpoint while the training goes on; the previous one stays until the new one is whole.

        Args:
            arrays: Copies that the training does not change.
            values: Plain values.
        """
        self.wait()
        plain = np.array(json.dumps({**values, NAMES: sorted(arrays)}))
        self._writer = threading.Thread(target=self._write, args=({**arrays, VALUES: plain},))
        self._writer.start()
        self._saved_at = time.monotonic()

    def wait(self) -> None:
        """Wait until the last save is on the disk."""
        if self._writer:
            self._writer.join()

    def delete(self) -> None:
        """Delete the checkpoint of a finished training, and old ones that were given up."""
        self.wait()
        with suppress(OSError):  # a file that cannot be deleted must not fail a training that succeeded
            self.path.unlink(missing_ok=True)
            for partial in self.path.parent.glob(f".{self.path.stem}.*"):  # left by processes that were killed
                partial.unlink(missing_ok=True)
            _delete_old(self.path.parent)

    def _read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            logger.warning(
                "the checkpoint %s cannot be read (%s); the training starts from the beginning", self.path, error
            )
            return None

    def _write(self, arrays: Arrays) -> None:
        try:
            with atomic.new_file(self.path) as partial:
                np.savez(partial, allow_pickle=False, **arrays)
        except OSError as error:  # a full cache folder must not fail a training whose outputs have room
            if not self._has_warned:
                logger.warning("no checkpoint could be written (%s); the training goes on without", error)
            self._has_warned = True


def _delete_old(folder: Path) -> None:
    """Delete the oldest checkpoints beyond a number, a total size and an age."""
    by_age = sorted((path.stat().st_mtime, path) for path in folder.glob("*.npz") if path.exists())
    size = 0
    for number, (changed, path) in enumerate(reversed(by_age)):
        size += path.stat().st_size
        if number >= MAX_FILES or size > MAX_BYTES or time.time() - changed > MAX_AGE_SECONDS:
            path.unlink(missing_ok=True)
