"""Arrays of an .npz file, as numpy.savez writes it, unpacked and read as memory maps."""

import errno
import shutil
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from stages.common import special_files
from stages.common.console import progress
from stages.common.errors import InputError, first_line
from stages.images import npy
from stages.images.array_files import npz_keys
from stages.images.arrays import Split
from stages.images.catalog import Npz
from stages.images.findings import Findings
from stages.images.picture_files import formats
from stages.images.problems import list_names

CHUNK_BYTES = 1 << 20
OF_DAMAGE = (None, errno.EINVAL)  # numbers of errors of bz2, and of a position before the file
SAVE_AGAIN = "write the file again with numpy.savez"
SAVE_BOTH = "save images and labels: numpy.savez(file, x_train=images, y_train=labels)"


class Array(NamedTuple):
    """Array of a file.

    Attributes:
        where: File and key, for messages.
        values: Read-only memory map of the unpacked array.
    """

    where: str
    values: npt.NDArray[Any]


class ArrayPair(NamedTuple):
    """Images and labels of a split, of any dtype and shape."""

    images: Array
    labels: Array


def open_splits(path: Path, keys: Npz, scratch: Path, findings: Findings) -> dict[Split, ArrayPair]:
    """Map the images and labels of an .npz file.

    Args:
        path: The .npz file.
        keys: Keys of its arrays.
        scratch: Folder for the unpacked arrays. It must exist as long as they are read.
        findings: Takes what is read by other names than Keras's, and what is left out.

    Returns:
        Images and labels of each split. Test and validation are left out if the file has neither of their arrays.

    Raises:
        InputError: The file is missing or damaged, lacks an array, or is too large for the disk; or an array is none of
            numbers or text.
    """
    if path.is_dir():
        files = sorted(path.glob("*.npz"))
        received = f"a folder with {files[0].name}" if files else "a folder"
        raise InputError(path, "an .npz file", received, "set the dataset's `source` in params.yaml to the file itself")
    special_files.refuse(path)
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = _shapes(archive)
            if not shapes:
                received = f"a zip archive of {list_names(archive.namelist())}"
                raise InputError(path, "an .npz file, which holds .npy files", received, f"unpack it, or {SAVE_BOTH}")
            chosen = npz_keys.choose(path, keys, shapes, findings)
            _check_space(archive, chosen, path, scratch)
            unpacked = _unpack_all(archive, chosen, scratch)
    except (FileNotFoundError, NotADirectoryError) as error:
        next_step = "fix the dataset's `source` in params.yaml, or fetch the file with dvc checkout"
        raise InputError(path, "an .npz file", "none", next_step) from error
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib, bz2 and lzma each raise their own
        if isinstance(error, OSError) and error.errno not in OF_DAMAGE:
            raise
        raise _damaged(path, error) from error
    return {
        split: ArrayPair(*(Array(f"{path}: {key}", _map(f"{path}: {key}", unpacked[key])) for key in pair))
        for split, pair in chosen.items()
    }


def check_not_swapped(splits: dict[Split, ArrayPair]) -> None:
    """Refuse splits whose images stand under the key of the labels, or whose labels are those of the other split.

    Raises:
        InputError: The arrays are swapped.
    """
    for images, labels in splits.values():
        if labels.values.ndim >= 3 and images.values.ndim <= 2:
            received = f"the shape {labels.values.shape}, as of images"
            next_step = "swap the keys of images and labels under `npz` in the dataset's file"
            raise InputError(labels.where, "labels", received, next_step)
    counts = {
        split: (len(pair.images.values), max(pair.labels.values.shape, default=0)) for split, pair in splits.items()
    }
    if {"train", "test"} <= counts.keys() and counts["train"] == counts["test"][::-1] != counts["test"]:
        labels = splits["train"].labels
        received = f"{counts['train'][1]}, which is the number of test images"
        next_step = "swap the labels of train and test under `npz` in the dataset's file"
        raise InputError(labels.where, f"{counts['train'][0]} labels, one for each image", received, next_step)


def _shapes(archive: zipfile.ZipFile) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array by its key; () for what is no array, which is told when it is opened."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name in archive.namelist():
        if name.endswith(".npy"):
            try:
                with archive.open(name) as file:
                    shapes[name.removesuffix(".npy")] = npy.read_shape(file)
            except Exception:  # as in open_splits
                shapes[name.removesuffix(".npy")] = ()
    return shapes


def _damaged(path: Path, error: Exception) -> InputError:
    name = formats.identify(path)
    if name == "NumPy array":
        return InputError(path, "an .npz file with images and labels", "a single array (.npy)", SAVE_BOTH)
    if "archive" in name and name.startswith("NumPy"):
        return InputError(path, "a whole .npz file", _reason(error), SAVE_AGAIN)
    if name in (formats.UNKNOWN, formats.EMPTY, "zip archive"):
        return InputError(path, "a whole .npz file", _reason(error), SAVE_AGAIN)
    next_step = formats.remedy(name) if name.endswith("archive") else SAVE_BOTH
    return InputError(path, "an .npz file", formats.article(name), next_step)


def _reason(error: Exception) -> str:
    return first_line(error) if str(error) else "a file cut short"


def _check_space(archive: zipfile.ZipFile, chosen: dict[Split, npz_keys.Keys], path: Path, scratch: Path) -> None:
    """Refuse arrays that would fill the disk: a small file may hold terabytes of zeros."""
    size = sum(archive.getinfo(f"{key}.npy").file_size for key in {key for pair in chosen.values() for key in pair})
    free = shutil.disk_usage(scratch).free
    if size > free:
        expected = f"arrays of at most {free / 1e6:.1f} MB, which the disk has free for them"
        raise InputError(path, expected, f"{size / 1e6:.1f} MB unpacked", "free some space, or name a smaller file")


def _unpack_all(archive: zipfile.ZipFile, chosen: dict[Split, npz_keys.Keys], scratch: Path) -> dict[str, Path]:
    """Unpack the chosen arrays; return their files by key."""
    unpacked: dict[str, Path] = {}
    for key in dict.fromkeys(key for pair in chosen.values() for key in pair):
        unpacked[key] = scratch / f"{len(unpacked)}.npy"  # a key may hold slashes: train/x and test/x
        _unpack(archive, f"{key}.npy", unpacked[key])
    return unpacked


def _unpack(archive: zipfile.ZipFile, member: str, target: Path) -> None:
    size = archive.getinfo(member).file_size
    with (
        archive.open(member) as packed,
        target.open("wb") as unpacked,
        progress(f"unpacking {member}", size, "bytes") as advance,
    ):
        while chunk := packed.read(CHUNK_BYTES):
            unpacked.write(chunk)
            advance(len(chunk))


def _map(where: str, file: Path) -> npt.NDArray[Any]:
    try:
        array = npy.open_map(file)
    except npy.NpyError as error:
        received, next_step = str(error), SAVE_AGAIN
        if "object" in received.lower():
            received = "Python objects, as numpy.array makes them of images of several sizes, or of text and numbers"
            next_step = "save images of one size, numpy.stack(images), and labels as numpy.array(labels, dtype=str)"
        raise InputError(where, "an array of numbers", received, next_step) from error
    if not array.ndim:
        raise InputError(where, "an array with an entry for each image", "a single value", SAVE_BOTH)
    return array
