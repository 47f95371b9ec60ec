"""Fixtures of the downloads: a dataset with checksums, a web server that can misbehave, and fake package clients.

Fixtures of the pictures: Python with and without pillow-heif.
"""

import contextlib
import gzip
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from stages.images import mirrors
from stages.images.picture_files import formats

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)  # the invented file

Answer = Callable[[BaseHTTPRequestHandler], None]


def content(body: bytes, code: int = 200, length: int | None = None, **headers: str) -> Answer:
    """Return an answer with this body; `length` is a wrong Content-Length."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


class Server(ThreadingHTTPServer):
    """Web server that gives the answers of an address in turn, the last one again and again, and 404 elsewhere."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()

    def serve(self, address: str, *answers: Answer) -> None:
        self.answers[address] = list(answers)

    def serve_all(self, prefix: str, originals: Path) -> None:
        """Serve all files of a folder, compressed with gzip."""
        for file in originals.iterdir():
            self.serve(f"{prefix}{file.name}.gz", content(gzip.compress(file.read_bytes())))

    def silent(self, before: bytes = b"") -> Answer:
        """Return an answer that sends the start of a long body, and then nothing more."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            if before:
                content(before, length=1 << 20)(request)
            self.closing.wait()

        return answer


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        address = self.path.lstrip("/")
        self.server.asked.append(address)
        answers = self.server.answers.get(address, [content(b"no such file", 404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        with contextlib.suppress(OSError):  # the client went away
            answer(self)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server on this machine; downloads hardly pause before another attempt."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(mirrors, "FIRST_PAUSE_SECONDS", 0.001)
    with Server() as started:
        threading.Thread(target=started.serve_forever, args=(0.01,), daemon=True).start()
        yield started
        started.closing.set()
        started.shutdown()


@pytest.fixture
def originals(project: Path) -> Path:
    """The four files to download, in a folder that no command reads; the dataset has no mirrors yet."""
    moved = (project / "data/raw/tiny").rename(project / "originals")
    dataset = project / "datasets/tiny.yaml"
    text = dataset.read_text()
    for file in moved.iterdir():
        checksum = hashlib.sha256(file.read_bytes()).hexdigest()
        text = text.replace(f"name: {file.name}", f"name: {file.name}, sha256: {checksum}")
    dataset.write_text(text)
    return moved


@pytest.fixture
def set_mirrors(originals: Path, project: Path) -> Callable[..., None]:
    """A function that sets the mirrors of the dataset."""

    def write(*named: dict[str, str]) -> None:
        with (project / "datasets/tiny.yaml").open("a") as file:
            file.write(f"mirrors: {json.dumps(named)}\n")

    return write


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """A function that puts a fake package client first on PATH, and returns the file of its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def write(name: str, script: str) -> Path:
        noted = tmp_path / f"{name}.arguments"
        (folder / name).write_text(f'#!/bin/sh\nfor word in "$@"; do echo "$word" >> \'{noted}\'; done\n{script}\n')
        (folder / name).chmod(0o755)
        return noted

    return write


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python without pillow-heif, even if it is installed."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    formats.readable.cache_clear()
    yield
    monkeypatch.undo()
    formats.readable.cache_clear()


class HeifFile(ImageFile.ImageFile):
    format, format_description = "HEIF", "the invented file"

    def _open(self) -> None:
        self._size, self._mode = (3, 2), "RGB"
        self.tile = []

    def load(self) -> object:
        self.im = Image.new("RGB", (3, 2), (250, 20, 30)).im
        return None


@pytest.fixture
def with_heif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python with a module pillow_heif, which registers itself as the real one does."""
    module = type(sys)("pillow_heif")
    module.register_heif_opener = lambda: Image.register_open("HEIF", HeifFile, lambda head: head[4:12] == b"ftypheic")
    monkeypatch.setitem(sys.modules, "pillow_heif", module)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    formats.readable.cache_clear()
    yield
    monkeypatch.undo()
    formats.readable.cache_clear()
