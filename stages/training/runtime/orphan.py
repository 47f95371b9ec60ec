"""Orphans: a training whose `dvc` was killed must not publish its outputs."""

import os
from pathlib import Path

from stages.common.errors import InputError


class DvcParent:
    """The DVC process that started this one, if any; nothing is checked for a command typed by hand."""

    def __init__(self) -> None:
        self._processes = _ancestors() if "DVC_STAGE" in os.environ else None

    def check_alive(self) -> None:
        """Raise if DVC has ended.

        Raises:
            InputError: DVC has ended. This training must stop, since the next `dvc repro` starts another.
        """
        if self._processes is not None and self._processes != _ancestors():
            raise InputError("dvc", "the process that started this stage", "none: it was killed", "run dvc repro again")


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
