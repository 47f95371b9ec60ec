"""Arrays of an .npz file, as numpy.savez writes it, unpacked and read as memory maps."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.common.console import progress
from stages.common.errors import InputError, first_line
from stages.images.arrays import SPLITS, Images, Labels, Split
from stages.images.catalog import Npz

CHUNK_BYTES = 1 << 20
SAVE_AGAIN = "write the file again with numpy.savez"


def open_splits(path: Path, keys: Npz, scratch: Path) -> dict[Split, tuple[Images, Labels]]:
    """Map the images and labels of an .npz file.

    Args:
        path: The .npz file.
        keys: Keys of its arrays.
        scratch: Folder for the unpacked arrays. It must exist as long as they are read.

    Returns:
        Images and labels of each split. The split test is left out if the file has neither array of it and the keys are
        the default ones.

    Raises:
        InputError: The file is missing or damaged, lacks an array, or an array has another dtype or shape.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            present = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
            selected = _select_keys(keys, present)
            unpacked = _unpack_all(archive, path, selected, present, scratch)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        next_step = "mend the dataset's `source` in params.yaml, or fetch the file with dvc checkout"
        raise InputError(path, "an .npz file", "none", next_step) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted
        raise InputError(path, "a whole .npz file", str(error) or "a file cut short", SAVE_AGAIN) from error
    splits = {split: _open_split(path, pair, unpacked) for split, pair in selected.items()}
    shapes = [images.shape[1:] for images, _ in splits.values()]
    if shapes[0] != shapes[-1]:
        where, expected = f"{path}: {keys.test_images}", f"images of {shapes[0]} like the training images"
        raise InputError(where, expected, shapes[-1], SAVE_AGAIN)
    return splits


def _select_keys(keys: Npz, present: set[str]) -> dict[Split, tuple[str, str]]:
    """Return the keys of images and labels of each split; test is left out if it has the default keys and is absent."""
    selected = {split: (getattr(keys, f"{split}_images"), getattr(keys, f"{split}_labels")) for split in SPLITS}
    is_test_optional = not keys.model_fields_set & {"test_images", "test_labels"}
    if is_test_optional and not present & set(selected["test"]):
        del selected["test"]
    return selected


def _unpack_all(
    archive: zipfile.ZipFile, path: Path, selected: dict[Split, tuple[str, str]], present: set[str], scratch: Path
) -> dict[str, Path]:
    """Unpack the selected arrays; return their files by key."""
    unpacked: dict[str, Path] = {}
    for key in dict.fromkeys(key for pair in selected.values() for key in pair):
        if key not in present:
            next_step = "name the keys under `npz` in the dataset's file"
            received = ", ".join(sorted(present)) or "none"
            raise InputError(f"{path}: {key}", "an array of this key", received, next_step)
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


def _open_split(path: Path, keys: tuple[str, str], unpacked: dict[str, Path]) -> tuple[Images, Labels]:
    images, labels = (_map(f"{path}: {key}", unpacked[key]) for key in keys)
    where = f"{path}: {keys[0]}"
    if images.dtype != np.uint8:
        next_step = "save them as uint8; if they are 0…1, multiply by 255 before"
        raise InputError(where, "pixels 0…255 as uint8", images.dtype, next_step)
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,)) or images.size == 0:
        expected = "images of the shape (number, height, width), or with 1 or 3 channels behind"
        raise InputError(where, expected, images.shape, SAVE_AGAIN)
    where = f"{path}: {keys[1]}"
    if labels.dtype.kind not in "iu":
        raise InputError(where, "labels as integers, the first class 0", labels.dtype, SAVE_AGAIN)
    if labels.shape not in ((len(images),), (len(images), 1)):
        raise InputError(where, f"{len(images)} labels, one for each image", f"the shape {labels.shape}", SAVE_AGAIN)
    return images, np.asarray(labels, np.int64).reshape(-1)  # np.bincount refuses uint64


def _map(where: str, file: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.lib.format.open_memmap(file, mode="r")
    except (ValueError, EOFError) as error:  # includes pickled objects, which could run code
        raise InputError(where, "an array of numbers", first_line(error), SAVE_AGAIN) from error
    return array
