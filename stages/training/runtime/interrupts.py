"""Ctrl-C, SIGTERM and SIGHUP, deferred until the training can be saved."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from stages.common import signals

HANDLERS = {  # that may be replaced, by the signal
    signal.SIGINT: (signal.default_int_handler, signals.raise_stopped),
    signal.SIGTERM: (signal.SIG_DFL, signals.raise_stopped),
    signal.SIGHUP: (signal.SIG_DFL, signals.raise_stopped),
}


@contextmanager
def deferred() -> Iterator[Callable[[], int]]:
    """Defer Ctrl-C, SIGTERM and SIGHUP while the block runs; the second Ctrl-C ends the block at once.

    Only a person is in a hurry: SIGTERM and SIGHUP often come twice, from different senders, and stay deferred. A
    signal that is ignored or has another handler stays so.

    Yields:
        Function that returns the number of the first signal that came, or 0.
    """
    first = 0

    def defer(number: int, frame: FrameType | None) -> None:
        nonlocal first
        first = first or number
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        else:
            signals.leave_closed_terminal()

    try:
        with signals.replaced(defer, HANDLERS):
            yield lambda: first
    except BaseException:
        if first in signals.REQUESTS:
            signals.ignore_further()
        raise


@contextmanager
def default() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the process, for a library that waits and does not return to Python."""
    with signals.replaced(signal.SIG_DFL, HANDLERS):
        yield
