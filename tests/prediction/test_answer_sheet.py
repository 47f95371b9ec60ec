from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.images import photos
from stages.prediction import answer_sheet

PROBABILITIES = np.array([[0.7, 0.2, 0.1]] * 3, dtype=np.float32)
LONG = "Halsband-Zwergfliegenfänger (Weibchen)"


@pytest.fixture
def seen(tmp_path: Path) -> dict[Path, photos.Photo]:
    """Three pictures, and what a network sees of them."""
    made = {tmp_path / f"{number}.png": np.full((28, 28, 1), 80 * number, np.uint8) for number in range(3)}
    for path, image in made.items():
        Image.fromarray(image[..., 0]).save(path)
    return made


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """What is written on sheets, and how wide each is."""
    lines: list[tuple[str, float]] = []
    write = ImageDraw.ImageDraw.text

    def keep(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, ink: str, font) -> None:
        lines.append((text, font.getlength(text)))
        write(draw, place, text, ink, font)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", keep)
    return lines


def test_letters_that_are_not_latin_are_no_boxes(seen: dict[Path, photos.Photo], tmp_path: Path):
    for name, letters in (("first", "ЖЖЖ"), ("second", "ФФФ")):
        answer_sheet.write(tmp_path / f"{name}.sheet.png", seen, PROBABILITIES, list(letters))

    first, second = (Image.open(tmp_path / f"{name}.sheet.png").tobytes() for name in ("first", "second"))
    assert first != second


def test_a_long_name_is_cut_and_its_probability_is_not(
    seen: dict[Path, photos.Photo], written: list[tuple[str, float]], tmp_path: Path
):
    answer_sheet.write(tmp_path / "sheet.png", seen, PROBABILITIES, [LONG, "W" * 50, "short"])
    lines = [text for text, _ in written]

    assert any(line.startswith("Halsband") and line.endswith("…  70.0 %") for line in lines)
    assert any(line.startswith("WWWW") and line.endswith("…  20.0 %") for line in lines)
    assert "short  10.0 %" in lines
    assert all(width <= answer_sheet.TEXT_WIDTH for _, width in written)


def test_of_very_many_pictures_the_first_are_shown_and_a_line_says_so(
    seen: dict[Path, photos.Photo],
    written: list[tuple[str, float]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(answer_sheet, "MOST", 2)
    answer_sheet.write(tmp_path / "sheet.png", seen, PROBABILITIES, ["a", "b", "c"])

    assert ["0.png", "1.png"] == [text for text, _ in written if text.endswith(".png")]
    assert f"{tmp_path}/sheet.png shows the first 2 of 3 pictures\n" == capsys.readouterr().err
