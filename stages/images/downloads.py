"""Downloads: every file of a dataset from the first mirror that has it, checked before it gets its name."""

import gzip
import hashlib
import shutil
import zlib
from pathlib import Path

from stages import atomic
from stages.console import say
from stages.errors import InputError
from stages.images import mirrors
from stages.images.catalog import Dataset, File, Mirror
from stages.images.mirrors import LacksFileError, MirrorError

GZIP_MAGIC = b"\x1f\x8b"


def download(dataset: Dataset, description: Path, folder: Path, local: Path | None = None) -> None:
    """Put every file of a dataset into `folder`, uncompressed, each checked by its SHA-256.

    Mirrors are tried in order, the local folder first; what one lacks, the next may give. A file that is already
    there and right stays as it is.

    Args:
        dataset: What to download.
        description: The dataset's own file, named in errors.
        folder: Where the files go.
        local: A folder of this machine that may hold the files, packed with gzip or not.

    Raises:
        InputError: No mirror gave a file, a file has no checksum, or the dataset is not one of files.
        OSError: The disk is full, or closed to writing.
    """
    files = dataset.files
    if files is None:
        next_step = "take it off the downloads in params.yaml; add your data with dvc add"
        raise InputError(description, "files, to be downloaded", "data of your own", next_step)
    for file in files.each():
        if file.sha256 is None:
            raise InputError(f"{description}: {file.name}", "a sha256 to check it by", "none", "add it")
    folder.mkdir(parents=True, exist_ok=True)
    missing = [file for file in files.each() if not _is_there(file, folder)]
    candidates: list[Mirror | Path] = [*([local] if local else []), *dataset.mirrors]
    reasons = []
    for mirror in candidates:
        if not missing:
            return
        name = mirrors.describe(mirror)
        say(f"trying the {name}" if not name.startswith("http") else f"trying {name}")
        try:
            _take(missing, mirror, folder)
        except MirrorError as error:
            say(f"  left: {error}")
            reasons.append(f"{name}: {error}")
    if missing:
        raise InputError(
            folder / missing[0].name,
            f"one of the mirrors in {description} to give the right file",
            "; ".join(reasons) or "no mirror at all",
            "check the network, or put the files into a folder and name it with --from",
        )


def _take(missing: list[File], mirror: Mirror | Path, folder: Path) -> None:
    """Take off the list of missing files those that the mirror has; raise if it fails, or lacks one."""
    lacking: LacksFileError | None = None
    with atomic.scratch_folder(folder, "download") as scratch, mirrors.opened(mirror, scratch) as fetch:
        for file in list(missing):
            try:
                fetch(file.name, scratch / "fetched")
                _unpack(scratch / "fetched", scratch / "unpacked")
                _check(scratch / "unpacked", file)
                (scratch / "unpacked").replace(folder / file.name)
            except LacksFileError as error:
                lacking = lacking or error
                continue
            say(f"  {file.name}: SHA-256 is right")
            missing.remove(file)
    if lacking:
        raise lacking


def _is_there(file: File, folder: Path) -> bool:
    path = folder / file.name
    return path.is_file() and _sha256(path) == file.sha256


def _unpack(fetched: Path, target: Path) -> None:
    """Copy a file to `target`, uncompressed; its first bytes tell whether it is packed, not its name."""
    with fetched.open("rb") as start:
        packed = start.read(2) == GZIP_MAGIC
    try:
        with gzip.open(fetched) if packed else fetched.open("rb") as content, target.open("wb") as written:
            shutil.copyfileobj(content, written, 1 << 20)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LacksFileError(f"its gzip file is damaged or cut short ({error})") from error


def _check(path: Path, file: File) -> None:
    received = _sha256(path)
    if received != file.sha256:
        with path.open("rb") as opened:
            start = opened.read(64).lstrip().lower()
        what = "a web page" if start.startswith((b"<!doctype", b"<html")) else f"SHA-256 {received}"
        raise LacksFileError(f"it gave {what} in place of {file.name} with SHA-256 {file.sha256}")


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
