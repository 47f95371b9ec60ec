"""Pictures of a digit as people take them: on ruled paper, on a table, in a shadow, on a blackboard.

Each kind is a function of the digit's ink and of a random generator, so that a picture is the same on every machine.
tests/images/placement/test_foreground.py reads one of each kind, and photos.py counts the correct predictions.
"""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Ink = npt.NDArray[np.float64]  # (height, width), 0…1: fraction of a pixel that is covered
Pixels = npt.NDArray[np.float64]  # (height, width, 3), 0…255
Random = np.random.Generator
Kind = Callable[[Ink, Random], Pixels]

HEIGHTS = (200, 361)  # pixels of a picture's height, the upper end excluded
DIGIT_SIDES = (0.42, 0.62)  # longer side of the digit, a fraction of the picture's shorter side
WHITE, BLACK = (238.0, 236.0, 230.0), (35.0, 35.0, 40.0)
PENS = (BLACK, (30.0, 45.0, 120.0), (60.0, 60.0, 65.0), (150.0, 30.0, 35.0))
LINE_BLUE, MARGIN_RED, GRAPH_GREEN = (150.0, 180.0, 215.0), (225.0, 120.0, 125.0), (140.0, 195.0, 160.0)
TABLES = ((120.0, 85.0, 55.0), (60.0, 50.0, 45.0), (165.0, 130.0, 95.0), (90.0, 95.0, 105.0), (25.0, 25.0, 28.0))
PAPERS = ((245.0, 225.0, 120.0), (250.0, 190.0, 200.0), (185.0, 225.0, 185.0), (175.0, 205.0, 235.0))
EQUAL_COLOURS = (  # ink and paper of about the same grey level
    ((205.0, 35.0, 40.0), (60.0, 95.0, 220.0)),
    ((60.0, 95.0, 220.0), (205.0, 35.0, 40.0)),
    ((215.0, 60.0, 60.0), (60.0, 140.0, 65.0)),
    ((0.0, 150.0, 160.0), (225.0, 75.0, 150.0)),
)


def draw(kind: str, digit: npt.NDArray[np.uint8], random: Random) -> Image.Image:
    """Return a picture of a digit.

    Args:
        kind: Key of KINDS.
        digit: uint8, (height, width), 0…255, light on dark, as an image of MNIST.
        random: Source of the sizes, positions and colours.
    """
    height = int(random.integers(*HEIGHTS))
    width = round(height * random.uniform(0.8, 1.3))
    pixels = KINDS[kind](_put(digit, (height, width), random), random)
    return Image.fromarray(np.rint(np.clip(pixels, 0, 255)).astype(np.uint8))


def draw_two(digits: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], random: Random) -> Image.Image:
    """Return a picture of two digits of about one size, next to each other.

    Args:
        digits: Two arrays, each uint8, (height, width), 0…255, light on dark.
        random: Source of the sizes, positions and colours.
    """
    height = int(random.integers(*HEIGHTS))
    tall = random.uniform(0.3, 0.5) * height
    inks = [_enlarge(digit, round(tall * random.uniform(0.85, 1.15))) for digit in digits]
    gap = round(tall * random.uniform(0.12, 0.5))
    width = sum(ink.shape[1] for ink in inks) + gap + round(0.6 * tall)
    whole = np.zeros((height, width))
    left = round(0.3 * tall)
    for ink in inks:
        top = round((height - ink.shape[0]) / 2 + random.uniform(-0.1, 0.1) * tall)
        whole[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        left += ink.shape[1] + gap
    pixels = _pen(_paper(whole.shape, WHITE), whole, random)
    return Image.fromarray(np.rint(np.clip(_camera(pixels, random), 0, 255)).astype(np.uint8))


def _enlarge(digit: npt.NDArray[np.uint8], longer: int) -> Ink:
    """Return the ink of a digit, cut out and enlarged to a longer side in pixels, with the sharp edges of a pen."""
    rows, columns = (np.flatnonzero((digit > 64).any(axis=axis)) for axis in (1, 0))
    picture = Image.fromarray(digit).crop((columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2))
    scale = longer / max(picture.size)
    width, height = (max(3, round(scale * side)) for side in picture.size)
    ink = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), np.float64) / 255
    return np.clip((ink - 0.3) / 0.4, 0, 1)


