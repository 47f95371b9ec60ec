"""Pixels of more than 8 bits, signed integers and floats, scaled to 0…255 by what a picture's file says of them.

The range is never that of the pixels found, which would change the contrast of each picture by itself.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from stages.common.errors import InputError
from stages.images.findings import Findings, Range, range_text

Kind = Literal["unsigned", "signed", "float"]

BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT, LOWEST_SAMPLE, HIGHEST_SAMPLE = 258, 262, 339, 340, 341  # tags of TIFF
WHITE_IS_ZERO = 0  # a value of the tag PHOTOMETRIC
KINDS: dict[int, Kind] = {1: "unsigned", 2: "signed", 3: "float"}  # by the value of the tag SAMPLE_FORMAT
DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")  # of Pillow, one number of more than 8 bits a pixel
READ_ERRORS = (OSError, LookupError, TypeError, ValueError, struct.error)  # on a damaged TIFF
BRIGHT = 4  # pixels that stay below a quarter of the range cast doubt on it
BLOCK_PIXELS = 1 << 20  # scaled at a time
ROUNDING = 1e-3  # fraction of the range by which floats may lie outside it
USUAL_BITS = (8, 10, 12, 14, 16, 32)
VALUE_RANGE = "under folder, csv or photos in the dataset's file"


@dataclass(frozen=True)
class Depth:
    """What a picture's file says of its pixels.

    Attributes:
        kind: Kind of number.
        bits: Bits of a number.
        stated: Values of black and white, if the file states them.
        significant_bits: Bits that carry information, if the file states them.
        is_inverted: True if the lowest value is white.
    """

    kind: Kind
    bits: int
    stated: Range | None = None
    significant_bits: int | None = None
    is_inverted: bool = False

    @property
    def limits(self) -> Range:
        """Lowest and highest number that the bits can hold; 0…1 for floats."""
        if self.kind == "float":
            return 0, 1
        if self.kind == "signed":
            return -(1 << self.bits - 1), (1 << self.bits - 1) - 1
        return 0, (1 << self.bits) - 1


class DepthError(InputError):
    """Pictures whose range of pixels is in doubt.

    Args:
        paths: The pictures, at least one.
        depth: What their files say.
        found: Lowest and highest pixel found in them.
        given: `value_range` of the dataset, if it has one.
        is_colour: True if the pictures are in colour.
    """

    def __init__(
        self, paths: list[Path], depth: Depth, found: Range, given: Range | None, is_colour: bool = False
    ) -> None:
        self.paths, self.depth, self.found, self.given, self.is_colour = sorted(paths), depth, found, given, is_colour
        where = str(self.paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
        values = f"values {range_text(found)}"
        received = f"{depth.bits} bits in colour or transparent" if given and is_colour else values
        super().__init__(where, self._expected(), received, self._next_step())

    def _expected(self) -> str:
        if self.given and self.is_colour:
            return f"grey pixels without transparency, as value_range, {range_text(self.given)}, is for them alone"
        if self.given:
            return f"values within the dataset's value_range, {range_text(self.given)}"
        if self.depth.kind == "float":
            return "floats that reach from about 0, black, to about 1, white, or a file that states their range"
        return f"values that use the {self.depth.bits} bits of the file, {range_text(self.depth.limits)}"

    def _next_step(self) -> str:
        if self.is_colour:
            return "save them with 8 bits a channel"
        if self.given:
            return "fix value_range, or save them with 8 bits"
        likely = f"add value_range: {_setting(_likely_range(self.depth, self.found))} {VALUE_RANGE}"
        dark = f" ({_setting(self.depth.limits)} if they are only dark)" if self.depth.kind == "unsigned" else ""
        return f"{likely} if these are black and white{dark}, or save them with 8 bits"


def _setting(limits: Range) -> str:
    """Return a range as the dataset's file sets it, such as [0, 4095]."""
    return f"[{range_text(limits).replace('…', ', ')}]"


def merged(errors: list[InputError]) -> list[InputError]:
    """Merge the errors of pictures of one depth into one error, which names the range found in all of them."""
    others = [error for error in errors if not isinstance(error, DepthError)]
    groups: dict[tuple[Depth, Range | None, bool], list[DepthError]] = {}
    for error in errors:
        if isinstance(error, DepthError):
            groups.setdefault((error.depth, error.given, error.is_colour), []).append(error)
    for (depth, given, is_colour), group in groups.items():
        found = min(error.found[0] for error in group), max(error.found[1] for error in group)
        others.append(DepthError([path for error in group for path in error.paths], depth, found, given, is_colour))
    return others


