"""Ctrl-C, deferred until the training can be saved."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_sigint() -> Iterator[Callable[[], bool]]:
    """Defer the first Ctrl-C while the block runs; the second one ends the block at once.

    Where Ctrl-C is ignored or has another handler, it stays so.

    Yields:
        Function that tells whether Ctrl-C was pressed.
    """
    pressed = False

    def defer(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, defer)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def default_sigint() -> Iterator[None]:
    """Let Ctrl-C end the process while the block runs, for a library that waits and does not return to Python."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
