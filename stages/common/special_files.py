"""Pipes, devices and sockets where files belong."""

from pathlib import Path

from stages.common.errors import InputError


def refuse(path: Path, next_step: str = "save its content in a file, and name that") -> None:
    """Refuse what is there but is neither a file nor a folder.

    To read a pipe or a device may never end, and to replace one harms other programs.

    Args:
        path: Path to read or to replace.
        next_step: Remedy, as an imperative.

    Raises:
        InputError: It is a pipe, a device or a socket.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(path, "a file", "a pipe or a device", next_step)