def depth_of(opened: Image.Image, path: Path) -> Depth | None:
    """Return the depth of a picture, or None if it has up to 8 bits a channel.

    Args:
        opened: Picture as `Image.open` returns it, not yet loaded.
        path: Its file.
    """
    if opened.format == "TIFF":
        tags = opened.tag_v2  # type: ignore[attr-defined]
        bits = max(tags.get(BITS_PER_SAMPLE, (1,)))
        kind = KINDS.get(max(tags.get(SAMPLE_FORMAT, (1,))), "unsigned")
        if bits <= 8 and kind == "unsigned":
            return None
        stated = None
        if LOWEST_SAMPLE in tags and HIGHEST_SAMPLE in tags:
            stated = float(np.min(tags[LOWEST_SAMPLE])), float(np.max(tags[HIGHEST_SAMPLE]))
        # Pillow inverts 8 bits and fewer by itself
        is_inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO and bits > 8
        return Depth(kind, bits, stated, is_inverted=is_inverted)
    if opened.format == "PNG" and opened.tile and str(opened.tile[0][3]).endswith("16B"):  # type: ignore[attr-defined]
        return Depth("unsigned", 16, significant_bits=_significant_bits(path))
    return None


def describe_tiff(path: Path) -> str | None:
    """Return the pixels of a TIFF file of a kind that Pillow does not read, such as "3 × 32-bit float", or None.

    Args:
        path: A file that Pillow takes for no picture.
    """
    try:
        with path.open("rb") as file:
            tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
            file.seek(tags.next)
            tags.load(file)
        bits = tags[BITS_PER_SAMPLE]
        kind = KINDS[max(tags.get(SAMPLE_FORMAT, (1,)))]
    except (*READ_ERRORS, SyntaxError):
        return None
    return f"a TIFF of {len(bits)} × {max(bits)}-bit {kind} numbers a pixel, which is not read"


def to_8_bits(
    picture: Image.Image, depth: Depth, path: Path, value_range: Range | None, findings: Findings
) -> Image.Image:
    """Return a picture with its pixels scaled to 0…255.

    Args:
        picture: Picture in a mode of Pillow for more than 8 bits, or in colour, of which Pillow keeps the upper 8.
        depth: What its file says of the pixels.
        path: Its file.
        value_range: Values of black and white that the dataset's file sets, or None.
        findings: Takes the range, if the file states it.

    Raises:
        DepthError: The range is in doubt, or the pixels lie outside it.
        InputError: Pixels are NaN or infinite.
    """
    if picture.mode not in ("L", *DEEP_MODES):
        _check_colour(picture, depth, path, value_range)
        return picture
    values = _numbers(picture, depth)
    if depth.kind == "float" and not np.isfinite(values).all():
        received = f"NaN or infinity in {np.count_nonzero(~np.isfinite(values))} of {values.size}"
        raise InputError(path, "numbers as pixels", received, "replace them, by black for instance, and save it again")
    found = float(values.min()), float(values.max())
    limits = value_range or _range_of(depth, values, found)
    if limits is None or not _holds(limits, found, depth):
        raise DepthError([path], depth, found, value_range)
    if not value_range and (depth.kind == "float" or limits == depth.stated):
        findings.note_range(limits, path)
    if not value_range and depth.bits == 16 and limits == (0, 65535):
        findings.note_brightest(found[1] / limits[1])
    grey = _scaled(values, limits)
    scaled = Image.fromarray(255 - grey if depth.is_inverted else grey)
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):  # the one value that stands for transparent pixels
        scaled.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return scaled


