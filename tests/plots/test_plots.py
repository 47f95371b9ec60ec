"""All modules of stages/plots: few classes and many, grey images and colour, the same bytes each time."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from PIL import Image

from stages.evaluation.calibration import Bin
from stages.evaluation.scores import Scores
from stages.model.history import Epoch
from stages.plots import calibration, classes, confusion, curves, mistakes, predictions, samples, style, tiles
from stages.plots.tiles import LabelledImages
from tests import accumulators
from tests.pipeline import ROOT

MOST_PIXELS = 3000  # of a side; a larger plot would be unwieldy
LONG = "Halsband-Zwergfliegenfänger (Weibchen), $1 & <2>"


class Case:
    """A made-up dataset, and predictions for it of which a fraction is wrong."""

    def __init__(self, num_classes: int, shape: tuple[int, int, int] = (9, 7, 1), wrong: float = 0.3) -> None:
        random = np.random.default_rng(num_classes)
        count = 12 * num_classes
        self.classes = [f"{LONG} {number}" if number % 3 == 0 else str(number) for number in range(num_classes)]
        self.images = random.integers(0, 256, (count, *shape), dtype=np.uint8)
        self.labels = np.arange(count, dtype=np.int32) % num_classes
        predicted = np.where(random.random(count) < wrong, (self.labels + 1) % num_classes, self.labels)
        confidence = random.uniform(0.6, 1, count).astype(np.float32)
        self.probabilities = np.repeat((1 - confidence[:, np.newaxis]) / (num_classes - 1), num_classes, axis=1)
        self.probabilities[np.arange(count), predicted] = confidence
        self.scores = accumulators.score(self.probabilities, self.labels)

    @property
    def test_images(self) -> LabelledImages:
        return LabelledImages(self.images, self.labels, self.classes)


def draw_samples(path: Path, case: Case) -> None:
    samples.draw(path, "made-up", case.images, case.labels, case.classes)


def draw_mistakes(path: Path, case: Case) -> None:
    mistakes.draw(path, "run", case.test_images, accumulators.mistakes(case.probabilities, case.labels))


def draw_predictions(path: Path, case: Case) -> None:
    predictions.draw(path, "run", case.test_images, case.probabilities)


def draw_confusion(path: Path, case: Case) -> None:
    confusion.draw(path, "run", case.scores.confusion, case.classes)


def draw_classes(path: Path, case: Case) -> None:
    classes.draw(path, "run", case.scores, case.classes)


def draw_calibration(path: Path, case: Case) -> None:
    calibration.draw(path, "run", accumulators.bins(case.probabilities, case.labels))


KINDS = [draw_samples, draw_mistakes, draw_predictions, draw_confusion, draw_classes, draw_calibration]
CASES = {
    "two": Case(2),
    "ten": Case(10),
    "most": Case(256),
    "colour": Case(3, (60, 240, 3)),
    "one pixel": Case(2, (1, 1, 1)),
    "faultless": Case(4, wrong=0),
    "hopeless": Case(3, wrong=1),
}


@pytest.mark.parametrize("draw", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_a_plot_is_a_png_of_a_reasonable_size(draw: Callable[[Path, Case], None], case: str, tmp_path: Path):
    draw(tmp_path / "kind/name.png", CASES[case])

    assert list((tmp_path / "kind").iterdir()) == [tmp_path / "kind/name.png"]
    with Image.open(tmp_path / "kind/name.png") as plot:
        assert plot.format == "PNG"
        assert max(plot.size) <= MOST_PIXELS
        assert min(plot.size) >= 60


@pytest.mark.parametrize("draw", KINDS)
def test_a_plot_has_the_same_bytes_each_time_and_names_no_version(draw: Callable[[Path, Case], None], tmp_path):
    for name in ("first.png", "second.png"):
        draw(tmp_path / name, CASES["ten"])

    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    with Image.open(tmp_path / "first.png") as plot:
        assert set(plot.info) == {"dpi"}


def test_the_users_matplotlibrc_changes_nothing(tmp_path: Path):
    import matplotlib

    draw_classes(tmp_path / "plain.png", CASES["ten"])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.transparent": True}):
        draw_classes(tmp_path / "mine.png", CASES["ten"])
        assert matplotlib.rcParams["font.size"] == 30

    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "mine.png").read_bytes()


DRAW = """\
import sys
from pathlib import Path
from stages.common.errors import InputError
from stages.plots import style
try:
    with style.new_chart(Path("plot.png"), "title", "note", (3, 2)) as figure:
        figure.subplots().plot([1, 2])
    print(Path(style.font_file("2")).name)
