"""Style of all plots, and saving them: the same content gives the same bytes.

matplotlib is imported when a plot is drawn, and without pyplot, which would need a display.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.common import atomic
from stages.common.environment import import_matplotlib

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

# Distinguishable with every kind of colour vision (M. Okabe, K. Ito: Color universal design, 2008).
BLUE, VERMILLION = "#0072B2", "#D55E00"
INK, GREY, FAINT = "#1A1A1A", "#595959", "#D9D9D9"

MOST_CLASSES = 40  # rows; a plot of more classes shows some of them, and its note says so
LONGEST_NAME = 24  # characters of a class name
LONGEST_TITLE = 40  # characters of a run's or a dataset's name
HEAD = 0.58  # inches for the title and the note
MARGIN = 0.1  # inches

# DejaVu Sans comes with matplotlib, so text looks the same on every machine. The others, if installed, are fallbacks
# for the characters it lacks.
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
def new_figure(path: Path, title: str, note: str, inches: tuple[float, float]) -> Iterator["Figure"]:
    """Yield an empty figure with a title; it is saved when the block ends without an error.

    Args:
        path: PNG file to write.
        title: Title, as `title` returns it.
        note: One line below the title.
        inches: Width and height below title and note, at 110 pixels per inch.
    """
    matplotlib = import_matplotlib()
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # ignores the user's matplotlibrc
        matplotlib.rcParams.update(matplotlib.RcParams(STYLE | {"font.family": _families()}))
        warnings.filterwarnings("ignore", message="Glyph")  # a missing character is drawn as a box
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns of fonts without bold
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
            figure.savefig(partial, format="png", metadata={"Software": None})  # the version would change the bytes


@contextmanager
def new_chart(path: Path, title: str, note: str, inches: tuple[float, float]) -> Iterator["Figure"]:
    """Yield an empty figure as `new_figure` does; when the block ends, make room for the labels around its axes."""
    with new_figure(path, title, note, inches) as figure:
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        yield figure
        width, height = figure.get_size_inches()
        x, y = MARGIN / width, MARGIN / height
        # not as the figure's own layout engine, with which savefig would draw everything twice
        ConstrainedLayoutEngine(rect=(x, y, 1 - 2 * x, 1 - HEAD / height - y)).execute(figure)


def title(name: str, kind: str) -> str:
    """Return the title of a plot: the name of a run or a dataset, and the kind of plot."""
    return f"{shortened(name, LONGEST_TITLE)}: {kind}"


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name of at most `longest` characters; a longer one ends in an ellipsis."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def percent(fraction: "float | np.float32") -> str:
    """Return a fraction, 0…1, as a percentage."""
    return f"{100 * fraction:.1f} %"


def font_file(text: str) -> str:
    """Return the file of the font that has the most characters of a text: FONT, or one for other scripts."""
    import_matplotlib()
    from matplotlib import font_manager

    files = [font_manager.findfont(family) for family in _families()]
    return max(files, key=lambda file: len(_characters(file) & set(map(ord, text))))


def _families() -> list[str]:
    """Return the names of the installed fonts, FONT first."""
    from matplotlib import font_manager

    installed = set(font_manager.fontManager.get_font_names())
    return [FONT, *(name for name in OTHER_SCRIPTS if name in installed)]


@cache
def _characters(file: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(file).get_charmap())
