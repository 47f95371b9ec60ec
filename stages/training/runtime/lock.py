"""Locks: one training of a run at a time, and no more trainings at once than the cores can bear."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stages.common import paths
from stages.common.printable import printable

if TYPE_CHECKING:
    import filelock

REMINDER_SECONDS = 600

logger = logging.getLogger(__name__)


@contextmanager
def output_lock(output: Path) -> Iterator[None]:
    """Hold the system's lock on an output while the block runs; wait if another process holds it.

    The system releases the lock when the process ends, however it ends.
    """
    import filelock

    name = hashlib.sha256(str(output.resolve()).encode()).hexdigest()
    path = paths.cache_folder() / "locks" / f"{name}.lock"
    lock = filelock.FileLock(path)
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _acquire([lock], 1, held):
                reason = f"another process is training {printable(output)}"
                _wait(lambda: _acquire([lock], 1, held), [lock], reason, "it ends")
        except (OSError, NotImplementedError) as error:  # an unusable cache folder must not fail a training
            logger.warning("no lock could be set (%s); make sure that no other process trains %s", error, output)
        yield


@contextmanager
def core_locks(threads: int) -> Iterator[None]:
    """Hold a core of the machine for each thread, or all cores, while the block runs; wait until they are free.

    Threads that share a core spin while they wait for one another, so two trainings at once take longer than one after
    the other. The system releases the cores when the process ends, however it ends.
    """
    import filelock

    folder = paths.cache_folder() / "locks"
    with ExitStack() as held:
        with suppress(OSError, NotImplementedError):  # then the lock on the output failed too, with a warning
            folder.mkdir(parents=True, exist_ok=True)
            cores = [filelock.FileLock(folder / f"core-{number}.lock") for number in range(_count_cores())]
            if not _acquire(cores, threads, held):
                reason = "other trainings use the processor"
                _wait(lambda: _acquire(cores, threads, held), cores, reason, "they leave enough of it")
        yield


def _acquire(locks: "Sequence[filelock.FileLock]", count: int, held: ExitStack) -> bool:
    """Acquire so many of the locks, or all, or none if others hold too many; return True on success."""
    import filelock

    acquired_count = 0
    with ExitStack() as acquired:
        for lock in locks:
            with suppress(filelock.Timeout):
                acquired.enter_context(lock.acquire(blocking=False))
                acquired_count += 1
            if acquired_count == min(count, len(locks)):
                for each in locks:
                    if each.is_locked:
                        acquired.enter_context(_signed(each))
                held.enter_context(acquired.pop_all())
                return True
    return False


def _wait(acquire: Callable[[], bool], locks: "Sequence[filelock.FileLock]", reason: str, end: str) -> None:
    """Wait until locks are acquired; log a line at once and every ten minutes.

    Args:
        acquire: Function that acquires them and returns True, or returns False.
        locks: Locks of which others hold some.
        reason: What the others do.
        end: What they have to do before this process can go on.
    """
    logger.info("%s%s; waiting until %s, Ctrl-C gives up", reason, _holders(locks), end)
    pause_seconds = 0.1 + os.getpid() % 10 / 100  # different for each process, to avoid a livelock
    started = reminded = time.monotonic()
    while not acquire():
        time.sleep(pause_seconds)
        now = time.monotonic()
        if now - reminded > REMINDER_SECONDS:
            reminded, minutes = now, round((now - started) / 60)
            logger.info("still waiting after %d minutes: %s%s", minutes, reason, _holders(locks))


@contextmanager
def _signed(lock: "filelock.FileLock") -> Iterator[None]:
    """Write this process's number beside a lock while the block runs, for those who wait."""
    path = _signature(lock)
    with suppress(OSError):
        path.write_text(str(os.getpid()), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _holders(locks: "Sequence[filelock.FileLock]") -> str:
    """Return the numbers of the processes that hold some of the locks, in brackets, or nothing if none has signed."""
    import psutil

    holders = set()
    for lock in locks:
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int(_signature(lock).read_text(encoding="utf-8")))
            is_suspended = process.status() == psutil.STATUS_STOPPED
            holders.add(f"{process.pid}, which is suspended" if is_suspended else str(process.pid))
    return f" (process {' and '.join(sorted(holders))})" if holders else ""


def _signature(lock: "filelock.FileLock") -> Path:
    """Return the file with the number of the process that holds a lock."""
    return Path(lock.lock_file).with_suffix(".pid")


def _count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
