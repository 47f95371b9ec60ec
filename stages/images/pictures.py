"""Photographs and drawings, read as a network sees them."""

import struct
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from stages.common.errors import InputError, first_line
from stages.images import arrays, catalog, foreground
from stages.images.arrays import DatasetInfo

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")  # not EPS, for which Pillow would start Ghostscript
DOCUMENTED_ERRORS = (Image.DecompressionBombError, OSError, ValueError, SyntaxError)  # their messages tell the reason
UNDOCUMENTED_ERRORS = (EOFError, LookupError, OverflowError, TypeError, ZeroDivisionError, struct.error)  # on damage
ROTATED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
MIN_DRAFT_SIDE = 512  # pixels; more of them change little in what a network sees


def conversion_of(dataset: str, info: DatasetInfo) -> catalog.Conversion | None:
    """Return the conversion that makes a picture look like the images of a dataset.

    Args:
        dataset: Name of the dataset. If it has no file in datasets/, the conversion depends on `info` alone.
        info: Metadata of the images. If they are light on average, pictures are not inverted.

    Raises:
        InputError: The dataset's file does not fit its schema, or the image shape.
    """
    path = catalog.path_of(dataset)
    conversion = catalog.Dataset.load(path).conversion_for(info.image_shape) if path.exists() else None
    return catalog.Pictures() if conversion is None and info.train.pixel_mean > 127 else conversion


def find(path: Path) -> list[Path]:
    """Return the picture files at a path: the file itself, or those in a folder, sorted, without hidden ones.

    Raises:
        InputError: The path does not exist, or the folder has no picture.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(path, "a picture or a folder of pictures", "nothing there", "check the path")
    found = [file for file in files_below(path) if is_picture(file)]
    if not found:
        raise InputError(path, f"pictures ({', '.join(sorted(SUFFIXES))})", "none", "name another folder")
    return found


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and its sub-folders, sorted, without hidden ones."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if not any(name.startswith(".") for name in path.relative_to(folder).parts))


def is_picture(file: Path) -> bool:
    """Return True if the file's suffix is that of a picture."""
    return file.suffix.lower() in SUFFIXES


def read(path: Path, shape: tuple[int, int, int], conversion: catalog.Conversion | None = None) -> arrays.Image:
    """Read a picture, turn it upright and convert it to an image.

    By default, the whole picture is fitted into the image. A grey one with a light border is inverted before, because
    MNIST is light on dark.

    Args:
        path: PNG, JPEG, WebP, BMP, GIF or TIFF file.
        shape: Height, width and channels (1: grey, 3: colour) of the image, in pixels.
        conversion: Conversion of the dataset. `Pictures` fits the whole picture and never inverts it. `Placement`
            places the foreground of a grey picture, unless the picture already has the size of the image.

    Returns:
        uint8, `shape`, 0…255.

    Raises:
        InputError: The file is not a picture, is damaged, or has no foreground to place.
    """
    picture = upright(path, "L" if shape[2] == 1 else "RGB", max(MIN_DRAFT_SIDE, *shape))
    if isinstance(conversion, catalog.Pictures):
        return _fit_whole(picture, shape)
    if conversion is None or shape[2] != 1 or picture.size == (shape[1], shape[0]):
        return _fit_whole(_light_on_dark(picture), shape)
    image = foreground.place(picture, shape[:2], conversion.fit, conversion.centre)
    if image is None:
        next_step = "draw it darker, or crop the picture nearer to it"
        raise InputError(path, "an object on a plain background", "a blank picture", next_step)
    return image.reshape(shape)


def read_size(path: Path) -> tuple[int, int]:
    """Return the height and width of a picture turned upright, in pixels.

    Raises:
        InputError: The file is not a picture, or its header is damaged.
    """
    try:
        with Image.open(path, formats=FORMATS) as opened:
            width, height = opened.size
            rotated = opened.getexif().get(ExifTags.Base.Orientation) in ROTATED
    except (*DOCUMENTED_ERRORS, *UNDOCUMENTED_ERRORS) as error:
        raise _unreadable(path, error) from error
    return (width, height) if rotated else (height, width)


def upright(path: Path, mode: str, min_side: int = MIN_DRAFT_SIDE) -> Image.Image:
    """Read a picture, turn it upright as EXIF says, and put transparent parts on white.

    A large JPEG is decoded at a fraction of its size.

    Args:
        path: PNG, JPEG, WebP, BMP, GIF or TIFF file.
        mode: "L" for grey, "RGB" for colour.
        min_side: Smallest height and width in pixels to which a larger JPEG may be reduced.

    Raises:
        InputError: The file is not a picture, or is damaged.
    """
    try:
        with Image.open(path, formats=FORMATS) as opened:
            opened.draft(None, (min_side, min_side))  # the 12 million pixels of a phone would take half a second
            picture = _to_8_bits(ImageOps.exif_transpose(opened))
            if picture.has_transparency_data:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            return picture.convert("RGB").convert(mode)
    except (*DOCUMENTED_ERRORS, *UNDOCUMENTED_ERRORS) as error:
        raise _unreadable(path, error) from error


def _fit_whole(picture: Image.Image, shape: tuple[int, int, int]) -> arrays.Image:
    """Return an image with the whole picture in its middle, aspect ratio kept, on black."""
    fitted = ImageOps.pad(picture, (shape[1], shape[0]), method=Image.Resampling.LANCZOS)
    return np.asarray(fitted, dtype=np.uint8).reshape(shape)


def _light_on_dark(picture: Image.Image) -> Image.Image:
    """Invert a grey picture with a light border, so that it is light on dark as MNIST and Fashion-MNIST are."""
    return ImageOps.invert(picture) if picture.mode == "L" and _has_light_border(picture) else picture


def _has_light_border(picture: Image.Image) -> bool:
    pixels = np.asarray(picture)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool(np.median(border) > 127)


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """Scale a picture of 16 bits per pixel to 8 bits; Pillow's own conversion clips at 255."""
    if not picture.mode.startswith("I;16"):
        return picture
    return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))


def _unreadable(path: Path, error: Exception) -> InputError:
    received = "a damaged one"
    if isinstance(error, UnidentifiedImageError):
        received = "something else"
    elif isinstance(error, DOCUMENTED_ERRORS) and str(error):
        received = first_line(error)
    return InputError(path, "a picture", received, "save it again, as PNG for instance")
