"""Processes that tests start."""

import signal


def hear_interrupts() -> None:
    """Undo, before a child starts, what a shell does to processes in the background: it has them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
