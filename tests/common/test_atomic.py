import contextlib
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stages.common import atomic
from stages.common.errors import InputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "model.keras"
    with atomic.new_file(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
        assert (path.parent, path.suffix) == (partial.parent, partial.suffix)
    assert names(path.parent) == ["model.keras"]
    assert path.read_text() == "whole"


def test_new_file_that_fails_leaves_what_stood_there(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")

    def fail():
        with atomic.new_file(path) as partial:
            partial.write_text("ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == ["model.keras"]
    assert path.read_text() == "old"


def test_new_file_takes_away_what_a_killed_process_left_of_it(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, of_another, other_file = (
        tmp_path / f".model.{ended.pid}.partial.keras",
        tmp_path / f".model.{os.getppid()}.partial.keras",  # it is alive
        tmp_path / f".modelling.{ended.pid}.partial.keras",
    )
    for path in (left, of_another, other_file):
        path.touch()
    with atomic.new_file(tmp_path / "model.keras") as partial:
        partial.write_text("whole")

    assert names(tmp_path) == sorted([of_another.name, other_file.name, "model.keras"])


def test_a_text_is_written_as_utf_8(tmp_path):
    atomic.write_text(tmp_path / "new/card.md", "café\n")
    assert (tmp_path / "new/card.md").read_bytes() == b"caf\xc3\xa9\n"
    assert names(tmp_path / "new") == ["card.md"]


def test_a_csv_has_a_header_and_a_line_for_each_row(tmp_path):
    rows = ([number, 'a "b", c'] for number in range(2))
    atomic.write_csv(tmp_path / "new/table.csv", ["number", "é"], rows)
    assert (tmp_path / "new/table.csv").read_bytes() == (
        b'number,\xc3\xa9\n0,"a ""b"", c"\n1,"a ""b"", c"\n'  # no line ends in \\r
    )


def test_a_csv_whose_rows_fail_leaves_what_stood_there(tmp_path):
    atomic.write_csv(tmp_path / "table.csv", ["number"], [[1]])

    with pytest.raises(ZeroDivisionError):
        atomic.write_csv(tmp_path / "table.csv", ["number"], ([1 // number] for number in (1, 0)))
    assert names(tmp_path) == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "number\n1\n"


def test_new_folder_replaces_the_whole_folder(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    (folder / "stale.npy").touch()
    with atomic.new_folder(folder) as partial:
        (partial / "new.npy").touch()
        assert names(folder) == ["stale.npy"]
    assert names(tmp_path) == ["arrays"]
    assert names(folder) == ["new.npy"]


def test_new_folder_that_fails_leaves_what_stood_there(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    (folder / "old.npy").touch()

    def fail():
        with atomic.new_folder(folder) as partial:
            (partial / "new.npy").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == ["arrays"]
    assert names(folder) == ["old.npy"]


def test_new_folder_may_be_the_one_we_stand_in(tmp_path, monkeypatch):
    folder = tmp_path / "arrays"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with atomic.new_folder(Path()) as partial:
        (partial / "new.npy").touch()
    assert names(folder) == ["new.npy"]


@pytest.mark.parametrize("kind", ["new_file", "new_folder"])
def test_a_killed_process_leaves_nothing_under_the_name(tmp_path, kind):
    target = tmp_path / "target"
    body = "(partial / 'file' if partial.is_dir() else partial).write_text('half'); os.kill(os.getpid(), 9)"
    imports = "import os, pathlib\nfrom stages.common import atomic"
    code = f"{imports}\nwith atomic.{kind}(pathlib.Path('target')) as partial: {body}"
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=False, env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    )
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    assert names(tmp_path)  # it was in the middle of it


def test_a_scratch_folder_starts_empty_after_a_kill(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine, of_an_ended_one, of_a_living_one, of_another_folder = (
        tmp_path / f".arrays.{os.getpid()}.partial",  # the system gives numbers again
        tmp_path / f".arrays.{ended.pid}.partial",
        tmp_path / f".arrays.{os.getppid()}.partial",
        tmp_path / f".arrays.{ended.pid}.7.partial",
    )
    for left_behind in (mine, of_an_ended_one, of_a_living_one, of_another_folder):
        left_behind.mkdir()
        (left_behind / "half.npy").touch()
    with atomic.scratch_folder(tmp_path / "arrays", "partial") as scratch:
        assert names(scratch) == []
    assert names(tmp_path) == sorted([of_a_living_one.name, of_another_folder.name])


def test_two_that_write_one_folder_do_not_mix(tmp_path, monkeypatch):
    """As when `dvc` was killed, its stage lives on, and the next `dvc repro` starts it again."""
    folder, first, second = tmp_path / "arrays", os.getpid(), os.getppid()
    with atomic.new_folder(folder) as partial:
        (partial / "a.npy").write_text("first")
        monkeypatch.setattr(os, "getpid", lambda: second)
        with atomic.new_folder(folder) as other:
            (other / "a.npy").write_text("second")
            monkeypatch.setattr(os, "getpid", lambda: first)
            assert names(other) == ["a.npy"]
        (partial / "b.npy").write_text("first")

    assert names(tmp_path) == ["arrays"]
    assert [(folder / name).read_text() for name in names(folder)] == ["first", "first"]


@pytest.mark.parametrize("write", [lambda path: atomic.new_folder(path), lambda path: atomic.scratch_folder(path, "x")])
def test_a_link_to_itself_is_an_error_of_the_system(tmp_path, write):
    """Which commands tell in one line."""
    (tmp_path / "loop").symlink_to("loop")
    with contextlib.suppress(OSError), write(tmp_path / "loop"):
        pass
    assert names(tmp_path) == ["loop"]


@pytest.mark.parametrize("write", [atomic.new_file, atomic.new_folder])
def test_a_pipe_or_a_device_is_not_replaced(tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    told = "pipe: expected a file, received a pipe or a device; name another place to write to"
    with pytest.raises(InputError, match=told), write(tmp_path / "pipe"):
        pass
    assert (tmp_path / "pipe").is_fifo()
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("write", [atomic.new_file, atomic.new_folder, lambda path: atomic.scratch_folder(path, "x")])
def test_an_error_names_the_target_and_not_the_temporary_name(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)

    def fail(error_at):
        with write(Path("target.csv")) as partial:
            raise PermissionError(errno.EACCES, "Permission denied", error_at(partial))

    for error_at in (str, lambda partial: str(partial / "image.npy"), lambda partial: os.fsencode(partial)):
        with pytest.raises(PermissionError) as caught:
            fail(error_at)
        assert caught.value.filename == "target.csv"
    with pytest.raises(OSError, match="full") as caught, write(Path("target.csv")):
        raise OSError(errno.ENOSPC, "full")
    assert caught.value.filename == "target.csv"
    for elsewhere in ("other.csv", None, 7):
        with pytest.raises(PermissionError) as caught:
            fail(lambda _, elsewhere=elsewhere: elsewhere)
        assert caught.value.filename == elsewhere
    assert names(tmp_path) == []


@pytest.mark.parametrize("write", [lambda path: atomic.new_file(path).__enter__(), atomic.check_writable])
def test_a_folder_is_not_replaced_by_a_file(tmp_path, write):
    (tmp_path / "model.keras").mkdir()
    with pytest.raises(IsADirectoryError, match=r"model\.keras"):
        write(tmp_path / "model.keras")
    assert names(tmp_path) == ["model.keras"]


def test_files_that_can_be_written_are_left_as_they_are(tmp_path):
    old, new = tmp_path / "old.csv", tmp_path / "new/model.keras"
    old.write_text("old")
    atomic.check_writable(old, new)
    assert old.read_text() == "old"
    assert names(tmp_path) == ["new", "old.csv"]
    assert names(new.parent) == []


@pytest.mark.parametrize("write", [atomic.check_writable, lambda path: atomic.write_text(path, "new")])
def test_a_file_that_cannot_be_written_is_named(tmp_path, monkeypatch, write):
    def fail(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    for method in ("touch", "open", "unlink"):  # on a read-only disk, to delete what is not there fails too
        monkeypatch.setattr(Path, method, fail)
    with pytest.raises(OSError, match="Read-only file system") as caught:
        write(tmp_path / "model.keras")
    assert caught.value.filename == str(tmp_path / "model.keras")
    assert names(tmp_path) == []


def test_of_two_that_write_one_folder_at_once_the_last_wins(tmp_path, monkeypatch):
    """One renames its folder between the two renames of the other."""
    folder, rename = tmp_path / "arrays", Path.rename

    def rename_late(path, target):
        if target == folder and other.exists():
            rename(other, folder)
        return rename(path, target)

    other = tmp_path / "other"
    other.mkdir()
    (other / "b.npy").touch()
    with atomic.new_folder(folder) as partial:
        (partial / "a.npy").touch()
        monkeypatch.setattr(Path, "rename", rename_late)
    assert names(tmp_path) == ["arrays"]
    assert names(folder) == ["a.npy"]
