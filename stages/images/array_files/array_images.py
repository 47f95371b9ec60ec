"""Images of arrays: any dtype and order of dimensions of which there is no doubt, converted to uint8 on access."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.common.console import progress
from stages.common.errors import InputError
from stages.images.array_files.npz import SAVE_AGAIN, Array
from stages.images.arrays import Images, Split, check_image_shape
from stages.images.findings import Findings, Range, range_text
from stages.images.picture_files import transparency
from stages.images.rows import read_rows
from stages.images.splits.subsets import Indices

Layout = Literal["channels last", "channels first", "flat"]

CHUNK_BYTES = 4 << 20  # looked at at a time
MIN_FLAT_SIDE = 8  # pixels; a row of fewer than 64 numbers is hardly an image
MIN_BRIGHTEST = 0.5  # fraction of the range that the brightest pixel of all images reaches, or the range is in doubt
ROUNDING = 1e-3  # fraction of the range by which floats may lie outside it after scaling
CHANNELS = (1, 3, 4)


class Levels(NamedTuple):
    """Pixels found in an array.

    Attributes:
        lowest: Lowest pixel that is finite.
        highest: Highest pixel that is finite.
        num_odd: Number of pixels that are NaN or infinite.
    """

    lowest: float
    highest: float
    num_odd: int


@dataclass(frozen=True)
class Source:
    """Array with the way its values become pixels.

    Attributes:
        array: The array, a memory map of a whole file.
        layout: Order of its dimensions.
        shape: Height, width and channels of an image; of 4 channels, the last is the opacity.
        limits: Values of black and white.
    """

    array: Array
    layout: Layout
    shape: tuple[int, int, int]
    limits: Range


class ArrayImages:
    """Images of an array, an `arrays.ImageSequence`.

    Args:
        source: The array and its conversion.
        indices: Indices of the images in any order, int64. Default: all.
    """

    def __init__(self, source: Source, indices: Indices | None = None) -> None:
        self._source = source
        self._indices = np.arange(len(source.array.values)) if indices is None else indices
        height, width, channels = source.shape
        self.shape = (len(self._indices), height, width, 3 if channels == 4 else channels)

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255.

        Raises:
            InputError: An image is wholly transparent.
        """
        rows, inverse = np.unique(self._indices[some], return_inverse=True)
        values = _read(self._source.array.values, rows)[inverse]
        images = _arranged(_to_8_bits(values, self._source.limits), self._source)
        return images if self._source.shape[2] != 4 else self._opaque(images, some)

    def select(self, indices: Indices) -> "ArrayImages":
        """Return some of the images, in the order of the indices."""
        return ArrayImages(self._source, self._indices[indices])

    def name(self, index: int) -> str:
        """Return the file, the key and the index of an image in its array."""
        return f"{self._source.array.where}[{self._indices[index]}]"

    def _opaque(self, images: Images, some: slice) -> Images:
        start = some.indices(self.shape[0])[0]
        flat = np.empty((*images.shape[:3], 3), np.uint8)
        for number, image in enumerate(images):
            found = transparency.flatten(Image.fromarray(image), "RGB")
            if found is None:
                where = self.name(start + number)
                raise InputError(where, "a visible image", "one that is transparent, or nearly", "leave it out")
            flat[number] = np.asarray(found[0])
        return flat


def convert(arrays: Mapping[Split, Array], counts: Mapping[Split, int], findings: Findings) -> dict[Split, ArrayImages]:
    """Return the images of each split.

    Args:
        arrays: Images of each split.
        counts: Number of labels of each split, which may tell the dimension of the images.
        findings: Takes what is converted.

    Raises:
        InputError: The dimensions or the values are in doubt, or differ between the splits.
    """
    layouts = {split: _layout(array, counts[split]) for split, array in arrays.items()}
    _check_same_shape(arrays, {split: shape for split, (_, shape) in layouts.items()})
    limits = _limits(arrays)
    images: dict[Split, ArrayImages] = {}
    for split, array in arrays.items():
        layout, shape = layouts[split]
        if told := _conversion_text(array, layout, shape, limits[split]):
            findings.tell(f"{array.where}: {told}")
        images[split] = ArrayImages(Source(array, layout, shape, limits[split]))
    return images


