"""Photographs and drawings, read as a network sees them."""

import struct
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from stages.common.errors import InputError, first_line
from stages.images import arrays, catalog
from stages.images.findings import Findings, Range
from stages.images.picture_files import depth, formats, transparency
from stages.images.placement import foreground

DOCUMENTED_ERRORS = (Image.DecompressionBombError, OSError, ValueError, SyntaxError)  # their messages tell the reason
UNDOCUMENTED_ERRORS = (  # on damage
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError, RuntimeError, TypeError,
    struct.error,
)  # fmt: skip
READ_ERRORS = (*DOCUMENTED_ERRORS, *UNDOCUMENTED_ERRORS)
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by the EXIF orientation; from 5 on, width and height are swapped
MIN_DRAFT_SIDE = 512  # pixels; more of them change little in what a network sees
NUM_BORDERS = 500  # training images whose borders are looked at
MAX_LIGHT = 0.05  # fraction of images with a light border in a dataset of light drawings on dark
FRAMES_NOTE = "only the first frame or page of several is read"
BLACK_NOTE = "light drawings without a background, laid on black"
INVERTED_NOTE = "turned light on dark, as the images of the dataset are"
MIN_FILLED = 1 / 8  # fraction of the image; a picture that fills less is hardly seen
NARROW_NOTE = "so narrow that fitted whole it fills less than an eighth of the image; the rest is black"
UNUSED_RANGE_NOTE = "8 bits a pixel, so value_range is not used"
SCALE_OF_TRANSPARENT = {"L;2": 85, "L;4": 17}  # Pillow scales pixels of 2 and 4 bits, but not the transparent one

PngImagePlugin.MAX_TEXT_CHUNK = 64 << 20  # bytes; 1 MB of text or colour profile would be too much by default
PngImagePlugin.MAX_TEXT_MEMORY = 256 << 20
warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd EXIF data, for instance; they name no file


def conversion_of(dataset: str, folder: Path) -> catalog.Conversion | None:
    """Return the conversion that makes a picture look like the images of a dataset.

    Args:
        dataset: Name of the dataset.
        folder: Folder of its arrays. If the dataset's file sets no conversion, or there is no such file, grey images
            that are dark at their borders have None, which inverts pictures with a light border.

    Raises:
        InputError: The dataset's file does not fit its schema, or the image shape; or an array is missing.
    """
    path = catalog.path_of(dataset)
    shape = arrays.read_info(folder).image_shape
    conversion = catalog.Dataset.load(path).conversion_for(shape) if path.exists() else None
    if conversion or shape[2] != 1:
        return conversion or catalog.Pictures()
    images, _ = arrays.read_split(folder, "train")
    num_light = sum(_has_light_border(image[..., 0]) for image in images[:NUM_BORDERS])
    is_dark = num_light <= MAX_LIGHT * min(len(images), NUM_BORDERS)
    return None if is_dark else catalog.Pictures()


def read(
    path: Path,
    shape: tuple[int, int, int],
    conversion: catalog.Conversion | None = None,
    findings: Findings | None = None,
) -> arrays.Image:
    """Read a picture, turn it upright and convert it to an image.

    By default, the whole picture is fitted into the image. A grey one with a light border is inverted before, because
    MNIST is light on dark.

    Args:
        path: PNG, JPEG, WebP, BMP, GIF or TIFF file.
        shape: Height, width and channels (1: grey, 3: colour) of the image, in pixels.
        conversion: Conversion of the dataset. `Pictures` fits the whole picture and never inverts it. `Placement`
            places the foreground of a grey picture, unless the picture already has the size of the image.
        findings: Takes notes, such as that only the first of several frames is read.

    Returns:
        uint8, `shape`, 0…255.

    Raises:
        InputError: The file is not a picture, is damaged, or has no foreground to place, or several.
    """
    findings = findings or Findings()
    value_range = conversion.value_range if conversion else None
    mode = "L" if shape[2] == 1 else "RGB"
    is_placed = isinstance(conversion, catalog.Placement) and shape[2] == 1
    picture = upright(path, mode, max(MIN_DRAFT_SIDE, *shape), value_range, findings, keep_colours=is_placed)
    if isinstance(conversion, catalog.Pictures):
        return _fit_whole(picture, shape, path, findings)
    if conversion is None or shape[2] != 1 or picture.size == (shape[1], shape[0]):
        return _fit_whole(_light_on_dark(picture.convert(mode), path, findings), shape, path, findings)
    try:
        return foreground.place(picture, shape[:2], conversion).reshape(shape)
    except foreground.ForegroundError as error:
        raise InputError(path, error.expected, error.received, error.next_step) from error


def read_size(path: Path) -> tuple[int, int]:
    """Return the height and width of a picture turned upright, in pixels.

    Raises:
        InputError: The file is not a picture, or its header is damaged.
    """
    try:
        with Image.open(path, formats=formats.readable()) as opened:
            width, height = opened.size
            # the size of a TIFF is that of the picture turned upright
            is_swapped = opened.format != "TIFF" and _orientation(opened) >= 5
    except READ_ERRORS as error:
        raise _unreadable(path, error) from error
    return (width, height) if is_swapped else (height, width)


