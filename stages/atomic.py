"""Files and folders that appear whole or not at all."""

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` that takes its place when the block ends well.

    If the block raises, the temporary file goes and whatever stood at `path` stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    # the process number keeps two writers apart; the suffix stays last, because Keras and Pillow read it
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        _flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path` that takes its place when the block ends well."""
    path = path.resolve()
    with scratch_folder(path, "partial") as partial, scratch_folder(path, "retired") as retired:
        yield partial
        for file in partial.iterdir():
            _flush(file)
        if path.exists():
            path.rename(retired / path.name)
        partial.rename(path)


@contextmanager
def scratch_folder(path: Path, purpose: str) -> Iterator[Path]:
    """Yield an empty folder beside `path`, which goes when the block ends, or at the latest when it runs again."""
    path = path.resolve()  # "." has no name
    scratch = path.with_name(f".{path.name}.{purpose}")
    shutil.rmtree(scratch, ignore_errors=True)  # left by a process that was killed
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Delete what processes that were killed have left of a file that they were writing."""
    import psutil

    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*.partial{glob.escape(path.suffix)}"):
        process = leftover.name.removeprefix(f".{path.stem}.").split(".")[0]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            leftover.unlink(missing_ok=True)


def _flush(file: Path) -> None:
    """Ask the system to put the file on the disk, so that a power cut cannot leave it empty under its name."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