def _layout(array: Array, num_labels: int) -> tuple[Layout, tuple[int, int, int]]:
    """Return the order of an array's dimensions, and height, width and channels of an image."""
    shape = array.values.shape
    is_number_first = array.values.size > 0 and (shape[0] == num_labels or shape[-1] != num_labels)
    found: tuple[Layout, tuple[int, int, int]] | None = None
    if is_number_first and len(shape) == 3:
        found = "channels last", (shape[1], shape[2], 1)
    elif is_number_first and len(shape) == 4 and shape[3] in CHANNELS:
        found = "channels last", (shape[1], shape[2], shape[3])
    elif is_number_first and len(shape) == 4 and shape[1] in CHANNELS:
        found = "channels first", (shape[2], shape[3], shape[1])
    elif len(shape) == 2 and array.values.size and (side := math.isqrt(shape[1])) >= MIN_FLAT_SIDE:
        found = ("flat", (side, side, 1)) if side * side == shape[1] else None
    if found is None or _is_row(found[1]):
        expected = "images of the shape (number, height, width), or with 1, 3 or 4 channels behind"
        raise InputError(array.where, expected, shape, _next_step_for_shape(shape, num_labels))
    check_image_shape(found[1], array.where)
    return found


def _is_row(shape: tuple[int, int, int]) -> bool:
    """Return True if the shape of an image is probably that of a row of pixels, such as (784, 1) or (1024, 3)."""
    shorter, longer = sorted(shape[:2])
    return longer >= MIN_FLAT_SIDE**2 and (shorter == 1 or (shorter in CHANNELS and shape[2] == 1))


