"""Photographs and drawings, made into what a network sees."""

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from stages.errors import InputError
from stages.images import catalog, figures
from stages.images.arrays import Description

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")  # and no EPS, for which Pillow would start Ghostscript
SAID = (Image.DecompressionBombError, OSError, ValueError, SyntaxError)  # as Pillow says what is wrong
UNSAID = (EOFError, LookupError, OverflowError, TypeError, ZeroDivisionError, struct.error)  # as damage escapes it
DAMAGE = (*SAID, *UNSAID)
LYING = (5, 6, 7, 8)  # values of EXIF's orientation: the picture is to be turned by a right angle

ENOUGH = 512  # pixels of a side; more of them change little in what a network sees

Photo = npt.NDArray[np.uint8]  # (height, width, channels), 0…255


def rule_of(dataset: str, described: Description) -> catalog.Rule | None:
    """Return how the images of a dataset were made, if it has a file in datasets/ that says so.

    Args:
        dataset: Its name.
        described: Its images. If they are light on average, pictures are left as light as they are.

    Raises:
        InputError: The file does not fit its schema, or the figure would not fit into the images.
    """
    path = catalog.path_of(dataset)
    rule = catalog.Dataset.load(path).rule_for(described.image_shape, path) if path.exists() else None
    return catalog.Pictures() if rule is None and described.train.pixel_mean > 127 else rule


def find(path: Path) -> list[Path]:
    """Return a picture file that is named, or those in a folder, sorted by name; no hidden ones.

    Raises:
        InputError: The path does not exist, or the folder holds no picture.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(path, "a picture or a folder of pictures", "nothing there", "check the path")
    pictures = [file for file in files_below(path) if is_picture(file)]
    if not pictures:
        raise InputError(path, f"pictures ({', '.join(sorted(SUFFIXES))})", "none", "name another folder")
    return pictures


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and its sub-folders, sorted; what is hidden is left out."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def is_picture(file: Path) -> bool:
    """Tell whether a file is a picture by its suffix."""
    return file.suffix.lower() in SUFFIXES


def read(path: Path, shape: tuple[int, int, int], rule: catalog.Rule | None = None) -> Photo:
    """Read a picture as a network of this input shape sees it: upright, and light on a dark ground as MNIST is.

    Args:
        path: PNG, JPEG, WebP, BMP, GIF or TIFF.
        shape: Height, width and channels (1: grey, 3: colour) in pixels.
        rule: Photos: how the figure is put into a grey image. Without it, in colour, and where the picture has the
            network's own size, as one saved from the dataset has, the picture is fitted whole. Pictures: the dataset
            was made of pictures, or is a light one; pictures are fitted whole, and are as light as they are.

    Returns:
        uint8, `shape`, 0…255.

    Raises:
        InputError: The file is not a picture, or is damaged; or there is a rule, and no figure in the picture.
    """
    picture = upright(path, "L" if shape[2] == 1 else "RGB", max(ENOUGH, *shape))
    if isinstance(rule, catalog.Pictures):
        return _fit_whole(picture, shape)
    if rule is None or shape[2] != 1 or picture.size == (shape[1], shape[0]):
        return _fit_whole(_light_on_dark(picture), shape)
    image = figures.place(picture, shape[:2], rule.fit, rule.centre)
    if image is None:
        raise InputError(
            path, "a figure on a plain ground", "a blank picture", "draw it darker, or crop the picture nearer to it"
        )
    return image.reshape(shape)


def read_size(path: Path) -> tuple[int, int]:
    """Return the height and width of a picture, held upright, in pixels.

    Raises:
        InputError: The file is not a picture, or is damaged at its start.
    """
    try:
        with Image.open(path, formats=FORMATS) as opened:
            width, height = opened.size
            lies = opened.getexif().get(ExifTags.Base.Orientation) in LYING
    except DAMAGE as error:
        raise InputError(path, "a picture", _in_few_words(error), "save it again, as PNG for instance") from error
    return (width, height) if lies else (height, width)


def upright(path: Path, mode: str, enough: int = ENOUGH) -> Image.Image:
    """Read a picture upright, what is transparent lying on white paper; a large JPEG is read smaller than it is.

    Args:
        path: PNG, JPEG, WebP, BMP, GIF or TIFF.
        mode: L for grey, RGB for colour.
        enough: Pixels that a JPEG's sides must keep.

    Raises:
        InputError: The file is not a picture, or is damaged.
    """
    try:
        with Image.open(path, formats=FORMATS) as opened:
            opened.draft(None, (enough, enough))  # a telephone's 12 million pixels would take half a second
            picture = _in_bytes(ImageOps.exif_transpose(opened))
            if picture.has_transparency_data:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            return picture.convert("RGB").convert(mode)
    except DAMAGE as error:
        raise InputError(path, "a picture", _in_few_words(error), "save it again, as PNG for instance") from error


def _fit_whole(picture: Image.Image, shape: tuple[int, int, int]) -> Photo:
    """Return the whole picture in the middle of an image of this shape, its aspect ratio kept, on black."""
    fitted = ImageOps.pad(picture, (shape[1], shape[0]), method=Image.Resampling.LANCZOS)
    return np.asarray(fitted, dtype=np.uint8).reshape(shape)


def _light_on_dark(picture: Image.Image) -> Image.Image:
    """Return a grey picture light on a dark ground, as MNIST and Fashion-MNIST are; one in colour as it is."""
    return ImageOps.invert(picture) if picture.mode == "L" and _is_light_at_the_border(picture) else picture


def _in_bytes(picture: Image.Image) -> Image.Image:
    """Return a picture of 16 bits a pixel as one of 8; Pillow itself would cut off all above 255."""
    if not picture.mode.startswith("I;16"):
        return picture
    return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))


def _is_light_at_the_border(picture: Image.Image) -> bool:
    pixels = np.asarray(picture)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool(np.median(border) > 127)


def _in_few_words(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "something else"
    return str(error) if isinstance(error, SAID) and str(error) else "a damaged one"
