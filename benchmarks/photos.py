"""Measure the accuracy on pictures of digits that were not made as MNIST's images were.

Reads params.yaml, datasets/mnist.yaml and models/<run>.tflite; writes benchmarks/PHOTOS.md and, with some of the
errors, docs/photographs-misses.png.

    python -m benchmarks.photos

Takes about 5 minutes on 2 cores, and downloads 25 MB of fonts from Debian's packages.
"""

import os
import subprocess
import sys
import tempfile
import time
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import typer
from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks import scenes
from benchmarks.pairs import cells
from stages.common import atomic, console, params, paths
from stages.common.errors import InputError
from stages.images import arrays
from stages.images.picture_files import pictures
from stages.prediction import predictor

TABLE, ERRORS_SHEET = Path("benchmarks/PHOTOS.md"), Path("docs/photographs-misses.png")
PACKAGES = [
    "fonts-breip", "fonts-cabin", "fonts-cantarell", "fonts-comic-neue", "fonts-croscore", "fonts-crosextra-carlito",
    "fonts-dancingscript", "fonts-dejavu-core", "fonts-dejavu-extra", "fonts-fanwood", "fonts-firacode",
    "fonts-freefont-ttf", "fonts-gfs-neohellenic", "fonts-hack", "fonts-humor-sans", "fonts-inconsolata", "fonts-lato",
    "fonts-liberation", "fonts-linuxlibertine", "fonts-oldstandard", "fonts-open-sans", "fonts-play",
    "fonts-quicksand", "fonts-roboto-unhinted", "fonts-sil-andika",
]  # fmt: skip
NOT_DIGITS = {"LinBiolinum_K", "LinLibertine_I"}  # a keyboard's keys, and initials
INTRODUCTION = """\
# Pictures of another kind than the network learned from

Measured by `python -m benchmarks.photos` ([photos.py](photos.py)) with `{run}`. Each picture was read from its file as
`predict` reads one.

- **Fonts**: the ten digits of {fonts} fonts in Debian's packages, rotated by up to 12°, in pictures of 60…400 pixels,
  with noise and uneven light, dark on light or light on dark, as PNG or JPEG.
- **UCI**: scikit-learn's digits, written by 13 people, 8 × 8 pixels of 17 greys. They were enlarged smoothly (bicubic)
  with a border to 128 × 128, dark on light or light on dark.

Every other font and UCI digit was held out. The rule for reading pictures was written with 35 of these fonts and a
third of the UCI digits in view. Later changes used the other half alone.

| pictures | held out | accuracy | other half | accuracy | goal |
|---|---|---|---|---|---|
"""
ERRORS_BY_DIGIT = """
Errors by digit, both halves:

| pictures | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
|---|---|---|---|---|---|---|---|---|---|---|
"""
SCENES = """
## Pictures as people take them

[scenes.py](scenes.py) draws a digit of MNIST's test images as it may look in a photograph: {count} pictures of each
kind, with other sizes, positions, angles and colours in each. The kinds were in view when the rule was written, these
digits and pictures were not.

| kind | correct | kind | correct |
|---|---|---|---|
"""
ALL_SCENES = """
All of them: **{correct:,} of {count:,}**. Of {num_pairs} pictures of two digits side by side, {refused} were refused,
as they should be: a network here gives one answer to a picture.
"""
TIME = """
## Time

One picture takes **{seconds:.2f} s**. This is the whole process of `python -m stages.predict --run {run} picture.png`,
from its start to its end: the median of {repeats} on {cores} cores, after one that was not counted.
"""
REPEATS = 10  # of the timed process
PICTURES_OF_A_KIND, PAIRS = 20, 200
SIDE, COLUMNS = 56, 16  # of the sheet of errors: pixels of a picture, pictures in a row

app = console.new_app()


class Drawing(NamedTuple):
    """Picture of a digit.

    Attributes:
        picture: Picture in grey or colour.
        digit: Digit that it shows, 0…9, or -1 if it shows two.
        is_held_out: True if it was not used to improve the reading of pictures.
    """

    picture: Image.Image
    digit: int
    is_held_out: bool


class Prediction(NamedTuple):
    """Prediction for a picture.

    Attributes:
        image: Image that the network saw, uint8, (28, 28, 1), 0…255; black if the picture has no foreground.
        digit: Predicted digit, 0…9, or None if the picture has no foreground.
    """

    image: arrays.Image
    digit: int | None


Error = tuple[Drawing, Prediction]


class PictureSet(NamedTuple):
    """Pictures that are scored together.

    Attributes:
        name: Name in the tables.
        goal: Accuracy to reach, 0…1.
        drawings: Pictures of the set.
    """

    name: str
    goal: float
    drawings: list[Drawing]


