"""Files and folders that appear whole or not at all."""

import csv
import glob
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stages.common import special_files

NAME_ANOTHER = "name another place to write to"


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file takes its place when the block ends without an error.

    If the block raises, the temporary file is deleted and the file at `path` stays as it was.
    """
    special_files.refuse(path, NAME_ANOTHER)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in _leftovers(path.parent, f".{path.stem}.", f".partial{path.suffix}"):
        leftover.unlink(missing_ok=True)
    # the process number keeps two writers apart; the suffix stays last, because Keras and Pillow read it
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        _flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
    path = _resolved(path)
    special_files.refuse(path, NAME_ANOTHER)
    with scratch_folder(path, "partial") as partial, scratch_folder(path, "retired") as retired:
        yield partial
        for file in partial.iterdir():
            _flush(file)
        if path.exists():
            path.rename(retired / path.name)
        partial.rename(path)


@contextmanager
def scratch_folder(path: Path, purpose: str) -> Iterator[Path]:
    """Yield an empty folder beside `path`, deleted when the block ends, or by the next call after a kill."""
    path = _resolved(path)  # "." has no name
    delete_leftovers(path, purpose)
    # the process number keeps two writers apart, of which one would publish what the other has half written
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{purpose}")
    shutil.rmtree(scratch, ignore_errors=True)  # of a killed process with the same number
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def delete_leftovers(path: Path, purpose: str) -> None:
    """Delete the scratch folders that killed processes left beside `path`."""
    path = _resolved(path)
    for leftover in _leftovers(path.parent, f".{path.name}.", f".{purpose}"):
        shutil.rmtree(leftover, ignore_errors=True)


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
