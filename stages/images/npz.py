"""An .npz file, as numpy.savez writes it: each array unpacked and read as a memory map."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.console import progress
from stages.errors import InputError
from stages.images.arrays import SPLITS, Images, Labels, Split
from stages.images.catalog import Npz

AGAIN = "write the file again with numpy.savez"


def open_splits(path: Path, keys: Npz, scratch: Path) -> dict[Split, tuple[Images, Labels]]:
    """Map the images and labels of a file, those of `test` only if it has some.

    Args:
        path: The file.
        keys: The names of its arrays.
        scratch: A folder for the unpacked arrays, which must stay as long as they are read.

    Raises:
        InputError: The file is missing or damaged, lacks an array, or one is not as it should be.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            there = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
            unpacked: dict[str, Path] = {}
            named = {split: _keys(keys, split) for split in SPLITS}
            optional = not keys.model_fields_set & {"test_images", "test_labels"}
            if optional and not there & set(named["test"]):
                del named["test"]
            for key in dict.fromkeys(key for pair in named.values() for key in pair):
                if key not in there:
                    next_step = "name the keys under `npz` in the dataset's file"
                    received = ", ".join(sorted(there)) or "none"
                    raise InputError(f"{path}: {key}", "an array of this key", received, next_step)
                unpacked[key] = scratch / f"{len(unpacked)}.npy"  # keys may be paths: train/x and test/x
                _unpack(archive, f"{key}.npy", unpacked[key])
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        next_step = "mend the dataset's `source` in params.yaml, or fetch the file with dvc checkout"
        raise InputError(path, "an .npz file", "none", next_step) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # the last one: encrypted
        raise InputError(path, "a whole .npz file", str(error) or "a file cut short", AGAIN) from error
    splits = {split: _open_pair(path, pair, unpacked) for split, pair in named.items()}
    shapes = [images.shape[1:] for images, _ in splits.values()]
    if shapes[0] != shapes[-1]:
        where, expected = f"{path}: {keys.test_images}", f"images of {shapes[0]} like the training images"
        raise InputError(where, expected, shapes[-1], AGAIN)
    return splits


def _keys(keys: Npz, split: Split) -> tuple[str, str]:
    return getattr(keys, f"{split}_images"), getattr(keys, f"{split}_labels")


def _unpack(archive: zipfile.ZipFile, member: str, to: Path) -> None:
    size = archive.getinfo(member).file_size
    with (
        archive.open(member) as packed,
        to.open("wb") as unpacked,
        progress(f"unpacking {member}", size, "bytes") as advance,
    ):
        while piece := packed.read(1 << 20):
            unpacked.write(piece)
            advance(len(piece))


def _open_pair(path: Path, keys: tuple[str, str], unpacked: dict[str, Path]) -> tuple[Images, Labels]:
    images, labels = (_map(f"{path}: {key}", unpacked[key]) for key in keys)
    where = f"{path}: {keys[0]}"
    if images.dtype != np.uint8:
        next_step = "save them as uint8; if they are 0…1, multiply by 255 before"
        raise InputError(where, "pixels 0…255 as uint8", images.dtype, next_step)
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,)) or images.size == 0:
        expected = "images of the shape (number, height, width), or with 1 or 3 channels behind"
        raise InputError(where, expected, images.shape, AGAIN)
    where = f"{path}: {keys[1]}"
    if labels.dtype.kind not in "iu":
        raise InputError(where, "labels as integers, the first class 0", labels.dtype, AGAIN)
    if labels.shape not in ((len(images),), (len(images), 1)):
        raise InputError(where, f"{len(images)} labels, one for each image", f"the shape {labels.shape}", AGAIN)
    return images, np.asarray(labels, np.int64).reshape(-1)  # NumPy does not count uint64


def _map(where: str, file: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.lib.format.open_memmap(file, mode="r")
    except (ValueError, EOFError) as error:  # Python objects are refused: to open them could run code
        raise InputError(where, "an array of numbers", str(error), AGAIN) from error
    return array
