"""Answer sheet: each picture beside the image the network sees, and its most probable classes."""

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from stages.common import atomic
from stages.common.printable import printable
from stages.images.picture_files import pictures
from stages.plots import style
from stages.prediction.answers import top_classes

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

    from stages.evaluation.inference import Probabilities
    from stages.images import arrays
    from stages.images.findings import Range

MOST_PICTURES = 200  # a larger sheet would be unreadable and take too much memory
SIDE = 168  # pixels of a picture on the sheet: six for each of MNIST's 28
GAP = 14
TEXT_WIDTH = 210
WIDTH, HEIGHT = 2 * SIDE + TEXT_WIDTH + 3 * GAP, SIDE + GAP  # pixels from one picture to the next
HEADER = 34
FONT_SIZE = 14

logger = logging.getLogger(__name__)


def write(
    path: Path,
    images: "Mapping[Path, arrays.Image]",
    probabilities: "Probabilities",
    classes: Sequence[str],
    value_range: "Range | None" = None,
) -> None:
    """Write an answer sheet.

    Args:
        path: PNG file to write.
        images: Images the network saw, uint8, (height, width, channels), 0…255, by the files of their pictures, which
            are read again. Of more than MOST_PICTURES, the first are drawn, and a line in the log says so.
        probabilities: float32, (N, num_classes), 0…1, in the order of `images`.
        classes: Names of the classes, label 0 first.
        value_range: Values of black and white in pictures of more than 8 bits. By default, their files say it.
    """
    from PIL import Image, ImageDraw

    drawn = list(images.items())[:MOST_PICTURES]
    columns = max(1, round((len(drawn) * HEIGHT / WIDTH) ** 0.5))  # about as wide as high
    rows = -(-len(drawn) // columns)
    sheet = Image.new("RGB", (columns * WIDTH + GAP, HEADER + rows * HEIGHT), "white")
    draw = ImageDraw.Draw(sheet)
    for column in range(columns):
        for number, heading in enumerate(("picture", "what the network sees", "what it takes it for")):
            _write_line(draw, (GAP + column * WIDTH + number * (SIDE + GAP), GAP / 2), heading)
    for number, (file, image) in enumerate(drawn):
        left, upper = GAP + number % columns * WIDTH, HEADER + number // columns * HEIGHT
        picture = pictures.upright(file, "RGB", value_range=value_range)
        picture = pictures.pad(picture, (SIDE, SIDE), style.FAINT, Image.Resampling.BICUBIC)
        sheet.paste(picture, (left, upper))
        sheet.paste(_enlarged(image), (left + SIDE + GAP, upper))
        position = (left + 2 * (SIDE + GAP), upper)
        _write_answers(draw, position, printable(file.name), top_classes(probabilities[number], classes))
    with atomic.new_file(path) as partial:
        sheet.save(partial, format="PNG")
    if len(drawn) < len(images):
        logger.warning("%s shows the first %d of %d pictures", path, len(drawn), len(images))


def _enlarged(image: "arrays.Image") -> "Image.Image":
    from PIL import Image, ImageOps

    enlarged = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
    return ImageOps.pad(enlarged, (SIDE, SIDE), Image.Resampling.NEAREST, style.FAINT)


def _write_answers(
    draw: "ImageDraw.ImageDraw", position: tuple[int, int], name: str, answers: Sequence[tuple[str, float]]
) -> None:
    """Write the name of a picture, and below it its most probable classes, each with a bar of its probability.

    Args:
        draw: Sheet to draw on.
        position: Pixels from the left and from the top.
        name: Name of the picture's file.
        answers: Class names and probabilities, 0…1.
    """
    left, upper = position
    _write_line(draw, position, name)
    for number, (class_name, probability) in enumerate(answers, 1):
        y = upper + number * SIDE / 4
        draw.rectangle((left, y + 20, left + TEXT_WIDTH - GAP, y + 28), style.FAINT)
        draw.rectangle((left, y + 20, left + probability * (TEXT_WIDTH - GAP), y + 28), style.BLUE)
        _write_line(draw, (left, y), class_name, f"  {style.percent(probability)}")


def _write_line(draw: "ImageDraw.ImageDraw", position: tuple[float, float], name: str, suffix: str = "") -> None:
    """Write a name and its suffix, the name shortened to fit into TEXT_WIDTH."""
    font = _font(style.font_file(name + suffix))
    longest = len(name)
    while font.getlength(style.shortened(name, longest) + suffix) > TEXT_WIDTH - GAP:
        longest -= 1
    draw.text(position, style.shortened(name, longest) + suffix, style.INK, font)


@cache
def _font(file: str) -> "ImageFont.FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(file, FONT_SIZE)
