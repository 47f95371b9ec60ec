import csv
import shutil
from pathlib import Path

import pytest

from stages.images import arrays
from tests import own

OUTPUT = Path("data/processed/own")
TABLE = Path("mine/labels.csv")


@pytest.fixture(autouse=True)
def rows(tmp_path, monkeypatch):
    """Thirty pictures, and a table of them; returns its lines."""
    monkeypatch.chdir(tmp_path)
    own.write_folder(Path("mine/pictures"))
    rows = [[f"pictures/{colour}/{number}.png", colour] for colour in own.COLOURS for number in range(10)]
    write([["path", "label"], *rows])
    return rows


def write(rows, encoding="utf-8"):
    with TABLE.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows(rows)


def contents():
    return {path.name: path.read_bytes() for path in OUTPUT.iterdir()}


def test_a_table_of_paths_and_labels_is_split_as_a_folder_is(rows):
    result = own.make("csv:\n")
    assert result.exit_code == 0, result.output
    info = arrays.read_info(OUTPUT)
    assert (info.classes, info.image_shape) == (["blue", "green", "red"], (12, 16, 3))
    assert (info.train.images_per_class, info.test.images_per_class) == ([8, 8, 8], [2, 2, 2])
    before = contents()
    write([["path", "label"], *reversed(rows)])
    assert own.make("csv:\n").exit_code == 0
    assert contents() == before


def test_a_column_may_say_the_split_and_columns_may_have_other_names(rows):
    lines = [[label, "x", "test" if "/7" in path else "train", f" ./{path} "] for path, label in rows]
    write([["species", "note", "part", "picture"], *lines], encoding="utf-8-sig")
    TABLE.rename("mine/birds.csv")
    columns = "{file: birds.csv, path: picture, label: species, split: part, image_size: [6, 8], channels: 1}"
    result = own.make(f"csv: {columns}\n")
    assert result.exit_code == 0, result.output
    info = arrays.read_info(OUTPUT)
    assert (info.train.images_per_class, info.test.images_per_class) == ([9, 9, 9], [1, 1, 1])
    assert info.image_shape == (6, 8, 1)


def line(number, *cells):
    def change(rows):
        rows[number - 2] = list(cells)

    return change


WRONG_LINES = {
    "leaves the folder": (("../other.png", "red"), "a path inside mine, received ../other.png"),
    "leaves it halfway": (("pictures/../../other.png", "red"), "a path inside mine, received pictures/../../other.png"),
    "from the root": (("/etc/passwd", "red"), "a path inside mine, received /etc/passwd"),
    "no file": (("pictures/red/77.png", "red"), "received pictures/red/77.png, which is not there"),
    "a folder": (("pictures/red", "red"), "received pictures/red, which is not there"),
    "no label": (("pictures/red/1.png", ""), "a path and a label, received 'pictures/red/1.png' and ''"),
    "no path": ((" ", "red"), "a path and a label, received '' and 'red'"),
    "one cell": (("pictures/red/1.png",), "a path and a label, received 'pictures/red/1.png' and ''"),
    "twice": (("pictures//blue/0.png", "red"), "each picture once, received pictures//blue/0.png a second time"),
}


@pytest.mark.parametrize("case", WRONG_LINES)
def test_a_wrong_line_is_named_by_its_number(rows, case):
    assert own.make("csv:\n").exit_code == 0
    before = contents()
    Path("other.png").touch()
    cells, expected = WRONG_LINES[case]
    rows[3] = list(cells)
    write([["path", "label"], *rows])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine/labels.csv:5: expected ")
    assert expected in line
    assert contents() == before


def test_all_wrong_lines_are_listed(rows):
    lines = [[*row, "train"] for row in rows]
    lines[4][2], lines[6][0], lines[8][2] = "valid", "gone.png", ""
    write([["path", "label", "split"], *lines])
    *lines, last = own.errors(own.make("csv:\n"))
    assert [x.split(": ")[0] for x in lines] == ["mine/labels.csv:6", "mine/labels.csv:8", "mine/labels.csv:10"]
    assert "the split train or test, received 'valid'" in lines[0]
    assert "3 mistakes" in last


WRONG_TABLES = {
    "missing": (lambda: TABLE.unlink(), "csv:\n", "expected a table of pictures, received none"),
    "empty": (lambda: TABLE.write_text(""), "csv:\n", "expected the columns path, label, received an empty file"),
    "semicolons": (lambda: TABLE.write_text("path;label\na;b\n"), "csv:\n", "the columns path, label, received path;"),
    "other columns": (lambda: None, "csv: {label: species}\n", "the columns path, species, received path, label"),
    "no split": (lambda: None, "csv: {split: part}\n", "the columns path, label, part, received path, label"),
    "Latin 1": (
        lambda: TABLE.write_bytes(b"path,label\n\xe9,b\n"),
        "csv:\n",
        "expected UTF-8 text, received byte 0xe9",
    ),
    "quote": (lambda: TABLE.write_text('path,label\n"a,b\n'), "csv:\n", "expected a table with commas"),
    "no rows": (lambda: write([["path", "label"]]), "csv:\n", "expected pictures of 2…256 classes, received 0"),
    "no rows and named classes": (
        lambda: write([["path", "label"]]),
        "csv:\nclasses: [red, blue]\n",
        "expected pictures of 2…256 classes, received 0",
    ),
}


@pytest.mark.parametrize("case", WRONG_TABLES)
def test_a_wrong_table_gives_one_line(case):
    spoil, text, expected = WRONG_TABLES[case]
    spoil()
    [line] = own.errors(own.make(text))
    assert line.startswith("mine")
    assert expected in line
    assert not OUTPUT.exists()


def test_a_split_without_test_pictures_or_without_a_class_is_refused(rows):
    write([["path", "label", "split"], *([*row, "train"] for row in rows)])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine: expected images of the split test, received none")
    write([["path", "label", "split"], *([*row, "test" if row[1] == "red" else "train"] for row in rows)])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine: expected images of every class to train on, received none of red")


def test_pictures_may_be_links_as_dvc_makes_them(rows):
    Path("cache").mkdir()
    for number, (path, _) in enumerate(rows):
        original = (Path("cache") / str(number)).resolve()
        shutil.move(Path("mine") / path, original)
        (Path("mine") / path).symlink_to(original)
    assert own.make("csv:\n").exit_code == 0
