"""Arrays of a dataset: .npy files, read as memory maps, and dataset.json, which describes them."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from stages.common import atomic
from stages.common.errors import InputError
from stages.common.yaml_files import Config
from stages.images import npy

Split = Literal["train", "test", "validation"]
SPLITS: tuple[Split, ...] = ("train", "test")  # every dataset has these; some have validation images too
ALL_SPLITS: tuple[Split, ...] = (*SPLITS, "validation")
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "publictest": "validation",  # of Kaggle's FER2013
    "privatetest": "test",
}
MAX_SPLIT_NAME = 40  # characters
INFO_FILE = "dataset.json"
GROUPS_FILE = "train_groups.npy"  # only if some training images are copies, or of one group
CHUNK_PIXELS = 1 << 18  # values read at a time, unless MIN_CHUNK_IMAGES are more; they take 2 MB while counted
MIN_CHUNK_IMAGES = 16  # so that large pictures are decoded in parallel
MAX_IMAGE_VALUES = 1 << 24  # pixels times channels; sixteen such images are in memory at a time
PREPROCESS_AGAIN = "run the preprocess stage again"

Image = npt.NDArray[np.uint8]  # (height, width, channels), 0…255
Images = npt.NDArray[np.uint8]  # (num_images, height, width, channels), 0…255
Labels = npt.NDArray[np.integer]  # (num_images,)


class ImageSequence(Protocol):
    """Images that can be read a slice at a time: an array, a memory map, or files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(num_images, height, width) or (num_images, height, width, channels)."""

    def __getitem__(self, some: slice, /) -> Images:
        """Return a slice of the images, uint8, 0…255."""


class SplitInfo(Config):
    """Counts and pixel statistics of a split."""

    images: int
    """Number of images."""
    images_per_class: list[int]
    """Number of images of each class, label 0 first."""
    pixel_mean: float
    """Mean of all pixels, 0…255."""
    pixel_deviation: float
    """Standard deviation of all pixels, 0…127.5."""


class DatasetInfo(Config):
    """Classes, shape and statistics of a dataset's arrays: the content of dataset.json."""

    classes: list[str]
    """Names of the classes, label 0 first."""
    image_shape: Annotated[tuple[int, int, int], Field(strict=False)]
    """Height, width and channels, in pixels."""
    train: SplitInfo
    """Training images."""
    test: SplitInfo
    """Test images."""
    validation: SplitInfo | None = None
    """Validation images, if the data have a split of them."""


def split_of(name: str) -> Split | None:
    """Return the split that the name of a folder or a table's cell stands for, in any capitals, or None.

    A word such as `set` may follow: training_set, testdata.
    """
    if len(name) > MAX_SPLIT_NAME:  # the pattern would take long
        return None
    return SPLIT_NAMES.get(re.sub(r"[\s_-]*(set|data|images?)$", "", name.strip().casefold()))


def check_image_shape(shape: tuple[int, ...], where: Path | str) -> None:
    """Refuse images of so many pixels that a few of them would fill the memory.

    Args:
        shape: Height, width and, as a rule, channels of an image.
        where: File, key or setting, for errors.

    Raises:
        InputError: There are too many.
    """
    if math.prod(shape) > MAX_IMAGE_VALUES:
        expected = f"images of at most {MAX_IMAGE_VALUES:,} values (height × width × channels)"
        raise InputError(where, expected, " × ".join(map(str, shape)), "make the images smaller")


def read_info(folder: Path) -> DatasetInfo:
    """Return the metadata of a folder of arrays, without opening an array.

    Raises:
        InputError: dataset.json is missing or damaged.
    """
    path = folder / INFO_FILE
    expected = "the description of a dataset"
    try:
        return DatasetInfo.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(path, expected, "none", "run dvc repro, or the preprocess stage") from error
    except ValidationError as error:
        raise InputError(path, expected, error.errors()[0]["msg"], PREPROCESS_AGAIN) from error


def write_info(folder: Path, info: DatasetInfo) -> None:
    """Write dataset.json beside the arrays."""
    text = json.dumps(info.model_dump(exclude_none=True), indent=2, ensure_ascii=False)
    atomic.write_text(folder / INFO_FILE, text + "\n")