def _scaled(values: npt.NDArray[np.number], limits: Range) -> npt.NDArray[np.uint8]:
    """Return grey pixels, (height, width), 0…255; some rows at a time, since floats take eight times the memory."""
    black, white = limits
    grey = np.empty(values.shape, np.uint8)
    step = max(1, BLOCK_PIXELS // values.shape[1])
    for start in range(0, len(values), step):
        rows = values[start : start + step].astype(np.float64)
        levels = np.clip((rows - black) * (255 / (white - black)), 0, 255)
        grey[start : start + step] = np.floor(levels + 0.5)
    return grey


def _holds(limits: Range, found: Range, depth: Depth) -> bool:
    """Return True if the values found lie within limits, floats but for errors of rounding."""
    slack = ROUNDING * (limits[1] - limits[0]) if depth.kind == "float" else 0
    return limits[0] - slack <= found[0] and found[1] <= limits[1] + slack


def _numbers(picture: Image.Image, depth: Depth) -> npt.NDArray[np.number]:
    """Return the pixels as the numbers of the file; Pillow takes some signed ones for unsigned, or the reverse."""
    values = np.asarray(picture)
    if depth.kind == "signed" and values.dtype == np.uint8:
        return values.view(np.int8)
    if depth.kind == "unsigned" and values.dtype == np.int32:
        return values.view(np.uint32)
    return values


def _range_of(depth: Depth, values: npt.NDArray[np.number], found: Range) -> Range | None:
    """Return the values of black and white, or None if the file leaves them in doubt."""
    low, high = depth.limits
    if depth.stated and depth.stated != (low, high) and not (depth.kind != "float" and depth.stated == (0, 0)):
        return depth.stated if _is_stated_for_all(depth.stated, found) else None
    if depth.kind == "float":
        return (0, 1) if found == (0, 0) or BRIGHT * found[1] >= high else None
    if depth.kind == "signed":
        return (low, high) if BRIGHT * found[0] <= low and BRIGHT * found[1] >= high else None
    if depth.bits not in (16, 32) or found == (0, 0) or BRIGHT * found[1] >= high:
        return low, high
    if depth.significant_bits and found[1] < 1 << depth.significant_bits:
        is_scaled = _is_scaled(values.astype(np.uint32), depth.significant_bits)
        return (low, high) if is_scaled else (0, (1 << depth.significant_bits) - 1)
    return None


def _is_stated_for_all(stated: Range, found: Range) -> bool:
    """Return False if the stated range is empty or is only that of this picture's own pixels."""
    if stated[0] >= stated[1]:
        return False
    is_usual = stated[0] in (0, -1) and stated[1] in (1, *((1 << bits) - 1 for bits in USUAL_BITS))
    return is_usual or stated != found


def _is_scaled(values: npt.NDArray[np.uint32], significant_bits: int) -> bool:
    """Return True if values of fewer bits fill the 16 of a PNG as its specification demands: shifted, or repeated.

    Source: W3C, "Portable Network Graphics (PNG) Specification", section "Sample depth scaling".
    """
    shift = 16 - significant_bits
    top = values >> shift
    is_repeated = values == (top << shift | top >> max(0, significant_bits - shift))
    return bool((values == top << shift).all() or is_repeated.all())


def _significant_bits(path: Path) -> int | None:
    """Return the bits of a channel that a PNG's chunk sBIT names, or None."""
    with path.open("rb") as file:
        position = 8  # behind the magic number
        while True:
            file.seek(position)
            header = file.read(8)
            length, kind = int.from_bytes(header[:4]), header[4:]
            if kind == b"sBIT":
                bits = max(file.read(min(length, 4)), default=0)
                return bits if 0 < bits < 16 else None
            if len(header) < 8 or kind == b"IDAT":
                return None
            position += 12 + length


def _check_colour(picture: Image.Image, depth: Depth, path: Path, value_range: Range | None) -> None:
    """Refuse pixels in colour that use a quarter of their range, or another one: Pillow has dropped the lower bits.

    Opacities that differ count as pixels; a black drawing on transparency has no others above 0.
    """
    if value_range and value_range != depth.limits:
        raise DepthError([path], depth, depth.limits, value_range, is_colour=True)
    if value_range or picture.mode not in ("RGB", "RGBA"):
        return
    *bands, last = picture.split()
    if picture.mode == "RGB" or len(_levels(last)) > 1:
        bands.append(last)
    highest = max(_levels(band)[-1] for band in bands)
    if BRIGHT * (highest + 1) <= 256:
        found = 0, (highest + 1) * (1 << depth.bits - 8) - 1
        raise DepthError([path], depth, found, None, is_colour=True)


def _levels(band: Image.Image) -> list[int]:
    """Return the levels of a band, 0…255, in ascending order."""
    return [level for level, count in enumerate(band.histogram()) if count]


def _likely_range(depth: Depth, found: Range) -> Range:
    """Return the usual range that holds the values found: of 8, 10, 12, 14 or 16 bits, 0…1 or -1…1."""
    low, high = found
    if low >= 0 and high <= 1:
        return 0, 1
    if depth.kind == "float" and low >= -1 and high <= 1:
        return -1, 1
    limits = [(1 << bits) - 1 for bits in USUAL_BITS if (1 << bits) > high]
    return (0, limits[0]) if low >= 0 and limits else found
