"""Pictures of one's own, in three classes: each is of another colour, on a ground of noise."""

from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner, Result

from stages import preprocess

COLOURS = {"blue": (30, 60, 250), "green": (20, 240, 40), "red": (250, 20, 30)}


def picture(colour: str, seed: int, size: tuple[int, int] = (12, 16)) -> Image.Image:
    """Return a picture of this height and width with a square of the colour in its middle."""
    random = np.random.Generator(np.random.PCG64(seed))
    pixels = random.integers(0, 60, (*size, 3), dtype=np.uint8)
    pixels[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = COLOURS[colour]
    return Image.fromarray(pixels)


def write_folder(folder: Path, each: int = 10, size: tuple[int, int] = (12, 16)) -> Path:
    """Write a sub-folder for each class, with so many PNG files."""
    for number, colour in enumerate(COLOURS):
        (folder / colour).mkdir(parents=True, exist_ok=True)
        for index in range(each):
            picture(colour, 100 * number + index, size).save(folder / colour / f"{index}.png")
    return folder


def make(text: str, source: Path | str = "mine") -> Result:
    """Write datasets/own.yaml and run preprocess on it, in the working folder."""
    Path("datasets").mkdir(exist_ok=True)
    Path("datasets/own.yaml").write_text(text)
    return CliRunner().invoke(preprocess.app, ["own", "--source", str(source)])


def errors(result: Result) -> list[str]:
    """Return the lines of a command that failed as it should, without the word error."""
    assert result.exit_code == 1, result.output
    lines = result.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines), result.stderr
    return [line.removeprefix("error: ") for line in lines]
