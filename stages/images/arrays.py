"""The arrays of a dataset: four .npy files that are read as memory maps, and a JSON that describes them."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from stages.errors import InputError
from stages.settings import Schema

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
DESCRIPTION = "dataset.json"
CHUNK = 1 << 18  # numbers at a time: 2 MB while they are counted; photographs take a second or two to read
AT_LEAST = 16  # images at a time, so that large ones can be read side by side
AGAIN = "run the preprocess stage again"

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.integer]


class Rows(Protocol):
    """Images that can be read some at a time: an array, a memory map, or files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(num_images, height, width), or with channels behind."""

    def __getitem__(self, some: slice, /) -> Images:
        """Return some of the images, uint8, 0…255."""


class SplitDescription(Schema):
    """What one split holds.

    Attributes:
        images: How many there are.
        images_per_class: How many of each class, in the order of the classes.
        pixel_mean: Mean of all pixels, 0…255.
        pixel_deviation: Their standard deviation.
    """

    images: int
    images_per_class: list[int]
    pixel_mean: float
    pixel_deviation: float


class Description(Schema):
    """What the arrays of a dataset are.

    Attributes:
        classes: What each label means, label 0 first.
        image_shape: Height, width and channels, in pixels.
        train: The training images.
        test: The test images.
    """

    classes: list[str]
    image_shape: Annotated[tuple[int, int, int], Field(strict=False)]
    train: SplitDescription
    test: SplitDescription


def read_description(folder: Path) -> Description:
    """Return the description in a folder of arrays, without opening an array.

    Raises:
        InputError: The folder has none, or it is damaged.
    """
    path = folder / DESCRIPTION
    try:
        return Description.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(
            path, "the description of a dataset", "none", "run dvc repro, or the preprocess stage"
        ) from error
    except ValidationError as error:
        raise InputError(path, "the description of a dataset", error.errors()[0]["msg"], AGAIN) from error


def read_split(folder: Path, split: Split) -> tuple[Images, Labels]:
    """Map the images and labels of a split.

    Returns:
        Images, uint8, (num_images, height, width, channels), 0…255; labels, int32, (num_images,). Both read-only.

    Raises:
        InputError: An array is missing, damaged, or not what the description says.
    """
    description = read_description(folder)
    count = getattr(description, split).images
    images = _map(folder / f"{split}_images.npy", np.uint8, (count, *description.image_shape))
    labels = _map(folder / f"{split}_labels.npy", np.int32, (count,))
    return images, labels


def write_split(
    folder: Path, split: Split, images: Rows, labels: Labels, num_classes: int, advance: Callable[[int], None]
) -> SplitDescription:
    """Copy a split into .npy files, a chunk at a time.

    Args:
        folder: Where to write.
        split: Which split it is.
        images: uint8, (num_images, height, width), or with channels behind, as mapped or read from their source.
        labels: Integers below the number of classes, (num_images,).
        num_classes: How many classes there are.
        advance: Called with the number of images of each chunk that was written.
    """
    shape = (*images.shape, 1) if len(images.shape) == 3 else images.shape
    step = max(AT_LEAST, CHUNK // math.prod(shape[1:]))
    pixel_sum = squares_sum = 0  # Python integers: exact, so the same on every machine
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
    return SplitDescription(
        images=shape[0],
        images_per_class=np.bincount(labels, minlength=num_classes).tolist(),
        pixel_mean=round(mean, 4),
        pixel_deviation=round((squares_sum / size - mean**2) ** 0.5, 4),
    )


def write_description(folder: Path, description: Description) -> None:
    """Write the description beside the arrays."""
    text = json.dumps(description.model_dump(), indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _map(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")  # .npy only; refuses pickled objects
    except FileNotFoundError as error:
        raise InputError(path, "an array", "none", AGAIN) from error
    except (ValueError, EOFError) as error:
        raise InputError(path, "a whole .npy file", str(error), AGAIN) from error
    if array.dtype != dtype or array.shape != shape:
        raise InputError(path, f"{np.dtype(dtype)} {shape}", f"{array.dtype} {array.shape}", AGAIN)
    return array
