"""Pictures in one picture: each beside what the network saw of it, and what the network takes it for."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from stages import atomic, console
from stages.images import photos
from stages.pictures import look
from stages.prediction.answers import top

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

    from stages.evaluation.inference import Probabilities

MOST = 200  # pictures of a sheet; more of them nobody would look at, and memory would end
SIDE = 168  # pixels of a picture in the sheet: six for each of MNIST's 28
GAP = 14
TEXT_WIDTH = 210
WIDTH, HEIGHT = 2 * SIDE + TEXT_WIDTH + 3 * GAP, SIDE + GAP  # of a picture's place
HEADER = 34
FONT_SIZE = 14


def write(
    path: Path, seen: Mapping[Path, photos.Photo], probabilities: "Probabilities", classes: Sequence[str]
) -> None:
    """Write the sheet.

    Args:
        path: PNG file to write.
        seen: What the network saw, uint8, (height, width, channels), by the pictures' files, which are read again. Of
            more than `MOST`, the first are shown, and a line says so.
        probabilities: float32, (N, num_classes), 0…1, in the same order.
        classes: What each column means.
    """
    from PIL import Image, ImageDraw, ImageOps

    shown = list(seen.items())[:MOST]
    columns = max(1, round((len(shown) * HEIGHT / WIDTH) ** 0.5))  # about as wide as high
    rows = -(-len(shown) // columns)
    sheet = Image.new("RGB", (columns * WIDTH + GAP, HEADER + rows * HEIGHT), "white")
    draw = ImageDraw.Draw(sheet)
    for column in range(columns):
        for number, title in enumerate(("picture", "what the network sees", "what it takes it for")):
            _write_line(draw, (GAP + column * WIDTH + number * (SIDE + GAP), GAP / 2), title)
    for number, (source, image) in enumerate(shown):
        left, upper = GAP + number % columns * WIDTH, HEADER + number // columns * HEIGHT
        original = ImageOps.pad(photos.upright(source, "RGB"), (SIDE, SIDE), color=look.FAINT)
        sheet.paste(original, (left, upper))
        sheet.paste(_enlarged(image), (left + SIDE + GAP, upper))
        _write_answers(draw, left + 2 * (SIDE + GAP), upper, source.name, top(probabilities[number], classes))
    with atomic.new_file(path) as partial:
        sheet.save(partial, format="PNG")
    if len(shown) < len(seen):
        console.say(f"{path} shows the first {len(shown)} of {len(seen)} pictures")


def _enlarged(image: photos.Photo) -> "Image.Image":
    from PIL import Image, ImageOps

    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
    return ImageOps.pad(picture, (SIDE, SIDE), Image.Resampling.NEAREST, look.FAINT)


def _write_answers(
    draw: "ImageDraw.ImageDraw", left: int, upper: int, name: str, answers: Sequence[tuple[str, float]]
) -> None:
    """Write a picture's name, and its most probable classes with a bar as long as each is probable."""
    _write_line(draw, (left, upper), name)
    for number, (said, probability) in enumerate(answers, 1):
        y = upper + number * SIDE / 4
        draw.rectangle((left, y + 20, left + TEXT_WIDTH - GAP, y + 28), look.FAINT)
        draw.rectangle((left, y + 20, left + probability * (TEXT_WIDTH - GAP), y + 28), look.BLUE)
        _write_line(draw, (left, y), said, f"  {look.percent(probability)}")


def _write_line(draw: "ImageDraw.ImageDraw", place: tuple[float, float], name: str, behind: str = "") -> None:
    """Write a name, cut if it must be, and what stands behind it."""
    font = _font(look.font_file(name + behind))
    longest = len(name)
    while font.getlength(look.short(name, longest) + behind) > TEXT_WIDTH - GAP:
        longest -= 1
    draw.text(place, look.short(name, longest) + behind, look.INK, font)


@cache
def _font(file: str) -> "ImageFont.FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(file, FONT_SIZE)
