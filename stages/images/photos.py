"""Photographs and drawings, made into what a network sees."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.errors import InputError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")  # and no EPS, for which Pillow would start Ghostscript

Photo = npt.NDArray[np.uint8]  # (height, width, channels), 0…255


def find(paths: list[Path]) -> list[Path]:
    """Return the picture files among `paths`, those in folders included, each folder sorted by name.

    Raises:
        InputError: A path does not exist, or a folder holds no picture.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            pictures = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            if not pictures:
                raise InputError(path, f"pictures ({', '.join(sorted(SUFFIXES))})", "none", "name another folder")
            found += pictures
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(path, "a picture or a folder of pictures", "nothing there", "check the path")
    return found


def read(path: Path, shape: tuple[int, int, int]) -> Photo:
    """Read a picture as a network of this input shape sees it: upright, fitted whole, light on a dark ground.

    Args:
        path: PNG, JPEG, WebP, BMP, GIF or TIFF.
        shape: Height, width and channels (1: grey, 3: colour) in pixels.

    Returns:
        uint8, `shape`, 0…255.

    Raises:
        InputError: The file is not a picture, or is damaged.
    """
    height, width, channels = shape
    try:
        with Image.open(path, formats=FORMATS) as opened:
            picture = _in_bytes(ImageOps.exif_transpose(opened)).convert("RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise InputError(path, "a picture", _in_few_words(error), "save it again, as PNG for instance") from error
    ground = Image.new("RGBA", picture.size, "white")  # what is transparent lies on paper
    picture = Image.alpha_composite(ground, picture).convert("L" if channels == 1 else "RGB")
    if channels == 1 and _is_light_at_the_border(picture):
        picture = ImageOps.invert(picture)  # MNIST and Fashion-MNIST are light on black
    fitted = ImageOps.pad(picture, (width, height), method=Image.Resampling.LANCZOS)
    return np.asarray(fitted, dtype=np.uint8).reshape(shape)


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
    return "something else" if isinstance(error, UnidentifiedImageError) else str(error)
