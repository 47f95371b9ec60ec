"""IDX files, the format of MNIST, read as memory maps.

A file starts with two zero bytes, a byte for the element type (8: unsigned byte) and a byte for the number of
dimensions. Each dimension follows as a big-endian 32-bit integer, then the elements, last dimension fastest.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
"""

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.common import special_files
from stages.common.errors import InputError
from stages.images import arrays

UNSIGNED_BYTE = 0x08
FETCH_AGAIN = "fetch the file again, or look for the right one"


def open_images(path: Path) -> npt.NDArray[np.uint8]:
    """Map the images of an IDX file.

    Returns:
        uint8, (num_images, height, width), 0…255, read-only.

    Raises:
        InputError: The file is missing, cut short, too long, or not an IDX file of images.
    """
    return _open(path, dimensions=3, content="images")


def open_labels(path: Path) -> npt.NDArray[np.uint8]:
    """Map the labels of an IDX file.

    Returns:
        uint8, (num_labels,), read-only.

    Raises:
        InputError: The file is missing, cut short, too long, or not an IDX file of labels.
    """
    return _open(path, dimensions=1, content="labels")


def _open(path: Path, dimensions: int, content: str) -> npt.NDArray[np.uint8]:
    header_size = 4 + 4 * dimensions
    special_files.refuse(path)
    shape = _read_shape(path, dimensions, content)
    expected_size = header_size + int(np.prod(shape, dtype=object))
    size = path.stat().st_size
    if size != expected_size:
        raise InputError(path, f"{expected_size} bytes for the dimensions {shape}", f"{size} bytes", FETCH_AGAIN)
    arrays.check_image_shape(shape[1:], path)
    return np.memmap(path, dtype=np.uint8, mode="r", offset=header_size, shape=shape)


def _read_shape(path: Path, dimensions: int, content: str) -> tuple[int, ...]:
    magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    header_size = 4 + 4 * dimensions
    try:
        with path.open("rb") as file:
            header = file.read(header_size)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        next_step = "run the download stage, or fix the source"
        raise InputError(path, f"an IDX file of {content}", "none", next_step) from error
    if header[:2] == b"\x1f\x8b":
        raise InputError(path, f"an uncompressed IDX file of {content}", "a gzip file", "unpack it with gunzip")
    if header[:4] != magic:
        expected, received = f"the magic number {magic.hex()} of IDX {content}", header[:4].hex() or "an empty file"
        raise InputError(path, expected, received, FETCH_AGAIN)
    if len(header) < header_size:
        raise InputError(path, f"a header of {header_size} bytes", f"{len(header)} bytes", FETCH_AGAIN)
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if 0 in shape:
        raise InputError(path, f"at least one of the {content}", f"the dimensions {shape}", FETCH_AGAIN)
    return shape
