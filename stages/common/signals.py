"""Signals that ask a process to end as Ctrl-C does: SIGTERM (kill, Slurm, systemd) and SIGHUP (a closed terminal)."""

import os
import signal
import stat
import threading
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

REQUESTS = (signal.SIGTERM, signal.SIGHUP)
SYSTEM_HANDLERS = {  # of the system and of Python, which a command may replace
    signal.SIGINT: (signal.SIG_DFL, signal.default_int_handler),
    **dict.fromkeys(REQUESTS, (signal.SIG_DFL,)),
}
TERMINAL = (1, 2)  # file descriptors of standard output and standard error
_received = 0  # signal that has raised `Stopped`


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
    """Raise `Stopped` at Ctrl-C, SIGTERM or SIGHUP while the block runs.

    Some libraries turn an exception that comes from a signal into one of their own, matplotlib for example. `Stopped`
    takes its place. A signal that is ignored, as `nohup` does it, or has another handler stays so.
    """
    global _received
    _received = 0
    with replaced(raise_stopped, SYSTEM_HANDLERS):
        try:
            yield
        except Exception:
            if _received:
                raise Stopped(_received) from None
            raise


@contextmanager
def replaced(handler: Any, replaceable: Mapping[signal.Signals, Container[Any]]) -> Iterator[None]:
    """Replace the handlers of signals while the block runs; in a thread other than the main one, none.

    Args:
        handler: New handler.
        replaceable: Handlers that may be replaced, by the signal.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():  # Python allows no other to set handlers
        handlers = {number: signal.getsignal(number) for number in replaceable}
        before = {number: found for number, found in handlers.items() if found in replaceable[number]}
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)


def raise_stopped(number: int, frame: FrameType | None) -> None:
    """Handle a signal: raise `Stopped`, and ignore SIGTERM and SIGHUP from now on, since several often come at once."""
    global _received
    _received = number
    ignore_further()
    leave_closed_terminal()
    raise Stopped(number)


def ignore_further() -> None:
    """Ignore SIGTERM and SIGHUP from now on: the process is about to end."""
    for number in REQUESTS:
        signal.signal(number, signal.SIG_IGN)


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
