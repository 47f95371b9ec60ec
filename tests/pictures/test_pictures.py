"""Each picture can be drawn of few classes and of many, of grey images and of colour, and is the same each time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.evaluation import calibration as calibrated
from stages.evaluation import scores
from stages.pictures import calibration, classes, confusion, curves, look, mistakes, predictions, samples, tiles
from stages.training.history import Epoch

MOST_PIXELS = 3000  # of a side: more would not be looked at
LONG = "Halsband-Zwergfliegenfänger (Weibchen), $1 & <2>"


class Answers:
    """A made-up data set of so many classes, and what a model says of it."""

    def __init__(self, num_classes: int, shape: tuple[int, int, int] = (9, 7, 1), wrong: float = 0.3) -> None:
        random = np.random.default_rng(num_classes)
        count = 12 * num_classes
        self.classes = [f"{LONG} {number}" if number % 3 == 0 else str(number) for number in range(num_classes)]
        self.images = random.integers(0, 256, (count, *shape), dtype=np.uint8)
        self.labels = np.arange(count, dtype=np.int32) % num_classes
        shown = np.where(random.random(count) < wrong, (self.labels + 1) % num_classes, self.labels)
        sure = random.uniform(0.6, 1, count).astype(np.float32)
        self.probabilities = np.repeat((1 - sure[:, np.newaxis]) / (num_classes - 1), num_classes, axis=1)
        self.probabilities[np.arange(count), shown] = sure
        self.scores = scores.score(self.probabilities, self.labels)


def draw_samples(path: Path, of: Answers) -> None:
    samples.draw(path, "made-up", of.images, of.labels, of.classes)


def draw_mistakes(path: Path, of: Answers) -> None:
    mistakes.draw(path, "run", of.images, of.labels, of.probabilities, of.classes)


def draw_predictions(path: Path, of: Answers) -> None:
    predictions.draw(path, "run", of.images, of.labels, of.probabilities, of.classes)


def draw_confusion(path: Path, of: Answers) -> None:
    confusion.draw(path, "run", of.scores.confusion, of.classes)


def draw_classes(path: Path, of: Answers) -> None:
    classes.draw(path, "run", of.scores, of.classes)


def draw_calibration(path: Path, of: Answers) -> None:
    calibration.draw(path, "run", calibrated.bins(of.probabilities, of.labels))


KINDS = [draw_samples, draw_mistakes, draw_predictions, draw_confusion, draw_classes, draw_calibration]
CASES = {
    "two": Answers(2),
    "ten": Answers(10),
    "most": Answers(256),
    "colour": Answers(3, (60, 240, 3)),
    "one pixel": Answers(2, (1, 1, 1)),
    "faultless": Answers(4, wrong=0),
    "hopeless": Answers(3, wrong=1),
}


@pytest.mark.parametrize("draw", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_a_picture_is_a_png_of_a_size_one_can_look_at(draw: Callable[[Path, Answers], None], case: str, tmp_path: Path):
    draw(tmp_path / "kind/name.png", CASES[case])

    assert [tmp_path / "kind/name.png"] == list((tmp_path / "kind").iterdir())
    with Image.open(tmp_path / "kind/name.png") as picture:
        assert "PNG" == picture.format
        assert max(picture.size) <= MOST_PIXELS
        assert min(picture.size) >= 60
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 3  # something is on it


@pytest.mark.parametrize("draw", KINDS)
def test_a_picture_has_the_same_bytes_each_time_and_tells_no_version(draw: Callable[[Path, Answers], None], tmp_path):
    for name in ("first.png", "second.png"):
        draw(tmp_path / name, CASES["ten"])

    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    with Image.open(tmp_path / "first.png") as picture:
        assert {"dpi"} == set(picture.info)


def test_a_matplotlibrc_of_ones_own_changes_nothing(tmp_path: Path):
    import matplotlib

    draw_classes(tmp_path / "plain.png", CASES["ten"])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.transparent": True}):
        draw_classes(tmp_path / "mine.png", CASES["ten"])
        assert matplotlib.rcParams["font.size"] == 30

    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "mine.png").read_bytes()


def test_a_picture_that_fails_leaves_the_one_of_before(tmp_path: Path):
    (tmp_path / "name.png").write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), look.picture(tmp_path / "name.png", "title", "note", (3, 2)):
        _ = 1 / 0

    assert [tmp_path / "name.png"] == list(tmp_path.iterdir())
    assert b"before" == (tmp_path / "name.png").read_bytes()


@pytest.mark.parametrize(
    "epochs",
    [
        [Epoch(1, 0.5, 0.8)],
        [Epoch(1, 0.5, 0.8), Epoch(2, 0.4, 0.9)],
        [Epoch(number, 1 / number, 1 - 1 / number, 1.1 / number, 0.9 - 0.9 / number) for number in range(1, 101)],
    ],
)
def test_curves_are_drawn_with_a_validation_and_without(epochs: list[Epoch], tmp_path: Path):
    curves.draw(tmp_path / "name.png", "run", epochs)

    with Image.open(tmp_path / "name.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24)}
    assert (0, 0x72, 0xB2) in colours
    assert ((0xD5, 0x5E, 0) in colours) == (epochs[0].val_loss is not None)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What galleries are asked to draw, in place of drawing it."""
    asked: list[tuple] = []
    monkeypatch.setattr(tiles, "gallery", lambda *arguments: asked.append(arguments))
    return asked


def test_the_surest_mistakes_come_first(drawn: list[tuple]):
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7], [0.01, 0.99]], dtype=np.float32)
    mistakes.draw(Path("x.png"), "run", images, np.array([0, 1, 0, 0, 1]), probabilities, ["cat", "dog"])
    [(_, title, note, shown, words)] = drawn

    assert ("run: mistakes", "all 3 in 5 test images") == (title, note)
    assert [2, 3, 1] == shown.ravel().tolist()
    assert [["is cat", "said dog", "80.0% sure"], ["is cat", "said dog", "70.0% sure"]] == [
        [text for text, _ in each] for each in words[:2]
    ]


def test_the_note_counts_the_mistakes(drawn: list[tuple]):
    for case in ("ten", "faultless"):
        draw_mistakes(Path("x.png"), CASES[case])

    assert f"the 24 most confident of {CASES['ten'].scores.errors} in 120 test images" == drawn[0][2]
    assert ("none in 48 test images", 0) == (drawn[1][2], len(drawn[1][3]))


def test_predictions_say_which_are_wrong_in_words_and_signs(drawn: list[tuple]):
    images = np.zeros((2, 1, 1, 1), np.uint8)
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4]], dtype=np.float32)
    predictions.draw(Path("x.png"), "run", images, np.array([0, 1]), probabilities, ["cat", "dog"])

    assert [["✓ cat", "90.0% sure"], ["✗ cat", "60.0% sure", "is dog"]] == [
        [text for text, _ in each] for each in drawn[0][4]
    ]


def test_a_long_name_is_cut():
    assert ("Ankle boot", "Halsband-Zwerg…") == (look.short("Ankle boot", 15), look.short(LONG, 15))