def _next_step_for_shape(shape: tuple[int, ...], num_labels: int) -> str:
    if len(shape) in (3, 4) and shape[-1] == num_labels > 0:
        return "put the number of the images first: numpy.moveaxis(images, -1, 0)"
    if len(shape) == 2:
        side = math.isqrt(shape[1] // 3)
        if shape[1] == 3 * side * side and side >= MIN_FLAT_SIDE:
            channels_last, channels_first = f"(-1, {side}, {side}, 3)", f"(-1, 3, {side}, {side})"
            return f"reshape them to {channels_last}, or to {channels_first} if the three colours lie one after another"
        return "reshape them to (number, height, width)"
    if len(shape) in (3, 4) and len([side for side in shape[1:] if side > max(CHANNELS)]) == 1:
        return "reshape the rows of pixels to (number, height, width), or (number, height, width, 3) in colour"
    if len(shape) <= 1:
        return "check that the keys of images and labels are not swapped"
    return SAVE_AGAIN


def _check_same_shape(arrays: Mapping[Split, Array], shapes: Mapping[Split, tuple[int, int, int]]) -> None:
    """Refuse splits whose images differ in size or channels."""
    first = shapes["train"]
    for split, shape in shapes.items():
        if shape != first:
            expected = f"images of {_shape_text(first)} like the training images"
            raise InputError(arrays[split].where, expected, _shape_text(shape), SAVE_AGAIN)


def _shape_text(shape: tuple[int, int, int]) -> tuple[int, ...]:
    return shape[:2] if shape[2] == 1 else shape


def _limits(arrays: Mapping[Split, Array]) -> dict[Split, Range]:
    """Return the values of black and white in the array of each split.

    A split whose own values leave them in doubt, such as a few dark test images, has those of another of its dtype.
    """
    levels = {split: _find_levels(array) for split, array in arrays.items()}
    limits: dict[Split, Range] = {}
    doubted: dict[Split, InputError] = {}
    for split, array in arrays.items():
        try:
            limits[split] = _limits_of(array, levels[split])
        except InputError as error:
            doubted[split] = error
    for split, doubt in doubted.items():
        dtype, found = arrays[split].values.dtype, levels[split]
        alike = [limits[other] for other in arrays if other in limits and arrays[other].values.dtype == dtype]
        if not alike or found.num_odd or not alike[0][0] <= found.lowest < found.highest <= alike[0][1]:
            raise doubt
        limits[split] = alike[0]
    for split, array in arrays.items():
        kind, first = array.values.dtype.kind, arrays["train"]
        if limits[split] != limits["train"] and (kind == "f") == (first.values.dtype.kind == "f"):
            expected = f"pixels {range_text(limits['train'])} like those of {first.where}"
            raise InputError(array.where, expected, range_text(limits[split]), "scale both in the same way")
    return limits


def _find_levels(array: Array) -> Levels:
    """Return the lowest and the highest pixel; those of uint8 are looked for only until one is beyond 0 and 1."""
    values = array.values
    if values.dtype.kind not in "biuf":
        raise InputError(array.where, "numbers as pixels", values.dtype, "save the images as uint8, 0…255")
    lowest, highest, num_odd = math.inf, -math.inf, 0
    step = max(1, CHUNK_BYTES // max(1, values.dtype.itemsize * math.prod(values.shape[1:])))
    with progress(f"looking at {array.where}", len(values), "images") as advance:
        for start in range(0, len(values), step):
            chunk = _read(values, np.arange(start, min(start + step, len(values))))
            advance(len(chunk))
            if chunk.dtype.kind == "f":
                finite = np.isfinite(chunk)
                num_odd += chunk.size - int(np.count_nonzero(finite))
                chunk = chunk[finite]
            if chunk.size:
                lowest, highest = min(lowest, float(chunk.min())), max(highest, float(chunk.max()))
            if values.dtype == np.uint8 and highest > 1:
                break
    return Levels(lowest, highest, num_odd)


def _limits_of(array: Array, levels: Levels) -> Range:
    """Return the values of black and white of which there is no doubt."""
    lowest, highest, num_odd = levels
    dtype = array.values.dtype
    if num_odd:
        raise InputError(array.where, "numbers as pixels", f"NaN or infinity in {num_odd}", "replace them by black, 0")
    if lowest == highest == 0:
        next_step = "check how they were saved; floats 0…1 become zeros as integers unless multiplied by 255"
        raise InputError(array.where, "images", "pixels that are all 0", next_step)
    if dtype.kind == "f":
        limits = _limits_of_floats(lowest, highest)
    elif lowest < 0:
        limits = None
    elif highest <= 1:
        limits = (0, 1)
    elif highest <= 255:
        limits = (0, 255)
    else:
        limits = (0, 65535) if dtype.itemsize == 2 and dtype.kind == "u" and highest > MIN_BRIGHTEST * 65535 else None
    if limits is None:
        received = f"{dtype.name} {range_text((lowest, highest))}"
        raise InputError(array.where, "pixels 0…255 as uint8, or 0…1", received, _remedy(dtype, lowest, highest))
    return limits


def _limits_of_floats(lowest: float, highest: float) -> Range | None:
    if lowest >= -ROUNDING and MIN_BRIGHTEST <= highest <= 1 + ROUNDING:
        return 0, 1
    if lowest >= -255 * ROUNDING and MIN_BRIGHTEST * 255 <= highest <= 255 * (1 + ROUNDING):
        return 0, 255
    if -1 - ROUNDING <= lowest <= -0.9 and 0.9 <= highest <= 1 + ROUNDING:
        return -1, 1
    return None


def _remedy(dtype: np.dtype[Any], lowest: float, highest: float) -> str:
    """Return the likely cause of odd pixels, and the next step."""
    if dtype == np.int8:
        return "they are probably uint8 saved as int8; save images.view(numpy.uint8)"
    if lowest < 0:
        return "they are probably normalized; save the pixels as they were before, 0…255"
    if highest < MIN_BRIGHTEST:
        return "they were probably divided by 255 twice; save the pixels as they were before, 0…255"
    if highest >= 1 << 64:
        return "save the pixels as they were before, 0…255"
    if highest <= 255:
        return f"multiply them by 255 and divide them by the value of white, such as {highest:g}"
    white = next((1 << bits) - 1 for bits in (10, 12, 14, 16, 32, 64) if highest < 1 << bits)
    return f"multiply them by 255 and divide them by the value of white, such as {white}"


def _read(values: npt.NDArray[Any], rows: Indices) -> npt.NDArray[Any]:
    """Return images of a memory map, read from its file; `rows` ascend."""
    if not values.flags.c_contiguous or not isinstance(values, np.memmap):
        return np.asarray(values[rows])
    row_bytes = values.dtype.itemsize * math.prod(values.shape[1:])
    shape = len(values), row_bytes
    as_bytes = np.memmap(str(values.filename), np.uint8, "r", int(values.offset), shape)
    return read_rows(as_bytes, rows).view(values.dtype).reshape(len(rows), *values.shape[1:])


def _to_8_bits(values: npt.NDArray[Any], limits: Range) -> Images:
    """Return values as pixels 0…255, rounded; limits 0 and 255 leave integers as they are."""
    black, white = limits
    if limits == (0, 255) and values.dtype.kind in "iu":
        return values.astype(np.uint8)
    scaled = (values.astype(np.float64) - black) * (255 / (white - black))
    return np.floor(np.clip(scaled, 0, 255) + 0.5).astype(np.uint8)


def _arranged(pixels: Images, source: Source) -> Images:
    """Return pixels as images, (num_images, height, width, channels)."""
    if source.layout == "channels first":
        return np.ascontiguousarray(np.moveaxis(pixels, 1, 3))
    return pixels.reshape(len(pixels), *source.shape)


def _conversion_text(array: Array, layout: Layout, shape: tuple[int, int, int], limits: Range) -> str:
    """Return what is converted, or nothing."""
    told = []
    if layout != "channels last":
        order = "channels first" if layout == "channels first" else f"rows of {shape[0] * shape[1]} pixels"
        told.append(f"{order}, read as {shape[0]} × {shape[1]} × {shape[2]}")
    if shape[2] == 4:
        told.append("transparent parts laid on white or black")
    if limits != (0, 255):
        told.append(f"pixels {range_text(limits)} scaled to 0…255")
    elif array.values.dtype != np.uint8:
        told.append(f"{array.values.dtype.name} pixels 0…255 converted to uint8")
    return "; ".join(told)