def upright(
    path: Path,
    mode: str,
    min_side: int = MIN_DRAFT_SIDE,
    value_range: Range | None = None,
    findings: Findings | None = None,
    *,
    keep_colours: bool = False,
) -> Image.Image:
    """Read a picture, turn it upright as EXIF says, scale it to 8 bits, and lay transparent parts on a background.

    A large JPEG is decoded at a fraction of its size. Of several frames or pages, the first is read.

    Args:
        path: PNG, JPEG, WebP, BMP, GIF or TIFF file.
        mode: "L" for grey, "RGB" for colour. The background of transparent parts is chosen for it.
        min_side: Smallest height and width in pixels to which a larger JPEG may be reduced.
        value_range: Values of black and white in pictures of more than 8 bits. By default, their files say it.
        findings: Takes notes on the picture.
        keep_colours: True to return RGB in any case.

    Raises:
        InputError: The file is not a picture, is damaged, is wholly transparent, or leaves its range in doubt.
    """
    findings = findings or Findings()
    try:
        # given the path, Pillow would map an uncompressed TIFF, and mix up the pixels of one that is turned
        with path.open("rb") as file, Image.open(file, formats=formats.readable()) as opened:
            if getattr(opened, "is_animated", False) and opened.format != "MPO":  # phones add small views to a JPEG
                findings.note(FRAMES_NOTE, path)
            found = depth.depth_of(opened, path)
            _scale_transparent_level(opened)
            opened.draft(None, (min_side, min_side))  # the 12 million pixels of a phone would take half a second
            opened.load()
            orientation = _orientation(opened)
            picture = opened.transpose(UPRIGHT[orientation]) if orientation > 1 else opened
            if found:
                picture = depth.to_8_bits(picture, found, path, value_range, findings)
            elif picture.mode in depth.DEEP_MODES:
                received = f"deeper ones in {opened.format}, whose range is unknown"
                raise InputError(path, "pixels of 8 bits", received, formats.SAVE_AGAIN)
            elif value_range and value_range != (0, 255):
                findings.note(UNUSED_RANGE_NOTE, path)
            return _opaque(picture, mode, path, findings).convert("RGB" if keep_colours else mode)
    except READ_ERRORS as error:
        raise _unreadable(path, error) from error


def pad(
    picture: Image.Image,
    size: tuple[int, int],
    color: str | None = None,
    method: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """Return a picture scaled whole into the middle of another size, aspect ratio kept, at least one pixel thin.

    Args:
        picture: Picture of any size.
        size: Width and height in pixels.
        color: Colour of the rest. Default: black.
        method: Method of scaling.
    """
    factor = min(side / own for side, own in zip(size, picture.size, strict=True))
    if min(round(factor * own) for own in picture.size):
        return ImageOps.pad(picture, size, method, color)
    width, height = (max(1, round(factor * own)) for own in picture.size)
    fitted = picture.resize((width, height), method)
    padded = Image.new(picture.mode, size, color or 0)
    padded.paste(fitted, ((size[0] - width) // 2, (size[1] - height) // 2))
    return padded


def _orientation(opened: Image.Image) -> int:
    """Return the EXIF orientation, 1…8: 1, which is upright, if a picture has none or its EXIF data are damaged."""
    try:
        orientation = opened.getexif().get(ExifTags.Base.Orientation)
    except READ_ERRORS:
        return 1
    return orientation if orientation in UPRIGHT else 1


def _fit_whole(picture: Image.Image, shape: tuple[int, int, int], path: Path, findings: Findings) -> arrays.Image:
    """Return an image with the whole picture in its middle, aspect ratio kept, on black."""
    ratio = picture.width / picture.height * shape[0] / shape[1]
    if min(ratio, 1 / ratio) < MIN_FILLED:
        findings.note(NARROW_NOTE, path)
    return np.asarray(pad(picture, (shape[1], shape[0])), dtype=np.uint8).reshape(shape)


def _opaque(picture: Image.Image, mode: str, path: Path, findings: Findings) -> Image.Image:
    """Return a picture in RGB, its transparent parts on the background on which the drawing is seen."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    if picture.mode == "La":
        picture = picture.convert("LA")
    flat = transparency.flatten(picture.convert("RGBA"), mode)
    if flat is None:
        raise InputError(
            path, "a visible picture", "one that is transparent, or nearly", "save it without transparency"
        )
    if flat[1] == "black":
        findings.note(BLACK_NOTE, path)
    return flat[0]


def _scale_transparent_level(opened: Image.Image) -> None:
    """Scale the grey level that stands for transparent pixels as Pillow scales the pixels."""
    if opened.format == "PNG" and "transparency" in opened.info and opened.tile:  # type: ignore[attr-defined]
        factor = SCALE_OF_TRANSPARENT.get(str(opened.tile[0][3]), 1)  # type: ignore[attr-defined]
        if factor > 1:
            opened.info["transparency"] *= factor


def _light_on_dark(picture: Image.Image, path: Path, findings: Findings) -> Image.Image:
    """Invert a grey picture with a light border, so that it is light on dark as MNIST and Fashion-MNIST are."""
    if picture.mode != "L" or not _has_light_border(np.asarray(picture)):
        return picture
    findings.note(INVERTED_NOTE, path)
    return ImageOps.invert(picture)


def _has_light_border(pixels: npt.NDArray[np.uint8]) -> bool:
    """Return True if more than half of the border of grey pixels, (height, width), is light."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool(np.median(border) > 127)


def _unreadable(path: Path, error: Exception) -> InputError:
    received, next_step = "a damaged one", formats.SAVE_AGAIN
    if isinstance(error, Image.DecompressionBombError):
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        return InputError(path, f"a picture of up to {most} million pixels", "a larger one", "save it smaller")
    if isinstance(error, UnidentifiedImageError):
        name = formats.identify(path)
        if name not in formats.readable():
            received, next_step = formats.article(name), formats.remedy(name)
        elif name == "TIFF":
            received = depth.describe_tiff(path) or received
    elif isinstance(error, DOCUMENTED_ERRORS) and str(error):
        received = first_line(error)
    return InputError(path, "a picture", received, next_step)