@app.command()
@console.command
def main(
    run_name: Annotated[str, typer.Option("--run", help="Run on MNIST.")] = "mnist-cnn-5x5",
    fonts: Annotated[Path | None, typer.Option(help="Folder of fonts, in place of Debian's packages.")] = None,
) -> None:
    """Measure the accuracy on pictures of digits and the time of a prediction, and write benchmarks/PHOTOS.md."""
    accuracy_lines, digit_lines = "", ""
    sheet: list[Error] = []
    with tempfile.TemporaryDirectory() as scratch:
        files = _find_fonts(fonts or _download_fonts(Path(scratch)))
        sets = (PictureSet("fonts", 0.9, _draw_fonts(files)), PictureSet("UCI", 0.95, _draw_uci()))
        for each in sets:
            predictions = _predict(run_name, each.drawings, Path(scratch))
            answered = zip(each.drawings, predictions, strict=True)
            errors = [(drawing, prediction) for drawing, prediction in answered if drawing.digit != prediction.digit]
            accuracy_lines += _accuracy_line(each, errors)
            digit_lines += _digit_line(each, errors)
            sheet += [errors[number] for number in np.linspace(0, len(errors) - 1, 2 * COLUMNS).astype(int)]
            console.say(accuracy_lines.splitlines()[-1])
        scene_lines = _score_scenes(run_name, Path(scratch))
        seconds = _time(run_name, sets[0].drawings[0].picture, Path(scratch))
    introduction = INTRODUCTION.format(run=run_name, fonts=len(files))
    time_text = TIME.format(run=run_name, seconds=seconds, repeats=REPEATS, cores=os.cpu_count())
    atomic.write_text(TABLE, introduction + accuracy_lines + ERRORS_BY_DIGIT + digit_lines + scene_lines + time_text)
    _write_sheet(sheet)


def _accuracy_line(scored: PictureSet, errors: list[Error]) -> str:
    """Return the line of a set in the table of accuracies, the held-out half first."""
    values = [scored.name]
    for is_held_out in (True, False):
        count = sum(drawing.is_held_out is is_held_out for drawing in scored.drawings)
        wrong = sum(drawing.is_held_out is is_held_out for drawing, _ in errors)
        values += [f"{count:,}", f"{100 - 100 * wrong / count:.1f} %"]
    return cells(*values, f"≥ {100 * scored.goal:g} %")


def _digit_line(scored: PictureSet, errors: list[Error]) -> str:
    """Return the line of a set in the table of errors by digit."""
    return cells(scored.name, *(sum(drawing.digit == digit for drawing, _ in errors) for digit in range(10)))


