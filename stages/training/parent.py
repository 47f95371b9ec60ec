"""The process that started a training: one that DVC has lost must not publish."""

import os
from pathlib import Path

from stages.errors import InputError


class Parent:
    """The process that started this one, if it was DVC; without it nobody would know what this one publishes."""

    def __init__(self) -> None:
        self._processes = _starters() if "DVC_STAGE" in os.environ else None

    def check(self) -> None:
        """Raise if DVC is gone.

        Raises:
            InputError: It is; this training must stop, since the next `dvc repro` starts another.
        """
        if self._processes is not None and self._processes != _starters():
            raise InputError("dvc", "the process that started this stage", "none: it was killed", "run dvc repro again")


def _starters() -> list[int]:
    """Return the number of the parent and, if that is the shell in which DVC runs a command, of the shell's parent.

    Bash puts the command in its own place; other shells, such as dash, stay between and outlive DVC.
    """
    import psutil

    parent = os.getppid()
    try:
        shell = psutil.Process(parent)
        is_shell = shell.name() == Path(os.environ.get("SHELL") or "/bin/sh").name  # as DVC chooses it
        return [parent, shell.ppid()] if is_shell else [parent]
    except psutil.Error:  # it ended at this moment, or may not be looked at
        return [parent]
