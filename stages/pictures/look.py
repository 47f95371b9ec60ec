"""How every picture looks, and how it is saved: the same bytes for the same content.

matplotlib is imported when a picture is drawn, without pyplot, so that no window system is asked for.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import atomic

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

# Told apart by every kind of colour vision (M. Okabe, K. Ito: Color universal design, 2008).
BLUE, VERMILLION = "#0072B2", "#D55E00"
INK, GREY, FAINT = "#1A1A1A", "#595959", "#D9D9D9"

MOST_CLASSES = 40  # a picture with more rows is cut, and says so
LONGEST_NAME = 24  # letters of a class name
LONGEST_TITLE = 40  # letters of a run's or a dataset's name
HEAD = 0.58  # inches for the title and the note
MARGIN = 0.1  # inches

# DejaVu Sans comes with matplotlib, so that letters look the same everywhere; the others, where there is one, have
# the letters it lacks.
FONT = "DejaVu Sans"
OTHER_SCRIPTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback",
    "Hiragino Sans GB", "Arial Unicode MS",
)  # fmt: skip
STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "figure.dpi": 110,
    "font.size": 9,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "image.cmap": "gray",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": 110,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in a class name is a dollar
    "xtick.color": GREY,
    "ytick.color": GREY,
}


@contextmanager
def picture(path: Path, title: str, note: str, inches: tuple[float, float]) -> Iterator["Figure"]:
    """Yield a figure to draw on; when the block ends well it is at `path`, whole, as PNG.

    Args:
        path: The PNG file.
        title: Whose picture it is, and its kind.
        note: What is seen, in a line.
        inches: Width and height below the title, at 110 pixels an inch.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # whatever the person's own matplotlibrc says
        matplotlib.rcParams.update(matplotlib.RcParams(STYLE | {"font.family": _families()}))
        warnings.filterwarnings("ignore", message="Glyph")  # a letter that no font has is drawn as a box
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # and not told of each font without bold letters
        width, height = inches[0], inches[1] + HEAD
        figure = Figure(figsize=(width, height))
        x, y = MARGIN / width, MARGIN / height
        lines = (
            figure.text(x, 1 - y, title, va="top", fontsize=11, fontweight="bold"),
            figure.text(x, 1 - 3.1 * y, note, va="top", color=GREY),
        )
        for line in lines:
            line.set_in_layout(False)
        yield figure
        with atomic.new_file(path) as partial:
            figure.savefig(partial, format="png", metadata={"Software": None})  # which would name the version


@contextmanager
def chart(path: Path, title: str, note: str, inches: tuple[float, float]) -> Iterator["Figure"]:
    """Yield a figure as `picture` does, and when the block ends make room for the words around its axes."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with picture(path, title, note, inches) as figure:
        yield figure
        width, height = figure.get_size_inches()
        x, y = MARGIN / width, MARGIN / height
        # here and not as the figure's own, for which savefig would draw everything twice
        ConstrainedLayoutEngine(rect=(x, y, 1 - 2 * x, 1 - HEAD / height - y)).execute(figure)


def title(name: str, kind: str) -> str:
    """Return the title of a picture of a run or a dataset."""
    return f"{short(name, LONGEST_TITLE)}: {kind}"


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name, cut if it is long."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def percent(share: "float | np.float32") -> str:
    """Return a share, 0…1, as people read it."""
    return f"{100 * share:.1f} %"


def font_file(text: str) -> str:
    """Return the file of the font that has the most letters of a text: FONT, or one for other scripts."""
    from matplotlib import font_manager

    files = [font_manager.findfont(family) for family in _families()]
    return max(files, key=lambda file: len(_letters_of(file) & set(map(ord, text))))


def _families() -> list[str]:
    """Return the names of the fonts that are here, FONT first."""
    from matplotlib import font_manager

    known = set(font_manager.fontManager.get_font_names())
    return [FONT, *(name for name in OTHER_SCRIPTS if name in known)]


@cache
def _letters_of(file: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(file).get_charmap())
