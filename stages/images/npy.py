""".npy files, opened without trust in their headers."""

import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from stages.common.errors import first_line


class NpyError(Exception):
    """Content that is no array; the message is the reason."""


def open_map(path: Path) -> npt.NDArray[Any]:
    """Return the array of an .npy file, a read-only memory map.

    Raises:
        NpyError: The file holds no array, or one of Python objects, which could run code.
        OSError: The file is missing or cannot be read.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of headers that Python 2 wrote
            array: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:  # NumPy parses the header as Python, whose parser raises a dozen kinds
        raise NpyError(first_line(error)) from error
    return array


def read_shape(file: IO[bytes]) -> tuple[int, ...]:
    """Return the shape that the header of an .npy file states.

    Args:
        file: The file, at its beginning.

    Raises:
        NpyError: It is no header.
        OSError: The file cannot be read.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            major, _ = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
            shape: tuple[int, ...] = read(file)[0]
    except OSError:
        raise
    except Exception as error:  # as above
        raise NpyError(first_line(error)) from error
    return shape
