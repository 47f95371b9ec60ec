"""Files and folders that a person names to predict: what is read, what is told, and the exit code."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from stages import predict
from stages.images.picture_files import formats
from stages.prediction import predictor
from tests import own
from tests.pipeline import ROOT

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
PARAMS = "downloads: []\ndatasets:\n  own: {source: mine}\nruns:\n  own-net: {dataset: own, recipe: net, seed: 0}\n"
ODD = os.fsdecode(b"caf\xe9\n\x1b[31m.png")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a dataset of three colours; its network finds all classes equally probable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    formats.readable.cache_clear()
    Path("params.yaml").write_text(PARAMS)
    own.write_folder(Path("mine"))
    assert own.make("folder:\n").exit_code == 0
    monkeypatch.setattr(predictor, "load_predictor", lambda *_: lambda images: np.full((len(images), 3), 1 / 3, "f4"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(predict.app, ["--run", "own-net", *arguments])


def files(result: Result) -> list[str]:
    return [answer["file"] for answer in json.loads(result.stdout)]


def write(*names: str) -> None:
    """Write pictures of the formats that their suffixes name, or PNG."""
    kinds = {".jpg": "JPEG", ".jfif": "JPEG", ".jpe": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF"}
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        own.picture("red", len(name)).save(name, format=kinds.get(Path(name).suffix.lower(), "PNG"))


def test_every_picture_of_a_folder_is_answered_whatever_its_suffix():
    names = [
        f"new/{name}" for name in ("a.jfif", "b.jpe", "c.tif", "d.jpeg", "e.WEBP", "f.HEIC", "g", "h.txt", "i.gif")
    ]
    write(*names)
    result = run("new", "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert files(result) == names


def test_what_is_left_out_is_told_and_is_no_error():
    write("new/a.png", "new/@eaDir/a.png", "new/._a.png")
    Path("new/notes.txt").write_text("seen in June")
    result = run("new", "--format", "json")
    assert (result.exit_code, files(result)) == (0, ["new/a.png"])
    assert result.stderr == (
        "left out: 1 resource fork (new/._a.png), 1 system folder (new/@eaDir), 1 text file (new/notes.txt)\n"
    )


def heic() -> None:
    for name in ("b.HEIC", "c.heic", "d.jpg"):
        Path("new", name).write_bytes(HEIC)


def web_page() -> None:
    Path("new/b.png").write_text("<!doctype html><title>404</title>")


def dead_link() -> None:
    Path("new/b.png").symlink_to("gone.png")


UNREAD = {
    "HEIC": (heic, "received 3 HEIF pictures, the first new/b.HEIC; pip install pillow-heif, or save it as JPEG"),
    "web page": (
        web_page,
        "new/b.png: expected a picture, received a web page; replace it with a picture, or remove it",
    ),
    "empty": (
        lambda: Path("new/b.png").touch(),
        "new/b.png: expected a picture, received an empty file; replace it with a",
    ),
    "cut": (lambda: Path("new/b.png").write_bytes(b"\x89PNG\r\n\x1a\n"), "new/b.png: expected a picture, received"),
    "drawing": (lambda: Path("new/b.svg").write_text("<svg/>"), "new/b.svg: expected pictures of the formats PNG"),
    "dead link": (dead_link, "new/b.png: expected a link to a file or a folder, received a link to gone.png"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_a_picture_of_a_folder_that_cannot_be_read_is_an_error_and_the_others_are_answered(case: str):
    write("new/a.png")
    spoil, expected = UNREAD[case]
    spoil()
    result = run("new", "--format", "json")
    assert (result.exit_code, files(result)) == (1, ["new/a.png"])
    [line] = result.stderr.splitlines()
    assert line.startswith("error: new")
    assert expected in line


NAMED = {
    "notes.txt": (b"seen in June", "notes.txt: expected a picture, received a text file; replace it with a picture"),
    "a.HEIC": (
        HEIC,
        "a.HEIC: expected a picture, received a HEIF picture; pip install pillow-heif, or save it as JPEG",
    ),
    "a.zip": (b"PK\3\4" + bytes(40), "a.zip: expected a picture, received a zip archive; unpack it"),
    "a.png": (
        b"version https://git-lfs.github.com/spec/v1\n",
        "a.png: expected a picture, received a Git LFS pointer; git",
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_file_that_is_no_picture_is_an_error(name: str):
    content, expected = NAMED[name]
    Path(name).write_bytes(content)
    result = run(name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {expected}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nowhere", "nowhere: expected a picture or a folder of pictures, received nothing there; check the path"),
        ("texts", "texts: expected pictures (PNG, JPEG, WEBP, BMP, GIF, TIFF, PPM"),
        ("empty", "empty: expected pictures (PNG, JPEG, WEBP, BMP, GIF, TIFF, PPM"),
    ],
)
def test_a_path_without_pictures_is_an_error_and_the_others_are_answered(name: str, expected: str):
    write("a.png")
    Path("empty").mkdir()
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("x")
    result = run(name, "a.png", "--format", "json")
    assert (result.exit_code, files(result)) == (1, ["a.png"])
    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: {expected}")


def test_linked_folders_are_read_and_circles_are_told():
    write("store/deep/b.png", "new/a.png")
    Path("new/more").symlink_to("../store")
    Path("new/up").symlink_to(".")
    result = run("new", "--format", "json")
    assert (result.exit_code, files(result)) == (0, ["new/a.png", "new/more/deep/b.png"])
    assert result.stderr == "warning: new/up leads back to new, which holds it; it is not followed\n"


def test_a_name_that_no_terminal_can_show_is_one_line_of_the_table_and_of_the_sheet(tmp_path: Path):
    write(f"new/{ODD}", "new/line\nbreak.png")
    result = run("new", "--show", "sheet.png")
    assert (result.exit_code, result.stderr) == (0, "")
    _, first, second = result.stdout.splitlines()
    assert first.startswith(r"new/caf\xe9\n\x1b[31m.png")
    assert second.startswith(r"new/line\nbreak.png")
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 100


def test_the_suffix_of_a_sheet_may_be_in_capitals():
    write("a.png")
    assert run("a.png", "--show", "SHEET.PNG").exit_code == 0
    assert Image.open("SHEET.PNG").format == "PNG"


def test_programs_get_the_name_itself():
    write("new/line\nbreak.png")
    assert files(run("new", "--format", "json")) == ["new/line\nbreak.png"]
    _, row = csv.reader(io.StringIO(run("new", "--format", "csv").stdout))
    assert row[0] == "new/line\nbreak.png"


SHOW = """
import json, sys
from pathlib import Path
import numpy as np
from stages.common import console
from stages.prediction import answers
app = console.new_app()
@app.command()
@console.command
def main(form: str):
    files = [Path("caf\\u00e9.png"), Path("caf\\udce9\\n.png")]
    answers.show(answers.OutputFormat(form), files, np.full((2, 2), 0.5, np.float32), ["chaud \\u00d7", "\\u732b"])
app()
"""


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "utf-8:strict", "ascii:strict", "utf-8"])
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_output_in_any_encoding_is_no_traceback(encoding: str, form: str):
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", SHOW, form], env=variables, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding.split(":")[0])
    if form == "json":
        first, second = json.loads(text)
        assert (first["file"], second["file"]) == ("caf\u00e9.png", "caf\udce9\n.png")
        assert list(first["probabilities"]) == ["chaud \u00d7", "\u732b"]
    elif encoding.startswith("ascii"):
        assert (r"caf\xe9.png" in text, r"\u732b" in text) == (True, True)
    elif encoding == "iso-8859-1":
        assert ("caf\u00e9.png" in text, r"\u732b" in text) == (True, True)