def read_split(folder: Path, split: Split) -> tuple[Images, Labels]:
    """Map the images and labels of a split.

    Args:
        folder: Folder of arrays, written by preprocess.
        split: "train", "test" or "validation".

    Returns:
        Images, uint8, (num_images, height, width, channels), 0…255, and labels, int32, (num_images,). Both are
        read-only memory maps.

    Raises:
        InputError: The dataset has no such split, or an array is missing or damaged, or differs from dataset.json in
            dtype or shape.
    """
    info = read_info(folder)
    split_info: SplitInfo | None = getattr(info, split)
    if split_info is None:
        raise InputError(folder, f"images of the split {split}", "none", "add some to the data")
    count = split_info.images
    images = _map(folder / f"{split}_images.npy", np.uint8, (count, *info.image_shape))
    labels = _map(folder / f"{split}_labels.npy", np.int32, (count,))
    return images, labels


def read_groups(folder: Path, num_images: int) -> Labels | None:
    """Return the number of each training image's group, int32, (num_images,), or None if each image is its own.

    Copies are of one group, as are the pictures that the dataset's file groups.

    Raises:
        InputError: The array is damaged.
    """
    path = folder / GROUPS_FILE
    return _map(path, np.int32, (num_images,)) if path.exists() else None


def write_groups(folder: Path, groups: Labels) -> None:
    """Write the number of each training image's group, unless each image is its own.

    Args:
        folder: Folder to write to.
        groups: Integers, equal for the images of one group, (num_images,).
    """
    numbers = np.unique(groups, return_inverse=True)[1].astype(np.int32)
    if len(numbers) and numbers.max() + 1 < len(numbers):
        np.save(folder / GROUPS_FILE, numbers, allow_pickle=False)


def write_split(
    folder: Path,
    split: Split,
    images: ImageSequence,
    labels: Labels,
    num_classes: int,
    advance: Callable[[int], None],
) -> SplitInfo:
    """Write the images and labels of a split to .npy files, a chunk at a time.

    Args:
        folder: Folder to write to.
        split: "train", "test" or "validation".
        images: uint8, (num_images, height, width) or (num_images, height, width, channels), 0…255.
        labels: Integers, (num_images,), 0…num_classes - 1.
        num_classes: Number of classes.
        advance: Called after each chunk with the number of its images.

    Returns:
        Counts and pixel statistics of the split.
    """
    shape = (*images.shape, 1) if len(images.shape) == 3 else images.shape
    step = max(MIN_CHUNK_IMAGES, CHUNK_PIXELS // math.prod(shape[1:]))
    pixel_sum = squares_sum = 0  # Python integers are exact, so every machine gets the same sums
    with (folder / f"{split}_images.npy").open("wb") as file:
        header = {"descr": np.dtype(np.uint8).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, shape[0], step):
            chunk = np.ascontiguousarray(images[start : start + step])
            file.write(chunk.data)
            counts = np.bincount(chunk.ravel(), minlength=256)
            pixel_sum += int(counts @ np.arange(256))
            squares_sum += int(counts @ np.arange(256) ** 2)
            advance(len(chunk))
    np.save(folder / f"{split}_labels.npy", labels.astype(np.int32), allow_pickle=False)

    size = math.prod(shape)
    mean = pixel_sum / size
    return SplitInfo(
        images=shape[0],
        images_per_class=np.bincount(labels, minlength=num_classes).tolist(),
        pixel_mean=round(mean, 4),
        pixel_deviation=round((squares_sum / size - mean**2) ** 0.5, 4),
    )


def _map(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        array = npy.open_map(path)
    except FileNotFoundError as error:
        raise InputError(path, "an array", "none", PREPROCESS_AGAIN) from error
    except npy.NpyError as error:
        raise InputError(path, "a whole .npy file", error, PREPROCESS_AGAIN) from error
    if array.dtype != dtype or array.shape != shape:
        expected, received = f"{np.dtype(dtype)} {shape}", f"{array.dtype} {array.shape}"
        raise InputError(path, expected, received, PREPROCESS_AGAIN)
    return array