def _put(digit: npt.NDArray[np.uint8], shape: tuple[int, int], random: Random) -> Ink:
    """Return the ink of a digit near the middle of a picture."""
    ink = _enlarge(digit, round(min(shape) * random.uniform(*DIGIT_SIDES)))
    whole = np.zeros(shape)
    top, left = (
        round((side - own) * (0.5 + random.uniform(-0.12, 0.12))) for side, own in zip(shape, ink.shape, strict=True)
    )
    whole[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return whole


def _paper(shape: tuple[int, ...], colour: tuple[float, ...]) -> Pixels:
    return np.broadcast_to(np.asarray(colour), (*shape[:2], 3))


def _cover(pixels: Pixels, ink: Ink, colour: tuple[float, ...] | Pixels) -> Pixels:
    """Return a picture with some ink of a colour on it."""
    return pixels + np.clip(ink, 0, 1)[..., None] * (np.asarray(colour) - pixels)


def _pen(pixels: Pixels, ink: Ink, random: Random) -> Pixels:
    return _cover(pixels, ink, PENS[random.integers(len(PENS))])


def _axes(shape: tuple[int, ...]) -> tuple[Ink, Ink]:
    """Return rows and columns of all pixels, in fractions -1…1 of half the picture."""
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return rows, columns


def _lines(shape: tuple[int, ...], spacing: float, width: float, angle: float, offset: float = 0) -> Ink:
    """Return the ink of parallel lines; spacing, width and offset in pixels, the angle in degrees from level."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    across = rows * np.cos(np.radians(angle)) + columns * np.sin(np.radians(angle)) - offset
    distance = np.abs((across + spacing / 2) % spacing - spacing / 2)
    return np.asarray(np.clip(width / 2 + 0.5 - distance, 0, 1))


def _quadrangle(shape: tuple[int, ...], sides: tuple[float, float, float, float], angle: float) -> Ink:
    """Return a rotated rectangle; its top, bottom, left and right in -1…1 of half the picture."""
    rows, columns = _axes(shape)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    down, across = cosine * rows - sine * columns, sine * rows + cosine * columns
    inside = np.minimum.reduce([down - sides[0], sides[1] - down, across - sides[2], sides[3] - across])
    return np.asarray(np.clip(0.5 + inside * min(shape[:2]) / 2, 0, 1))


def _smooth_noise(shape: tuple[int, ...], cell: float, random: Random) -> Ink:
    """Return noise of standard deviation 1 whose blobs have about this many pixels across."""
    coarse = [max(2, round(side / cell)) for side in shape[:2]]
    picture = Image.fromarray(random.normal(0, 1, coarse).astype(np.float32))
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.float64)


def _wood(shape: tuple[int, ...], random: Random) -> Pixels:
    """Return a table of some colour with a grain."""
    table = _paper(shape, TABLES[random.integers(len(TABLES))])
    coarse = random.normal(0, 1, (max(2, shape[0] // 5), 3)).astype(np.float32)
    grain = Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(table * (1 + random.uniform(0, 0.12) * np.asarray(grain, np.float64)[..., None]))


def _camera(pixels: Pixels, random: Random, noise: float = 4, light: float = 12) -> Pixels:
    """Return a picture as a camera takes it: slightly blurred, in uneven light, with noise."""
    rows, columns = _axes(pixels.shape)
    uneven = random.uniform(-light, light) * rows + random.uniform(-light, light) * columns
    clipped = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    grain = random.normal(0, 1, pixels.shape[:2])[..., None] + 0.4 * random.normal(0, 1, pixels.shape)
    return np.asarray(clipped, np.float64) + uneven[..., None] + random.uniform(0, noise) * grain


def _plain(ink: Ink, random: Random) -> Pixels:
    return _camera(_pen(_paper(ink.shape, WHITE), ink, random), random)


def _inverse(ink: Ink, random: Random) -> Pixels:
    return 255 - _plain(ink, random)


def _canvas(ink: Ink, random: Random) -> Pixels:
    return _cover(_paper(ink.shape, (255, 255, 255)), ink, (0, 0, 0))


def _tiny(ink: Ink, random: Random) -> Pixels:
    """Return a digit 8 pixels high, with a border of one pixel."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    digit = Image.fromarray(np.rint(255 * ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).astype(np.uint8))
    small = digit.resize((max(2, round(8 * digit.width / digit.height)), 8), Image.Resampling.BOX)
    return np.repeat(255 - np.pad(np.asarray(small, np.float64), 1)[..., None], 3, axis=2)


def _pencil(ink: Ink, random: Random) -> Pixels:
    grain = np.clip(0.75 + 0.2 * _smooth_noise(ink.shape, 2, random), 0, 1)
    return _camera(_cover(_paper(ink.shape, WHITE), ink * grain, (125, 125, 130)), random)


def _noise(ink: Ink, random: Random) -> Pixels:
    grain = random.uniform(10, 25) * random.normal(0, 1, ink.shape)[..., None]
    return _camera(_pen(_paper(ink.shape, (205, 205, 205)), ink, random), random) + grain


def _soft_shadow(ink: Ink, random: Random) -> Pixels:
    rows, columns = _axes(ink.shape)
    angle = random.uniform(0, 2 * np.pi)
    shade = 1 - random.uniform(0.25, 0.5) / (1 + np.exp(-4 * (np.cos(angle) * rows + np.sin(angle) * columns)))
    return _camera(_pen(_paper(ink.shape, WHITE), ink, random) * shade[..., None], random)


def _ruled(ink: Ink, random: Random) -> Pixels:
    paper = _paper(ink.shape, WHITE)
    spacing = ink.shape[0] * random.uniform(0.1, 0.25)
    lines = _lines(ink.shape, spacing, random.uniform(1, 3), random.uniform(-4, 4), random.uniform(0, spacing))
    grey = random.uniform(140, 190)
    paper = _cover(paper, lines, (LINE_BLUE, (grey, grey, grey))[random.integers(2)])
    return _camera(_pen(paper, ink, random), random)


def _ruled_dark(ink: Ink, random: Random) -> Pixels:
    """Return a digit on lines that are nearly as dark as the pen, and thinner."""
    spacing = ink.shape[0] * random.uniform(0.15, 0.3)
    lines = _lines(ink.shape, spacing, random.uniform(1, 2), random.uniform(-3, 3), random.uniform(0, spacing))
    paper = _cover(_paper(ink.shape, WHITE), lines, (70, 75, 90))
    return _camera(_cover(paper, ink, BLACK), random)


def _margin(ink: Ink, random: Random) -> Pixels:
    spacing, angle = ink.shape[0] * random.uniform(0.12, 0.2), random.uniform(-3, 3)
    lines = _lines(ink.shape, spacing, random.uniform(1, 2.5), angle, random.uniform(0, spacing))
    paper = _cover(_paper(ink.shape, WHITE), lines, LINE_BLUE)
    left = ink.shape[1] * random.uniform(0.06, 0.2)
    margin = _lines(ink.shape, 4 * max(ink.shape), random.uniform(1.5, 3), angle + 90, left)
    return _camera(_pen(_cover(paper, margin, MARGIN_RED), ink, random), random)


def _grid(ink: Ink, random: Random) -> Pixels:
    spacing, angle = ink.shape[0] * random.uniform(0.06, 0.15), random.uniform(-4, 4)
    width, offset = random.uniform(1, 2.5), random.uniform(0, spacing, 2)
    paper = _paper(ink.shape, WHITE)
    colour = (LINE_BLUE, GRAPH_GREEN, (175, 175, 180))[random.integers(3)]
    for turn in (0, 1):
        paper = _cover(paper, _lines(ink.shape, spacing, width, angle + 90 * turn, offset[turn]), colour)
    return _camera(_pen(paper, ink, random), random)


def _graph(ink: Ink, random: Random) -> Pixels:
    """Return a digit on millimetre paper: every fifth line is thick."""
    spacing, angle = ink.shape[0] * random.uniform(0.04, 0.06), random.uniform(-2, 2)
    paper = _paper(ink.shape, WHITE)
    colour = ((235, 160, 110), GRAPH_GREEN, LINE_BLUE)[random.integers(3)]
    for turn in (0, 1):
        offset = random.uniform(0, spacing)
        paper = _cover(paper, 0.6 * _lines(ink.shape, spacing, 1, angle + 90 * turn, offset), colour)
        paper = _cover(paper, _lines(ink.shape, 5 * spacing, 3, angle + 90 * turn, offset), colour)
    return _camera(_pen(paper, ink, random), random)


def _dots(ink: Ink, random: Random) -> Pixels:
    spacing, angle = ink.shape[0] * random.uniform(0.07, 0.13), random.uniform(-4, 4)
    width = random.uniform(2, 4)
    dots = _lines(ink.shape, spacing, width, angle) * _lines(ink.shape, spacing, width, angle + 90)
    grey = random.uniform(110, 170)
    return _camera(_pen(_cover(_paper(ink.shape, WHITE), dots, (grey, grey, grey)), ink, random), random)


def _frame(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper with a black frame, as of a scanner."""
    thick = random.uniform(0.04, 0.2, 4)
    inner = _quadrangle(ink.shape, (thick[0] - 1, 1 - thick[1], thick[2] - 1, 1 - thick[3]), random.uniform(-2, 2))
    page = _pen(_paper(ink.shape, WHITE), ink, random)
    return _camera(_cover(_paper(ink.shape, (8, 8, 8)), inner, page), random, noise=2, light=6)


def _card(ink: Ink, random: Random) -> Pixels:
    """Return a digit on a white card that lies on a table, whole in the picture."""
    edges = random.uniform(0.72, 0.9, 4)
    card = _quadrangle(ink.shape, (-edges[0], edges[1], -edges[2], edges[3]), random.uniform(-8, 8))
    return _camera(_cover(_wood(ink.shape, random), card, _pen(_paper(ink.shape, WHITE), ink, random)), random)


def _table(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper, and the table on one, two or three sides."""
    sides = np.where(random.permutation([0, 1, 2, 3]) <= random.integers(3), random.uniform(0.72, 0.9, 4), 2)
    paper = _quadrangle(ink.shape, (-sides[0], sides[1], -sides[2], sides[3]), random.uniform(-8, 8))
    return _camera(_cover(_wood(ink.shape, random), paper, _pen(_paper(ink.shape, WHITE), ink, random)), random)


def _shadow(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper across which runs the edge of a shadow."""
    rows, columns = _axes(ink.shape)
    angle, place = random.uniform(0, 2 * np.pi), random.uniform(-0.8, 0.8)
    side = (np.cos(angle) * rows + np.sin(angle) * columns - place) * min(ink.shape) / random.uniform(2, 8)
    shade = 1 - random.uniform(0.25, 0.5) * np.clip(0.5 + side, 0, 1)
    return _camera(_pen(_paper(ink.shape, WHITE), ink, random) * shade[..., None], random)


def _hand(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper with the round shadow of a hand or a phone in a corner."""
    rows, columns = _axes(ink.shape)
    centre, radius = random.choice([-1, 1], 2) * random.uniform(0.7, 1.1, 2), random.uniform(0.5, 0.9)
    inside = (radius - np.hypot(rows - centre[0], columns - centre[1])) * min(ink.shape) / random.uniform(4, 16)
    shade = 1 - random.uniform(0.25, 0.5) * np.clip(0.5 + inside, 0, 1)
    return _camera(_pen(_paper(ink.shape, WHITE), ink, random) * shade[..., None], random)


def _crease(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper that was folded."""
    angle = random.uniform(-10, 10) + 90 * random.integers(2)
    fold = _lines(ink.shape, 4 * max(ink.shape), random.uniform(1, 3), angle, random.uniform(0.3, 0.7) * min(ink.shape))
    pixels = _pen(_cover(_paper(ink.shape, WHITE), fold, (180, 178, 172)), ink, random)
    rows, columns = _axes(ink.shape)
    return _camera(pixels * (1 - random.uniform(0.03, 0.1) * (rows > columns))[..., None], random)


def _equal_brightness(ink: Ink, random: Random) -> Pixels:
    colour, paper = EQUAL_COLOURS[random.integers(len(EQUAL_COLOURS))]
    return _camera(_cover(_paper(ink.shape, paper), ink, colour), random)


def _yellow(ink: Ink, random: Random) -> Pixels:
    """Return a digit in yellow, or another light colour, on white paper."""
    colour = ((250, 225, 40), (250, 190, 60), (130, 230, 230), (250, 170, 210))[random.integers(4)]
    return _camera(_cover(_paper(ink.shape, WHITE), ink, colour), random)


def _coloured_paper(ink: Ink, random: Random) -> Pixels:
    return _camera(_pen(_paper(ink.shape, PAPERS[random.integers(len(PAPERS))]), ink, random), random)


def _blackboard(ink: Ink, random: Random) -> Pixels:
    """Return chalk on a blackboard that was wiped badly."""
    board = _paper(ink.shape, ((35, 65, 50), (40, 42, 45))[random.integers(2)])
    board = board + 7 * _smooth_noise(ink.shape, ink.shape[0] / 5, random)[..., None]
    chalk = ink * np.clip(0.8 + 0.25 * _smooth_noise(ink.shape, 1.5, random), 0, 1)
    return _camera(_cover(board, chalk, (225, 225, 215)), random)


def _framed_board(ink: Ink, random: Random) -> Pixels:
    """Return chalk on a blackboard in a wooden frame."""
    thick = random.uniform(0.06, 0.15)
    inner = _quadrangle(ink.shape, (thick - 1, 1 - thick, thick - 1, 1 - thick), random.uniform(-2, 2))
    return _camera(_cover(_paper(ink.shape, (185, 140, 90)), inner, _blackboard(ink, random)), random)


def _edge(ink: Ink, random: Random) -> Pixels:
    """Return a digit that just touches one side of the picture."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    cut = (
        (slice(rows[0] + 1, None), slice(None)), (slice(0, rows[-1]), slice(None)),
        (slice(None), slice(columns[0] + 1, None)), (slice(None), slice(0, columns[-1])),
    )[random.integers(4)]  # fmt: skip
    return _camera(_pen(_paper(ink.shape, WHITE), ink, random), random)[cut]


def _screen(ink: Ink, random: Random) -> Pixels:
    """Return a digit photographed from a screen: rows of pixels, and their moiré."""
    pixels = _pen(_paper(ink.shape, (225, 230, 240)), ink, random)
    rows, columns = np.mgrid[: ink.shape[0], : ink.shape[1]]
    angle, period = random.uniform(0, np.pi), random.uniform(10, 40)
    wave = np.sin(2 * np.pi * (rows * np.cos(angle) + columns * np.sin(angle)) / period)
    fine = np.sin(2 * np.pi * rows / random.uniform(2.5, 4))
    return _camera(pixels * (1 + random.uniform(0.03, 0.08) * wave + 0.05 * fine)[..., None], random)


def _box(ink: Ink, random: Random) -> Pixels:
    """Return a digit in a box of thin lines, as in a form, on plain paper."""
    return _around(ink, random, round_box=False)


def _stamp(ink: Ink, random: Random) -> Pixels:
    """Return a digit in a circle, as in a stamp."""
    return _around(ink, random, round_box=True)


def _around(ink: Ink, random: Random, *, round_box: bool) -> Pixels:
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    middle = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    half = np.hypot(np.ptp(rows), np.ptp(columns)) / 2 if round_box else np.ptp(rows) / 2
    half = min(half * random.uniform(1.1, 1.25), *middle, *(np.array(ink.shape) - middle - 1)) - 2
    down, across = np.mgrid[: ink.shape[0], : ink.shape[1]]
    down, across = down - middle[0], across - middle[1]
    distance = np.hypot(down, across) if round_box else np.maximum(np.abs(down), np.abs(across))
    line = np.clip(random.uniform(1, 4) / 2 + 0.5 - np.abs(distance - half), 0, 1)
    return _camera(_pen(_cover(_paper(ink.shape, WHITE), line, (50, 50, 80)), ink, random), random)


def _jpeg(ink: Ink, random: Random) -> Pixels:
    return _compress(_plain(ink, random), int(random.integers(5, 16)))


def _compress(pixels: Pixels, quality: int) -> Pixels:
    """Return a picture after compression as JPEG."""
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float64)


def _vignette(ink: Ink, random: Random) -> Pixels:
    rows, columns = _axes(ink.shape)
    dark = 1 - random.uniform(0.3, 0.7) * (np.hypot(rows, columns) / np.sqrt(2)) ** random.uniform(2, 4)
    return _camera(_pen(_paper(ink.shape, WHITE), ink, random) * dark[..., None], random)


def _whiteboard(ink: Ink, random: Random) -> Pixels:
    """Return a digit on a whiteboard with the reflection of a lamp."""
    rows, columns = _axes(ink.shape)
    centre = random.choice([-1, 1], 2) * random.uniform(0.5, 0.9, 2)
    glare = np.exp(-((np.hypot(rows - centre[0], columns - centre[1]) / random.uniform(0.15, 0.35)) ** 2))
    pixels = _pen(_paper(ink.shape, (190, 192, 195)), ink, random)
    return _camera(pixels + 70 * glare[..., None], random)


def _filtered(ink: Ink, radius: float, kind: type[ImageFilter.MaxFilter | ImageFilter.MinFilter]) -> Ink:
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(Image.fromarray(np.rint(255 * ink).astype(np.uint8)).filter(kind(size)), np.float64) / 255


def _thin(ink: Ink, random: Random) -> Pixels:
    """Return the middle of the strokes: where a blurred digit is darker than on both sides."""
    blurred = Image.fromarray(np.rint(255 * ink).astype(np.uint8)).filter(ImageFilter.GaussianBlur(5))
    dark, line = np.asarray(blurred, np.float64), np.zeros(ink.shape, bool)
    for axis in (0, 1):
        line |= (dark >= np.roll(dark, 2, axis)) & (dark >= np.roll(dark, -2, axis)) & (ink > 0.5)
    return _camera(_pen(_paper(ink.shape, WHITE), line.astype(float), random), random)


def _thick(ink: Ink, random: Random) -> Pixels:
    grown = _filtered(ink, ink.shape[0] * random.uniform(0.01, 0.025), ImageFilter.MaxFilter)
    return _camera(_pen(_paper(ink.shape, WHITE), grown, random), random)


def _dotted(ink: Ink, random: Random) -> Pixels:
    """Return a digit drawn as a row of dots or dashes."""
    spacing = ink.shape[0] * random.uniform(0.05, 0.08)
    keep = 1 - _lines(ink.shape, spacing, 0.3 * spacing, random.uniform(20, 70))
    return _camera(_pen(_paper(ink.shape, WHITE), ink * keep, random), random)


def _two_strokes(ink: Ink, random: Random) -> Pixels:
    """Return a digit with a gap in it, as between the two strokes of a 4 or a 5."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    if random.random() < 0.5:
        at = rows[0] + np.ptp(rows) * random.uniform(0.25, 0.75)
        gap = np.abs(np.mgrid[: ink.shape[0], : ink.shape[1]][0] - at)
    else:
        at = columns[0] + np.ptp(columns) * random.uniform(0.3, 0.7)
        gap = np.abs(np.mgrid[: ink.shape[0], : ink.shape[1]][1] - at)
    apart = gap > np.ptp(rows) * random.uniform(0.02, 0.05)
    return _camera(_pen(_paper(ink.shape, WHITE), ink * apart, random), random)


def _dirt(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper with spots and a hair."""
    specks = np.clip(8 * (_smooth_noise(ink.shape, 5, random) - 2.7), 0, 1)
    return _camera(_pen(_cover(_paper(ink.shape, WHITE), specks, (90, 80, 70)), ink, random), random)


def _print_through(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper through which the writing of the back is seen."""
    back = np.roll(ink[:, ::-1], (ink.shape[0] // 3, ink.shape[1] // 4), axis=(0, 1))
    paper = _cover(_paper(ink.shape, WHITE), back, (215, 213, 208))
    return _camera(_pen(paper, ink, random), random)


def _tight(ink: Ink, random: Random) -> Pixels:
    """Return a digit that touches all four sides of the picture."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    return _plain(ink, random)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thick_lines(ink: Ink, random: Random) -> Pixels:
    """Return a digit between lines of the pen's colour, the writing over one of them."""
    spacing = ink.shape[0] * random.uniform(0.3, 0.5)
    width = ink.shape[0] * random.uniform(0.008, 0.015)
    lines = _lines(ink.shape, spacing, width, random.uniform(-3, 3), random.uniform(0, spacing))
    return _camera(_cover(_paper(ink.shape, WHITE), np.maximum(lines, ink), BLACK), random)


def _words(ink: Ink, random: Random) -> Pixels:
    """Return a digit on a form, with small print beside it."""
    picture = Image.new("L", (ink.shape[1], ink.shape[0]))
    font = ImageFont.load_default(round(ink.shape[0] * random.uniform(0.04, 0.07)))
    where = random.uniform(0.03, 0.1) * ink.shape[1], random.choice([0.04, 0.88]) * ink.shape[0]
    ImageDraw.Draw(picture).text(where, "Please write a digit", fill=255, font=font)
    words = np.asarray(picture, np.float64) / 255
    return _camera(_pen(_cover(_paper(ink.shape, WHITE), words, (40, 40, 40)), ink, random), random)


def _holes(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper that was punched, on a dark table."""
    rows, columns = np.mgrid[: ink.shape[0], : ink.shape[1]]
    radius, left = min(ink.shape) * random.uniform(0.02, 0.035), 0.07 * ink.shape[1]
    distances = [np.hypot(rows - down * ink.shape[0], columns - left) for down in (0.3, 0.7)]
    holes = np.clip(radius + 0.5 - np.minimum(*distances), 0, 1)
    return _camera(_pen(_cover(_paper(ink.shape, WHITE), holes, (60, 50, 45)), ink, random), random)


def _finger(ink: Ink, random: Random) -> Pixels:
    """Return a digit on paper that a finger holds at the edge."""
    rows, columns = _axes(ink.shape)
    place, side = random.uniform(-0.6, 0.6), random.choice([-1, 1])
    along, out = (rows, columns) if random.random() < 0.5 else (columns, rows)
    reach = 1 - np.hypot((along - place) / random.uniform(0.1, 0.2), np.minimum(0, side * out - 0.9) / 0.2)
    skin = np.clip(0.5 + 20 * reach, 0, 1)
    return _camera(_cover(_pen(_paper(ink.shape, WHITE), ink, random), skin, (205, 150, 125)), random)


def _note(ink: Ink, random: Random) -> Pixels:
    """Return a digit on a coloured note that sticks to something white."""
    edges = random.uniform(0.72, 0.9, 4)
    note = _quadrangle(ink.shape, (-edges[0], edges[1], -edges[2], edges[3]), random.uniform(-8, 8))
    colour = PAPERS[random.integers(len(PAPERS))]
    page = _pen(_paper(ink.shape, colour), ink, random)
    return _camera(_cover(_paper(ink.shape, WHITE), note, page), random)


def _touching_box(ink: Ink, random: Random) -> Pixels:
    """Return a digit in a box that it touches."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    middle, half = (rows[0] + rows[-1]) / 2, np.ptp(rows) / 2 * random.uniform(0.93, 1)
    down, across = np.mgrid[: ink.shape[0], : ink.shape[1]]
    distance = np.maximum(np.abs(down - middle), np.abs(across - (columns[0] + columns[-1]) / 2))
    line = np.clip(random.uniform(1, 3) / 2 + 0.5 - np.abs(distance - half), 0, 1)
    return _camera(_pen(_cover(_paper(ink.shape, WHITE), line, (50, 50, 80)), ink, random), random)


def _all_at_once(ink: Ink, random: Random) -> Pixels:
    """Return a digit on squared paper, in a shadow, on a table, in JPEG."""
    spacing, angle = ink.shape[0] * random.uniform(0.06, 0.15), random.uniform(-4, 4)
    paper = _paper(ink.shape, (WHITE, *PAPERS)[random.integers(5)])
    for turn in (0, 1):
        paper = _cover(paper, _lines(ink.shape, spacing, random.uniform(1, 2), angle + 90 * turn), LINE_BLUE)
    sides = np.where(random.permutation([0, 1, 2, 3]) <= random.integers(4), random.uniform(0.72, 0.9, 4), 2)
    sheet = _quadrangle(ink.shape, (-sides[0], sides[1], -sides[2], sides[3]), random.uniform(-6, 6))
    pixels = _cover(_wood(ink.shape, random), sheet, _pen(paper, ink, random))
    rows, columns = _axes(ink.shape)
    direction, place = random.uniform(0, 2 * np.pi), random.uniform(-0.8, 0.8)
    side = (np.cos(direction) * rows + np.sin(direction) * columns - place) * min(ink.shape) / random.uniform(2, 30)
    shade = 1 - random.uniform(0.15, 0.35) * np.clip(0.5 + side, 0, 1)
    return _compress(_camera(pixels * shade[..., None], random), int(random.integers(30, 80)))


KINDS: dict[str, Kind] = {
    "plain paper": _plain,
    "light on dark": _inverse,
    "drawn on a canvas": _canvas,
    "8 pixels high": _tiny,
    "pencil": _pencil,
    "noise": _noise,
    "JPEG of quality 5…15": _jpeg,
    "soft shadow": _soft_shadow,
    "vignetting": _vignette,
    "edge of a shadow": _shadow,
    "shadow of a hand": _hand,
    "ruled paper": _ruled,
    "ruled paper with a red margin": _margin,
    "ruled paper, lines as dark as the pen": _ruled_dark,
    "squared paper": _grid,
    "graph paper": _graph,
    "dot grid": _dots,
    "folded paper": _crease,
    "writing that shines through": _print_through,
    "spots of dirt": _dirt,
    "black frame": _frame,
    "card on a table": _card,
    "table on 1…3 sides": _table,
    "box around the digit": _box,
    "circle around the digit": _stamp,
    "blackboard": _blackboard,
    "blackboard in a frame": _framed_board,
    "whiteboard with a reflection": _whiteboard,
    "photograph of a screen": _screen,
    "coloured paper": _coloured_paper,
    "colours of equal brightness": _equal_brightness,
    "light ink on white": _yellow,
    "touching the edge": _edge,
    "very thin strokes": _thin,
    "very thick strokes": _thick,
    "dotted strokes": _dotted,
    "a gap in the digit": _two_strokes,
    "cropped tightly": _tight,
    "lines as thick as the pen": _thick_lines,
    "small print beside the digit": _words,
    "punched paper": _holes,
    "finger at the edge": _finger,
    "coloured note on white": _note,
    "box that the digit touches": _touching_box,
    "several at once": _all_at_once,
}
