"""Download of a dataset's files from the first mirror that has them, checked by SHA-256."""

import gzip
import logging
import shutil
import zlib
from pathlib import Path

from stages.common import atomic
from stages.common.errors import InputError
from stages.common.hashes import sha256
from stages.images import mirrors
from stages.images.catalog import Dataset, File, Files, Mirror
from stages.images.mirrors import LacksFileError, MirrorError

GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20
SCRATCH = "download"  # in the name of the folder to download to
PREFIX_BYTES = 64  # enough to recognize a web page

logger = logging.getLogger(__name__)


def download(dataset: Dataset, folder: Path, local: Path | None = None) -> None:
    """Download the files of a dataset, uncompressed, and check their SHA-256.

    The local folder is tried first, then the mirrors in order. If one of them lacks a file, the next is asked for it. A
    file that is already there with the right SHA-256 is kept.

    Args:
        dataset: File of the dataset.
        folder: Folder to download to.
        local: Folder on this machine that may hold the files, compressed with gzip or not.

    Raises:
        InputError: No mirror has a file, a file has no checksum, or the dataset is not one of IDX files.
        OSError: The disk is full or read-only.
    """
    files = _files_with_checksums(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    atomic.delete_leftovers(folder, SCRATCH)  # also if nothing is missing
    missing = [file for file in files.each() if not _is_complete(file, folder)]
    candidates: list[Mirror | Path] = [*([local] if local else []), *dataset.mirrors]
    reasons = []
    for mirror in candidates:
        if not missing:
            return
        name = mirrors.display_name(mirror)
        logger.info("trying %s" if name.startswith("http") else "trying the %s", name)
        try:
            _fetch(missing, mirror, folder)
        except MirrorError as error:
            logger.info("  left: %s", error)
            reasons.append(f"{name}: {error}")
    if missing:
        raise InputError(
            folder / missing[0].name,
            f"one of the mirrors in {dataset.path} to give the right file",
            "; ".join(reasons) or "no mirror at all",
            "check the network, or put the files into a folder and name it with --from",
        )


def _files_with_checksums(dataset: Dataset) -> Files:
    if dataset.files is None:
        next_step = "take it off the downloads in params.yaml; add your data with dvc add"
        raise InputError(dataset.path, "files, to be downloaded", "data of your own", next_step)
    for file in dataset.files.each():
        if file.sha256 is None:
            raise InputError(f"{dataset.path}: {file.name}", "a sha256 to check it by", "none", "add it")
    return dataset.files


def _is_complete(file: File, folder: Path) -> bool:
    path = folder / file.name
    return path.is_file() and sha256(path) == file.sha256


def _fetch(missing: list[File], mirror: Mirror | Path, folder: Path) -> None:
    """Fetch missing files from a mirror, and remove them from the list.

    Raises:
        MirrorError: The mirror failed, or lacks a file. The files that it has are fetched all the same.
    """
    lacking: LacksFileError | None = None
    with atomic.scratch_folder(folder, SCRATCH) as scratch, mirrors.open_mirror(mirror, scratch) as fetch:
        for file in list(missing):
            try:
                fetch(file.name, scratch / "fetched")
                _decompress(scratch / "fetched", scratch / "unpacked")
                _check(scratch / "unpacked", file)
                (scratch / "unpacked").replace(folder / file.name)
            except LacksFileError as error:
                lacking = lacking or error
                continue
            logger.info("  %s: SHA-256 is right", file.name)
            missing.remove(file)
    if lacking:
        raise lacking


def _decompress(fetched: Path, target: Path) -> None:
    """Copy a file, uncompressed. Its first bytes tell a gzip file, not its name."""
    with fetched.open("rb") as start:
        is_gzip = start.read(2) == GZIP_MAGIC
    try:
        with gzip.open(fetched) if is_gzip else fetched.open("rb") as content, target.open("wb") as file:
            shutil.copyfileobj(content, file, CHUNK_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LacksFileError(f"its gzip file is damaged or cut short ({error})") from error


def _check(path: Path, file: File) -> None:
    received = sha256(path)
    if received != file.sha256:
        with path.open("rb") as opened:
            prefix = opened.read(PREFIX_BYTES).lstrip().lower()
        what = "a web page" if prefix.startswith((b"<!doctype", b"<html")) else f"SHA-256 {received}"
        raise LacksFileError(f"it gave {what} in place of {file.name} with SHA-256 {file.sha256}")
