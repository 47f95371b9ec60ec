"""Pictures in one picture: each beside what the network saw of it, and what the network takes it for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages import atomic
from stages.images import photos
from stages.prediction.answers import percent, top

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    from stages.evaluation.inference import Probabilities

SIDE = 168  # pixels of a picture in the sheet: six for each of MNIST's 28
GAP = 14
TEXT_WIDTH = 210
WIDTH, HEIGHT = 2 * SIDE + TEXT_WIDTH + 3 * GAP, SIDE + GAP  # of a picture's place
HEADER = 34
FONT_SIZE = 15
PAPER, INK, SHADE, BAR = "#ffffff", "#222222", "#dddddd", "#56b4e9"  # Okabe and Ito's blue, for all eyes


def write(
    path: Path, seen: Mapping[Path, photos.Photo], probabilities: "Probabilities", classes: Sequence[str]
) -> None:
    """Write the sheet.

    Args:
        path: PNG file to write.
        seen: What the network saw, uint8, (height, width, channels), by the pictures' files, which are read again.
        probabilities: float32, (N, num_classes), 0…1, in the same order.
        classes: What each column means.
    """
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    columns = max(1, round((len(seen) * HEIGHT / WIDTH) ** 0.5))  # about as wide as high
    rows = -(-len(seen) // columns)
    sheet = Image.new("RGB", (columns * WIDTH + GAP, HEADER + rows * HEIGHT), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.font = ImageFont.load_default(FONT_SIZE)
    for column in range(columns):
        for number, title in enumerate(("picture", "what the network sees", "what it takes it for")):
            draw.text((GAP + column * WIDTH + number * (SIDE + GAP), GAP / 2), title, INK)
    for number, (source, image) in enumerate(seen.items()):
        left, upper = GAP + number % columns * WIDTH, HEADER + number // columns * HEIGHT
        original = ImageOps.pad(photos.upright(source, "RGB"), (SIDE, SIDE), color=SHADE)
        sheet.paste(original, (left, upper))
        sheet.paste(_enlarged(image), (left + SIDE + GAP, upper))
        _write_answers(draw, left + 2 * (SIDE + GAP), upper, source.name, top(probabilities[number], classes))
    with atomic.new_file(path) as partial:
        sheet.save(partial, format="PNG")


def _enlarged(image: photos.Photo) -> "Image.Image":
    from PIL import Image, ImageOps

    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
    return ImageOps.pad(picture, (SIDE, SIDE), Image.Resampling.NEAREST, SHADE)


def _write_answers(
    draw: "ImageDraw.ImageDraw", left: int, upper: int, name: str, answers: Sequence[tuple[str, float]]
) -> None:
    """Write a picture's name, and its most probable classes with a bar as long as each is probable."""
    draw.text((left, upper), _shortened(draw, name), INK)
    for number, (said, probability) in enumerate(answers, 1):
        y = upper + number * SIDE / 4
        draw.rectangle((left, y + 20, left + TEXT_WIDTH - GAP, y + 28), SHADE)
        draw.rectangle((left, y + 20, left + probability * (TEXT_WIDTH - GAP), y + 28), BAR)
        draw.text((left, y), _shortened(draw, f"{said}  {percent(probability)}"), INK)


def _shortened(draw: "ImageDraw.ImageDraw", text: str) -> str:
    """Return a text that fits, its end left out if it must be."""
    if draw.textlength(text) <= TEXT_WIDTH - GAP:
        return text
    while draw.textlength(f"{text}…") > TEXT_WIDTH - GAP:
        text = text[:-1]
    return f"{text}…"