except InputError as error:
    print(error)
"""


def drawn(folder: Path, **variables: str) -> tuple[str, bytes | None]:
    """Draw a plot in a process of its own; return what it says, and the plot's bytes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), **variables}
    command = [sys.executable, "-c", DRAW]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plot = folder / "plot.png"
    return done.stdout.strip(), plot.read_bytes() if plot.exists() else None


def test_a_matplotlibrc_and_a_backend_that_do_not_exist_change_nothing_and_a_broken_one_is_told(tmp_path: Path):
    expected = drawn(tmp_path)
    assert expected[0] == "DejaVuSans.ttf"
    (tmp_path / "plot.png").unlink()
    (tmp_path / "matplotlibrc").write_text("savefig.dpi: 30\nfont.family: serif\nnonsense\nbackend: TkAgg\n")
    assert drawn(tmp_path, MPLBACKEND="nonsense") == expected

    (tmp_path / "plot.png").unlink()
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    said, plot = drawn(tmp_path)
    assert said.startswith(
        "matplotlib: expected matplotlibrc and stylelib/ in UTF-8, received 'utf-8' codec can't decode"
    )
    assert plot is None


def test_a_plot_that_fails_leaves_the_previous_one(tmp_path: Path):
    (tmp_path / "name.png").write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), style.new_figure(tmp_path / "name.png", "title", "note", (3, 2)):
        _ = 1 / 0

    assert list(tmp_path.iterdir()) == [tmp_path / "name.png"]
    assert (tmp_path / "name.png").read_bytes() == b"before"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures that are saved, for a look at their artists."""
    saved: list[Figure] = []
    save = Figure.savefig

    def save_and_keep(figure: Figure, *arguments, **options) -> None:
        saved.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", save_and_keep)
    return saved


def ticks(axis: Axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


COUNTS = np.array([[8, 2, 0], [0, 5, 5], [1, 0, 3]])
NAMES = ["ant", "bee", "cat"]


def test_a_row_of_the_confusion_is_a_true_class(figures: list[Figure], tmp_path: Path):
    confusion.draw(tmp_path / "name.png", "run", COUNTS, NAMES)
    [axes] = figures[0].axes
    correct, wrong = (image.get_array().filled(0).tolist() for image in axes.images)
    percentages = {text.get_position(): text.get_text() for text in axes.texts}

    assert correct == [[0.8, 0, 0], [0, 0.5, 0], [0, 0, 0.75]]
    assert wrong == [[0, 0.2, 0], [0, 0, 0.5], [0.25, 0, 0]]
    assert percentages == {
        (0, 0): "80.0", (1, 0): "20.0", (1, 1): "50.0", (2, 1): "50.0", (0, 2): "25.0", (2, 2): "75.0",
    }  # fmt: skip
    assert (ticks(axes.xaxis), ticks(axes.yaxis)) == (NAMES, NAMES)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_the_weakest_class_is_on_top(figures: list[Figure], tmp_path: Path):
    scores = Scores(16 / 24, 0.68, 0.65, majority=10 / 24, loss=0.0, errors=8, confusion=COUNTS, by_class=[])
    classes.draw(tmp_path / "name.png", "run", scores, NAMES)
    [axes] = figures[0].axes
    points, mean = axes.lines

    assert points.get_xydata().tolist() == [[0.5, 0], [0.75, 1], [0.8, 2]]
    assert ticks(axes.yaxis) == ["bee", "cat", "ant"]
    assert [text.get_text() for text in axes.texts] == ["5 of 10", "3 of 4", "8 of 10"]
    assert list(mean.get_xdata()) == [16 / 24] * 2
    assert axes.yaxis_inverted()


def test_calibration_is_accuracy_over_confidence_and_images_over_bins(figures: list[Figure], tmp_path: Path):
    bins = [*([Bin(0, 0, 0.0)] * 13), Bin(10, 6, 0.9), Bin(90, 81, 0.99)]
    calibration.draw(tmp_path / "name.png", "run", bins)
    above, below = figures[0].axes

    assert above.lines[1].get_xydata().tolist() == [[0.9, 0.6], [0.99, 0.9]]
    assert [bar.get_height() for bar in below.patches] == [0] * 13 + [10, 90]
    assert [bar.get_x() for bar in below.patches] == pytest.approx([number / 15 for number in range(15)])


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

    assert rows == {"ant": [1, 3], "bee": [2], "cat": [0]}


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

    with Image.open(tmp_path / "name.png") as plot:
        colours = {colour for _, colour in plot.convert("RGB").getcolors(1 << 24)}
    assert (0, 0x72, 0xB2) in colours
    assert ((0xD5, 0x5E, 0) in colours) == (epochs[0].val_loss is not None)


@pytest.fixture
def galleries(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Arguments of the galleries that would be drawn."""
    calls: list[tuple] = []
    monkeypatch.setattr(tiles, "draw_gallery", lambda *arguments: calls.append(arguments))
    return calls


