from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.images import arrays
from stages.prediction import answer_sheet

PROBABILITIES = np.array([[0.7, 0.2, 0.1]] * 3, dtype=np.float32)
LONG = "Halsband-Zwergfliegenfänger (Weibchen)"


@pytest.fixture
def images(tmp_path: Path) -> dict[Path, arrays.Image]:
    """Images the network saw, by the files of three pictures."""
    images = {tmp_path / f"{number}.png": np.full((28, 28, 1), 80 * number, np.uint8) for number in range(3)}
    for path, image in images.items():
        Image.fromarray(image[..., 0]).save(path)
    return images


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Lines of text that are written on sheets, each with its width in pixels."""
    lines: list[tuple[str, float]] = []
    write = ImageDraw.ImageDraw.text

    def write_and_keep(draw: ImageDraw.ImageDraw, position: tuple[float, float], text: str, ink: str, font) -> None:
        lines.append((text, font.getlength(text)))
        write(draw, position, text, ink, font)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", write_and_keep)
    return lines


def test_letters_that_are_not_latin_are_no_boxes(images: dict[Path, arrays.Image], tmp_path: Path):
    for name, classes in (("first", "ЖЖЖ"), ("second", "ФФФ")):
        answer_sheet.write(tmp_path / f"{name}.sheet.png", images, PROBABILITIES, list(classes))

    first, second = (Image.open(tmp_path / f"{name}.sheet.png").tobytes() for name in ("first", "second"))
    assert first != second


def test_a_long_name_is_shortened_and_its_probability_is_not(
    images: dict[Path, arrays.Image], lines: list[tuple[str, float]], tmp_path: Path
):
    answer_sheet.write(tmp_path / "sheet.png", images, PROBABILITIES, [LONG, "W" * 50, "short"])
    texts = [text for text, _ in lines]

    assert any(text.startswith("Halsband") and text.endswith("…  70.0 %") for text in texts)
    assert any(text.startswith("WWWW") and text.endswith("…  20.0 %") for text in texts)
    assert "short  10.0 %" in texts
    assert all(width <= answer_sheet.TEXT_WIDTH for _, width in lines)


def test_of_very_many_pictures_the_first_are_drawn_and_a_line_says_so(
    images: dict[Path, arrays.Image],
    lines: list[tuple[str, float]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(answer_sheet, "MOST_PICTURES", 2)
    answer_sheet.write(tmp_path / "sheet.png", images, PROBABILITIES, ["a", "b", "c"])

    assert [text for text, _ in lines if text.endswith(".png")] == ["0.png", "1.png"]
    assert capsys.readouterr().err == f"{tmp_path}/sheet.png shows the first 2 of 3 pictures\n"
