"""Locks: one training of a run at a time, and no more trainings at once than the cores can bear."""

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stages.common import paths

if TYPE_CHECKING:
    import filelock

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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        logger.info("another process is training %s; waiting until it ends", output)
        lock.acquire()
    except (OSError, NotImplementedError) as error:  # an unusable cache folder must not fail a training
        logger.warning("no lock could be set (%s); make sure that no other process trains %s", error, output)
    try:
        yield
    finally:
        lock.release()


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
                logger.info("other trainings use the processor; waiting until they leave enough of it")
                pause_seconds = 0.1 + os.getpid() % 10 / 100  # different for each process, to avoid a livelock
                while not _acquire(cores, threads, held):
                    time.sleep(pause_seconds)
        yield


def _acquire(cores: "list[filelock.FileLock]", threads: int, held: ExitStack) -> bool:
    """Acquire a core for each thread, or all cores, or none if others hold too many; return True on success."""
    import filelock

    count = 0
    with ExitStack() as acquired:
        for core in cores:
            with suppress(filelock.Timeout):
                acquired.enter_context(core.acquire(blocking=False))
                count += 1
            if count == min(threads, len(cores)):
                held.enter_context(acquired.pop_all())
                return True
    return False


def _count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
