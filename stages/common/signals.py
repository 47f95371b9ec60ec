"""Signals that ask a process to end as Ctrl-C does: SIGTERM (kill, Slurm, systemd) and SIGHUP (a closed terminal)."""

import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

REQUESTS = (signal.SIGTERM, signal.SIGHUP)
TERMINAL = (1, 2)  # file descriptors of standard output and standard error


class Stopped(KeyboardInterrupt):
    """A signal has asked this process to end; raised as Python raises KeyboardInterrupt for Ctrl-C.

    Args:
        number: Number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def raised() -> Iterator[None]:
    """Raise `Stopped` at the first SIGTERM or SIGHUP while the block runs, and ignore those that follow.

    Ctrl-C raises KeyboardInterrupt. A signal that is ignored, as `nohup` does it, or has another handler stays so.
    """
    taken = []
    if threading.current_thread() is threading.main_thread():  # Python allows no other to set handlers
        taken = [number for number in HANDLERS if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, HANDLERS[number])
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def raise_stopped(number: int, frame: FrameType | None) -> None:
    """Handle a signal: ignore those that follow, since several often come at once, and raise `Stopped`."""
    ignore_further()
    leave_closed_terminal()
    raise Stopped(number)


def ignore_further() -> None:
    """Ignore SIGTERM and SIGHUP from now on: the process is about to end."""
    for number in REQUESTS:
        signal.signal(number, signal.SIG_IGN)


HANDLERS = {signal.SIGINT: signal.default_int_handler} | dict.fromkeys(REQUESTS, raise_stopped)


def leave_closed_terminal() -> None:
    """Write to nowhere from now on if the terminal is gone, since each write to it would raise."""
    for descriptor in TERMINAL:
        with suppress(OSError):  # a descriptor that was closed from the start
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                write_nowhere(descriptor)


def write_nowhere(descriptor: int) -> None:
    """Let all that is written to a file descriptor vanish."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
