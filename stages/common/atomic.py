"""Files and folders that appear whole or not at all."""

import csv
import errno
import glob
import itertools
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from stages.common import special_files

FULL = (errno.ENOSPC, errno.EDQUOT)  # errors of a write, which name no file
NAME_ANOTHER = "name another place to write to"


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file takes its place when the block ends without an error.

    If the block raises, the temporary file is deleted and the file at `path` stays as it was.
    """
    with _partial_file(path) as partial:
        yield partial
        _flush(partial)
        partial.replace(path)


def check_writable(*paths: Path) -> None:
    """Raise the error of the first file that cannot be written; call this before long work, since that would be lost.

    Raises:
        OSError: A folder is read-only, for example.
        InputError: A pipe or a device has the name of the file.
    """
    for path in paths:
        with _partial_file(path) as partial:
            partial.touch()


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8."""
    with new_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file, UTF-8; rows are written as they come."""
    with new_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it takes its place when the block ends without an error."""
    special_files.refuse(path, NAME_ANOTHER)
    with scratch_folder(path, "partial") as partial, scratch_folder(path, "retired") as retired:
        yield partial
        for file in partial.iterdir():
            _flush(file)
        _replace(_resolved(path), partial, retired)


@contextmanager
def scratch_folder(path: Path, purpose: str) -> Iterator[Path]:
    """Yield an empty folder beside `path`, deleted when the block ends, or by the next call after a kill."""
    delete_leftovers(path, purpose)
    place = _resolved(path)  # "." has no name
    # the process number keeps two writers apart, of which one would publish what the other has half written
    scratch = place.with_name(f".{place.name}.{os.getpid()}.{purpose}")
    shutil.rmtree(scratch, ignore_errors=True)  # of a killed process with the same number
    try:
        with _named(path, scratch):
            scratch.mkdir(parents=True)
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def delete_leftovers(path: Path, purpose: str) -> None:
    """Delete the scratch folders that killed processes left beside `path`."""
    path = _resolved(path)
    for leftover in _leftovers(path.parent, f".{path.name}.", f".{purpose}"):
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _partial_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`, of a file that is deleted when the block ends."""
    special_files.refuse(path, NAME_ANOTHER)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in _leftovers(path.parent, f".{path.stem}.", f".partial{path.suffix}"):
        with suppress(OSError):  # it may be another user's
            leftover.unlink()
    # the process number keeps two writers apart; the suffix stays last, because Keras and Pillow read it
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    with _named(path, partial):
        try:
            yield partial
        finally:
            partial.unlink(missing_ok=True)  # an error where nothing can be written, even if there is no such file


@contextmanager
def _named(path: Path, scratch: Path) -> Iterator[None]:
    """Name `path` in an error about its temporary file or folder, whose name nobody knows, and of a full disk."""
    try:
        yield
    except OSError as error:
        name = error.filename
        is_scratch = isinstance(name, str | bytes) and Path(os.fsdecode(name)).is_relative_to(scratch)
        if is_scratch or (name is None and error.errno in FULL):
            error.filename = str(path)
        raise


def _replace(path: Path, new: Path, retired: Path) -> None:
    """Rename the folder `new` to `path`, and what is there into `retired`.

    If another process does the same at the same time, the last of them wins.
    """
    for attempt in itertools.count():
        with suppress(FileNotFoundError):
            path.rename(retired / str(attempt))
        try:
            new.rename(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return


def _resolved(path: Path) -> Path:
    """Return an absolute path without links; `Path.resolve` raises other errors for a link to itself."""
    return Path(os.path.realpath(path))


def _leftovers(folder: Path, prefix: str, suffix: str) -> Iterator[Path]:
    """Yield the temporary files and folders of processes that have ended: the prefix, a process number, the suffix."""
    import psutil

    for leftover in folder.glob(f"{glob.escape(prefix)}*{glob.escape(suffix)}"):
        process = leftover.name.removeprefix(prefix).removesuffix(suffix)
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            yield leftover


def _flush(file: Path) -> None:
    """Flush a file to the disk, so that a power cut cannot leave it empty under its final name."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