def test_the_most_confident_mistakes_come_first(galleries: list[tuple]):
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7], [0.01, 0.99]], dtype=np.float32)
    labels = np.array([0, 1, 0, 0, 1])
    test_images = LabelledImages(images, labels, ["cat", "dog"])
    mistakes.draw(Path("x.png"), "run", test_images, accumulators.mistakes(probabilities, labels))
    [(_, title, note, drawn, captions)] = galleries

    assert (title, note) == ("run: mistakes", "all 3 in 5 test images")
    assert drawn.ravel().tolist() == [2, 3, 1]
    assert [[text for text, _ in caption] for caption in captions[:2]] == [
        ["is cat", "said dog", "80.0 % sure"],
        ["is cat", "said dog", "70.0 % sure"],
    ]


def test_the_note_counts_the_mistakes(galleries: list[tuple]):
    for case in ("ten", "faultless"):
        draw_mistakes(Path("x.png"), CASES[case])

    (_, _, first_note, *_), (_, _, second_note, drawn, _) = galleries
    assert first_note == f"the 24 most confident of {CASES['ten'].scores.errors} in 120 test images"
    assert (second_note, len(drawn)) == ("none in 48 test images", 0)


def test_wrong_predictions_have_another_mark_and_the_true_class(galleries: list[tuple]):
    images = np.zeros((2, 1, 1, 1), np.uint8)
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4]], dtype=np.float32)
    test_images = LabelledImages(images, np.array([0, 1]), ["cat", "dog"])
    predictions.draw(Path("x.png"), "run", test_images, probabilities)

    assert [[text for text, _ in caption] for caption in galleries[0][4]] == [
        ["✓ cat", "90.0 % sure"],
        ["✗ cat", "60.0 % sure", "is dog"],
    ]


def test_a_long_name_is_shortened():
    assert (style.shortened("Ankle boot", 15), style.shortened(LONG, 15)) == ("Ankle boot", "Halsband-Zwerg…")


def test_the_font_is_one_that_has_the_characters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(style, "OTHER_SCRIPTS", ("STIXGeneral",))

    fonts = [Path(style.font_file(text)).stem for text in ("Größe, Жук …", "a \N{WATCH}", "零")]
    assert fonts == ["DejaVuSans", "STIXGeneral", "DejaVuSans"]
