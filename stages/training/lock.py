"""One training of a run at a time, and no more at once than the cores can bear."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stages.console import say
from stages.training.checkpoint import cache_folder

if TYPE_CHECKING:
    import filelock


@contextmanager
def only_training_of(output: Path) -> Iterator[None]:
    """Hold the system's lock on an output while the block runs; if another process holds it, wait until it ends.

    The system lets go of the lock when the process ends, however it ends.
    """
    import filelock

    name = hashlib.sha256(str(output.resolve()).encode()).hexdigest()
    path = cache_folder() / "locks" / f"{name}.lock"
    lock = filelock.FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        say(f"another process is training {output}; waiting until it ends")
        lock.acquire()
    except (OSError, NotImplementedError) as error:  # a cache folder that cannot be used must not end a training
        say(f"no lock could be set ({error}); see to it that no other process trains {output}")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def cores_for(threads: int) -> Iterator[None]:
    """Hold a core of the machine for each thread while the block runs, or all it has; wait until so many are free.

    Threads that share a core wait for one another in loops, so that two trainings at once take longer than in turn. The
    system lets go of the cores when the process ends, however it ends.
    """
    import filelock

    folder = cache_folder() / "locks"
    with ExitStack() as held:
        with suppress(OSError, NotImplementedError):  # then the lock on the output has failed too, and said so
            folder.mkdir(parents=True, exist_ok=True)
            cores = [filelock.FileLock(folder / f"core-{number}.lock") for number in range(_count_cores())]
            if not _hold(cores, threads, held):
                say("other trainings use the processor; waiting until they leave enough of it")
                pace = 0.1 + os.getpid() % 10 / 100  # each its own, lest two hinder one another forever
                while not _hold(cores, threads, held):
                    time.sleep(pace)
        yield


def _hold(cores: "list[filelock.FileLock]", threads: int, held: ExitStack) -> bool:
    """Hold as many cores as there are threads, or all, or if others have them none; return whether they are held."""
    import filelock

    free = 0
    with ExitStack() as taken:
        for core in cores:
            with suppress(filelock.Timeout):
                taken.enter_context(core.acquire(blocking=False))
                free += 1
            if free == min(threads, len(cores)):
                held.enter_context(taken.pop_all())
                return True
    return False


def _count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
