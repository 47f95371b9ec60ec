"""Orphans: a stage whose `dvc` was killed must end, since the next `dvc repro` starts another."""

import os
import signal
import threading
from pathlib import Path

INTERVAL_SECONDS = 0.3


class DvcWatch:
    """Context in which this process receives SIGTERM when the `dvc` that started it has ended.

    A command typed by hand is left alone.

    Attributes:
        is_orphan: True if SIGTERM was sent.
    """

    def __init__(self) -> None:
        self.is_orphan = False
        self._left = threading.Event()
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> "DvcWatch":
        """Start to watch."""
        if "DVC_STAGE" in os.environ:
            self._watcher = threading.Thread(target=self._watch, args=(_ancestors(),), daemon=True)
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no more."""
        self._left.set()
        if self._watcher:
            self._watcher.join()

    def _watch(self, ancestors: list[int]) -> None:
        while not self._left.wait(INTERVAL_SECONDS):
            if _ancestors() != ancestors:
                self.is_orphan = True
                os.kill(os.getpid(), signal.SIGTERM)
                return


def _ancestors() -> list[int]:
    """Return the process number of the parent and, if it is the shell of DVC's command, of the shell's parent.

    Bash replaces itself by the command. Other shells, such as dash, stay between and outlive DVC.
    """
    import psutil

    parent = os.getppid()
    try:
        shell = psutil.Process(parent)
        is_shell = shell.name() == Path(os.environ.get("SHELL") or "/bin/sh").name  # as DVC chooses it
        return [parent, shell.ppid()] if is_shell else [parent]
    except psutil.Error:  # it ended at this moment, or access is denied
        return [parent]
