"""Checksums of files and of their content."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(content: bytes) -> str:
    """Return the MD5 of a content, in hexadecimal, as DVC records it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
