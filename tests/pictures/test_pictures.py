"""Each picture can be drawn of few classes and of many, of grey images and of colour, and is the same each time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from PIL import Image

from stages.evaluation import calibration as calibrated
from stages.evaluation import scores
from stages.pictures import calibration, classes, confusion, curves, look, mistakes, predictions, samples, tiles
from stages.training.history import Epoch
from tests import tallies

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
        self.scores = tallies.score(self.probabilities, self.labels)


def draw_samples(path: Path, of: Answers) -> None:
    samples.draw(path, "made-up", of.images, of.labels, of.classes)


def draw_mistakes(path: Path, of: Answers) -> None:
    mistakes.draw(path, "run", of.images, of.labels, tallies.mistaken(of.probabilities, of.labels), of.classes)


def draw_predictions(path: Path, of: Answers) -> None:
    predictions.draw(path, "run", of.images, of.labels, of.probabilities, of.classes)


def draw_confusion(path: Path, of: Answers) -> None:
    confusion.draw(path, "run", of.scores.confusion, of.classes)


def draw_classes(path: Path, of: Answers) -> None:
    classes.draw(path, "run", of.scores, of.classes)


def draw_calibration(path: Path, of: Answers) -> None:
    calibration.draw(path, "run", tallies.bins(of.probabilities, of.labels))


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


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, to look at what is on them."""
    saved: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *of, **how: (saved.append(figure), save(figure, *of, **how)))
    return saved


def ticks(axis: Axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


COUNTS = np.array([[8, 2, 0], [0, 5, 5], [1, 0, 3]])
NAMES = ["ant", "bee", "cat"]


def test_a_row_of_the_confusion_is_what_a_true_class_is_taken_for(figures: list[Figure], tmp_path: Path):
    confusion.draw(tmp_path / "name.png", "run", COUNTS, NAMES)
    [axes] = figures[0].axes
    right, wrong = (image.get_array().filled(0).tolist() for image in axes.images)

    assert [[0.8, 0, 0], [0, 0.5, 0], [0, 0, 0.75]] == right
    assert [[0, 0.2, 0], [0, 0, 0.5], [0.25, 0, 0]] == wrong
    assert {(0, 0): "80.0", (1, 0): "20.0", (1, 1): "50.0", (2, 1): "50.0", (0, 2): "25.0", (2, 2): "75.0"} == {
        text.get_position(): text.get_text() for text in axes.texts
    }
    assert (NAMES, NAMES) == (ticks(axes.xaxis), ticks(axes.yaxis))
    assert ("predicted class", "true class") == (axes.get_xlabel(), axes.get_ylabel())


def test_the_weakest_class_is_on_top(figures: list[Figure], tmp_path: Path):
    classes.draw(tmp_path / "name.png", "run", scores.Scores(16 / 24, 0.0, 8, COUNTS, []), NAMES)
    [axes] = figures[0].axes
    points, mean = axes.lines

    assert [[0.5, 0], [0.75, 1], [0.8, 2]] == points.get_xydata().tolist()
    assert ["bee", "cat", "ant"] == ticks(axes.yaxis)
    assert ["5 of 10", "3 of 4", "8 of 10"] == [text.get_text() for text in axes.texts]
    assert [16 / 24] * 2 == list(mean.get_xdata())
    assert axes.yaxis_inverted()


def test_calibration_is_accuracy_over_confidence_and_images_over_bins(figures: list[Figure], tmp_path: Path):
    bins = [*([calibrated.Bin(0, 0, 0.0)] * 13), calibrated.Bin(10, 6, 0.9), calibrated.Bin(90, 81, 0.99)]
    calibration.draw(tmp_path / "name.png", "run", bins)
    above, below = figures[0].axes

    assert [[0.9, 0.6], [0.99, 0.9]] == above.lines[1].get_xydata().tolist()
    assert [0] * 13 + [10, 90] == [bar.get_height() for bar in below.patches]
    assert pytest.approx([number / 15 for number in range(15)]) == [bar.get_x() for bar in below.patches]


def test_samples_lie_in_the_row_of_their_class(figures: list[Figure], tmp_path: Path):
    images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    samples.draw(tmp_path / "name.png", "made-up", images, np.array([2, 0, 1, 0]), NAMES)
    [axes] = figures[0].axes
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    rows = {
        name: [
            image.get_array().item()
            for image in sorted(axes.images, key=lambda image: image.get_extent()[0])
            if sum(image.get_extent()[2:]) / 2 == pytest.approx(height)
        ]
        for name, height in heights.items()
    }

    assert {"ant": [1, 3], "bee": [2], "cat": [0]} == rows


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
    labels = np.array([0, 1, 0, 0, 1])
    mistakes.draw(Path("x.png"), "run", images, labels, tallies.mistaken(probabilities, labels), ["cat", "dog"])
    [(_, title, note, shown, words)] = drawn

    assert ("run: mistakes", "all 3 in 5 test images") == (title, note)
    assert [2, 3, 1] == shown.ravel().tolist()
    assert [["is cat", "said dog", "80.0 % sure"], ["is cat", "said dog", "70.0 % sure"]] == [
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

    assert [["✓ cat", "90.0 % sure"], ["✗ cat", "60.0 % sure", "is dog"]] == [
        [text for text, _ in each] for each in drawn[0][4]
    ]


def test_a_long_name_is_cut():
    assert ("Ankle boot", "Halsband-Zwerg…") == (look.short("Ankle boot", 15), look.short(LONG, 15))


def test_a_font_is_taken_that_has_the_letters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(look, "OTHER_SCRIPTS", ("STIXGeneral",))

    assert ["DejaVuSans", "STIXGeneral", "DejaVuSans"] == [
        Path(look.font_file(text)).stem for text in ("Größe, Жук …", "a \N{WATCH}", "零")
    ]