def _download_fonts(folder: Path) -> Path:
    """Download Debian's packages of fonts, unpack them, and return their folder."""
    try:
        subprocess.run(["apt-get", "download", "-qq", *PACKAGES], cwd=folder, check=True, capture_output=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        expected = "packages of fonts from apt-get download"
        raise InputError("fonts", expected, error, "run apt-get update, or name a folder with --fonts") from error
    return folder


def _find_fonts(folder: Path) -> list[Path]:
    by_name = {path.stem: path for suffix in ("ttf", "otf") for path in folder.rglob(f"*.{suffix}")}
    return [by_name[name] for name in sorted(by_name) if name not in NOT_DIGITS]


def _draw_fonts(files: list[Path]) -> list[Drawing]:
    """Return a picture for each digit of each font; every other font is held out."""
    return [
        Drawing(_draw(path, digit, np.random.Generator(np.random.PCG64([number, digit]))), digit, number % 2 == 1)
        for number, path in enumerate(files)
        for digit in range(10)
    ]


def _draw(font: Path, digit: int, random: np.random.Generator) -> Image.Image:
    """Return a digit of a font in a grey picture: rotated, off-centre, unevenly lit, with noise."""
    side = int(random.integers(60, 401))
    large = ImageFont.truetype(font, round(side * random.uniform(0.5, 0.8)))
    mask = Image.new("L", (side, side))
    place = side / 2 + random.uniform(-0.08, 0.08, 2) * side
    ImageDraw.Draw(mask).text(tuple(place), str(digit), fill=255, font=large, anchor="mm")
    mask = mask.rotate(random.uniform(-12, 12), Image.Resampling.BICUBIC)
    background, foreground = random.uniform(170, 255), random.uniform(0, 90)
    if random.random() < 0.5:
        background, foreground = 255 - background, 255 - foreground
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    light = random.uniform(-15, 15) * x + random.uniform(-15, 15) * y
    noise = random.normal(0, random.uniform(0, 8), (side, side))
    fraction = np.asarray(mask) / 255  # of the foreground in each pixel
    pixels = background + (foreground - background) * fraction + light + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _draw_uci() -> list[Drawing]:
    """Return scikit-learn's digits as pictures; every other one is held out."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return [
        Drawing(_enlarge(np.rint(image * 255 / 16), number % 4 < 2), int(digit), number % 2 == 1)
        for number, (image, digit) in enumerate(zip(digits.images, digits.target, strict=True))
    ]


def _enlarge(digit: npt.NDArray[np.float64], is_dark: bool) -> Image.Image:
    """Return a digit as a picture of 128 × 128 pixels with a border.

    Args:
        digit: Light on dark, (8, 8), 0…255.
        is_dark: Invert it to dark on light.
    """
    picture = Image.fromarray(np.pad(digit, 4).astype(np.uint8)).resize((128, 128), Image.Resampling.BICUBIC)
    return ImageOps.invert(picture) if is_dark else picture


def _score_scenes(run_name: str, folder: Path) -> str:
    """Return the section on pictures as people take them."""
    drawings = [drawing for kind in scenes.KINDS for drawing in _draw_scenes(kind)]
    predictions = _predict(run_name, drawings, folder)
    is_correct = np.array(
        [prediction.digit == drawing.digit for drawing, prediction in zip(drawings, predictions, strict=True)]
    )
    correct = is_correct.reshape(len(scenes.KINDS), PICTURES_OF_A_KIND).sum(axis=1)
    counts = [(kind, int(count)) for kind, count in zip(scenes.KINDS, correct, strict=True)]
    half = -(-len(counts) // 2)
    rows = zip_longest(counts[:half], counts[half:], fillvalue=("", ""))
    lines = "".join(cells(*left, *right) for left, right in rows)
    refused = sum(prediction.digit is None for prediction in _predict(run_name, _draw_pairs(), folder))
    console.say(f"scenes: {correct.sum()} of {len(drawings)} correct, {refused} of {PAIRS} pairs refused")
    total = ALL_SCENES.format(correct=int(correct.sum()), count=len(drawings), num_pairs=PAIRS, refused=refused)
    return SCENES.format(count=PICTURES_OF_A_KIND) + lines + total


def _draw_scenes(kind: str) -> list[Drawing]:
    """Return pictures of a kind, two of each digit, of test images that the rule was not written with."""
    images, labels = arrays.read_split(paths.arrays("mnist"), "test")
    number = list(scenes.KINDS).index(kind)
    drawings = []
    for count in range(PICTURES_OF_A_KIND):
        digit = count % 10
        held_out = np.flatnonzero(labels == digit)[1::2]
        image = images[int(held_out[(7 * number + count // 10) % len(held_out)])][..., 0]
        random = np.random.Generator(np.random.PCG64([number, 1, count]))
        drawings.append(Drawing(scenes.draw(kind, image, random), digit, is_held_out=True))
    return drawings


def _draw_pairs() -> list[Drawing]:
    """Return pictures of two of MNIST's test images; no answer is correct for them."""
    images, _ = arrays.read_split(paths.arrays("mnist"), "test")
    drawings = []
    for count in range(PAIRS):
        random = np.random.Generator(np.random.PCG64([2, count]))
        first, second = (images[int(number)][..., 0] for number in random.integers(len(images), size=2))
        drawings.append(Drawing(scenes.draw_two((first, second), random), -1, is_held_out=True))
    return drawings


def _predict(run_name: str, drawings: list[Drawing], folder: Path) -> list[Prediction]:
    """Save each picture to a file, JPEG and PNG in turn, and classify it as predict does."""
    run = params.find_run(run_name)
    info = arrays.read_info(run.arrays)
    predict = predictor.load_predictor(run, info)
    conversion = pictures.conversion_of(run.dataset, run.arrays)
    predictions = []
    with console.progress("predicting", len(drawings), "pictures") as advance:
        for number, drawing in enumerate(drawings):
            path = folder / ("digit.png" if number % 2 else "digit.jpg")
            drawing.picture.save(path)
            try:
                image = pictures.read(path, info.image_shape, conversion)
                predictions.append(Prediction(image, int(predict([image])[0].argmax())))
            except InputError:  # no foreground found
                predictions.append(Prediction(np.zeros(info.image_shape, np.uint8), None))
            advance(1)
    return predictions


def _time(run_name: str, picture: Image.Image, folder: Path) -> float:
    """Return the seconds of predict for one picture, the median of REPEATS processes."""
    path = folder / "timed.png"
    picture.save(path)
    command = [sys.executable, "-m", "stages.predict", "--run", run_name, str(path)]
    seconds = []
    with console.progress("timing", REPEATS + 1, "processes") as advance:
        for _ in range(REPEATS + 1):
            started = time.monotonic()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.monotonic() - started)
            advance(1)
    return median(seconds[1:])  # the first finds nothing in the disk's cache


def _write_sheet(errors: list[Error]) -> None:
    """Draw misclassified pictures, each with the image that the network saw and the prediction below it."""
    height = 2 * SIDE + 22
    sheet = Image.new("RGB", (COLUMNS * (SIDE + 4), -(-len(errors) // COLUMNS) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (drawing, prediction) in enumerate(errors):
        left, upper = number % COLUMNS * (SIDE + 4), number // COLUMNS * height
        image = Image.fromarray(prediction.image[..., 0]).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        sheet.paste(drawing.picture.resize((SIDE, SIDE)), (left, upper))
        sheet.paste(image, (left, upper + SIDE + 2))
        predicted = "nothing" if prediction.digit is None else prediction.digit
        draw.text((left, upper + 2 * SIDE + 4), f"{drawing.digit} as {predicted}", "black")
    with atomic.new_file(ERRORS_SHEET) as partial:
        sheet.save(partial, format="PNG", optimize=True)


if __name__ == "__main__":
    app()
