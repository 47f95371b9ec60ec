import os
import socket

import pytest

from stages.common import special_files
from stages.common.errors import InputError


def test_files_folders_and_what_is_missing_pass(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    for name in ("", "file", "link", "missing", "file/missing"):
        special_files.refuse(tmp_path / name)


def test_pipes_devices_and_sockets_are_refused_without_a_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket")
    for name in ("pipe", "device", "socket"):
        with pytest.raises(InputError, match=f"{name}: expected a file, received a pipe or a device; save its content"):
            special_files.refuse(tmp_path / name)
