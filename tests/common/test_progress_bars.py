import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from stages.common.progress_bars import new_bar

NOTE = "loss 0.1234  accuracy 0.9876"
BARS = {  # description, unit, done, total and note of a bar, and the numbers on it
    "training": ("epoch 12/300", "steps", 1234, 1875, NOTE, "1234/1875"),
    "writing": ("writing data/processed/fashion-mnist", "images", 43210, 70000, "", "43210/70000"),
    "download": ("  train-images-idx3-ubyte.gz", "bytes", 12_345_678, 26_421_880, "", "12.3/26.4 MB"),
    "wide letters": ("looking at the files of 我的图片/训练数据", "files", 777, 12000, "", "777/12000"),
    "bracket": ("looking at the files of [red] and [/bold]", "files", 777, 12000, "[/x]", "777/12000"),
    "one long word": ("x" * 200, "files", 777, 12000, "", "777/12000"),
    "no total": ("reading the experiments", "", 0, None, "", ""),
}


def drawn(case, width, encoding="utf-8"):
    """Return the line of a bar as a terminal of that width shows it."""
    description, unit, done, total, note, _ = BARS[case]
    written = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    terminal = Console(file=written, width=width, color_system=None, force_terminal=True)
    bar = new_bar(terminal, total, unit)
    bar.add_task(description, total=total, completed=done, note=note)
    with terminal.capture() as shown:
        terminal.print(bar.get_renderable())
    [line] = shown.get().splitlines()
    return line.rstrip()


@pytest.mark.parametrize("width", [120, 80, 60, 40, 20])
@pytest.mark.parametrize("case", BARS)
def test_a_bar_fits_the_terminal_and_keeps_its_numbers(case, width):
    line = drawn(case, width)
    assert cell_len(line) < width
    assert BARS[case][-1] in line
    assert line.strip()[:4] == BARS[case][0].strip()[:4] or width == 20


def test_the_least_important_parts_are_left_out_first():
    assert drawn("training", 200).endswith(f"1234/1875 steps -:--:-- 0:00:00 {NOTE}")
    assert "━" not in drawn("training", 80)
    assert drawn("training", 60) == f"epoch 12/300 1234/1875 steps {NOTE}"
    assert drawn("training", 40) == "epoch 12/300 1234/1875"
    assert drawn("writing", 30) == "writing data/pro… 43210/70000"
    assert drawn("wide letters", 45) == "looking at the files of 我的图 …   777/12000"


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1"])
def test_a_bar_needs_no_letters_that_an_old_terminal_lacks(encoding):
    for case, width in (("training", 200), ("writing", 30)):
        drawn(case, width, encoding).encode("ascii")
