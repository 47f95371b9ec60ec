"""Paths of pictures as tables write them, and the files that they mean."""

import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from stages.images.folders.files import is_of_system
from stages.images.picture_files.formats import SUFFIXES
from stages.images.problems import shorten

QUOTES = "'\"`\u00b4\u2018\u2019\u201c\u201d\u00ab\u00bb "
ADDRESSES = ("http://", "https://", "s3://", "gs://")


class Misfit(NamedTuple):
    """Path that leads to no picture: the values that would fit, the path, and the remedy."""

    expected: str
    received: str
    next_step: str


class PicturePaths:
    r"""Files of a folder, found by the paths in a table.

    A path is written from the folder, with slashes. One with \, with the whole path of the folder before it, with %20
    and the like, or in another form of Unicode is converted if there is such a file.

    Args:
        folder: Folder of the pictures.

    Attributes:
        converted: Number of converted paths by what was converted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.converted: Counter[str] = Counter()

    def find(self, written: str) -> str | Misfit:
        """Return the path of a file from the folder, with slashes, or the error of a path that leads to none.

        Args:
            written: Path in a table, not empty.
        """
        path = posixpath.normpath(written)
        if self._is_file(path):
            return path
        for changed, change in self._conversions(written):
            path = posixpath.normpath(changed)
            if self._is_file(path):
                self.converted[change] += 1
                return path
        return self._misfit(written)

    def is_file(self, written: str) -> bool:
        """Return True if a path, as a table writes it, leads to a file."""
        return bool(written) and any(
            self._is_file(posixpath.normpath(path))
            for path in (written, *(path for path, _ in self._conversions(written)))
        )

    def beside(self, listed: Collection[str]) -> list[str]:
        """Return the paths of the other pictures in the folder, by their suffix, sorted.

        Args:
            listed: Paths from the folder, with slashes.
        """
        files = {
            path for paths in self._by_name.values() for path in paths if PurePosixPath(path).suffix.lower() in SUFFIXES
        }
        return sorted(path for path in files - set(listed) if not any(map(is_of_system, path.split("/"))))

    def _is_file(self, path: str) -> bool:
        if posixpath.isabs(path) or path.split("/")[0] in ("..", "."):
            return False
        try:
            return (self._folder / path).is_file()
        except (OSError, ValueError):  # too long, or with a zero byte
            return False

    def _conversions(self, written: str) -> Iterator[tuple[str, str]]:
        """Yield other ways to write a path, each with what was changed."""
        slashed = written.replace("\\", "/")
        plain = unquote(slashed.removeprefix("file://"))
        for path, change in ((slashed, "\\ for /"), (plain, "characters written with %")):
            if path != written:
                yield path, change
        for form in ("NFC", "NFD"):
            if (composed := unicodedata.normalize(form, plain)) != plain:
                yield composed, "another form of Unicode"
        if posixpath.isabs(plain):
            for folder in (self._folder.absolute(), self._folder.resolve()):
                if Path(plain).is_relative_to(folder):
                    yield Path(plain).relative_to(folder).as_posix(), "the whole path of the folder before them"

    def _misfit(self, written: str) -> Misfit:
        expected = f"the path of a picture in {self._folder}"
        shown = shorten(written)
        if written.casefold().startswith(ADDRESSES):
            return Misfit(expected, f"{shown}, an address", "download the pictures, and write their paths")
        slashed = posixpath.normpath(written.replace("\\", "/"))
        near, next_step = self._nearest(slashed)
        hint = f" (did you mean {near}?)" if near else ""
        if not near and (posixpath.isabs(slashed) or slashed.split("/")[0] == ".." or slashed[1:3] == ":/"):
            return Misfit(f"a path inside {self._folder}", shown, "write paths from that folder")
        return Misfit(expected, f"{shown}, which is not there{hint}", next_step)

    def _nearest(self, path: str) -> tuple[str, str]:
        """Return the files whose path is like another one, in words, and the remedy; without such files, no words."""
        parts = _comparable(path).split("/")
        stem, _ = posixpath.splitext(parts[-1])
        candidates = {*self._by_name.get(parts[-1], ()), *self._by_name.get(stem, ())}
        ranked = sorted(((_common_tail(parts, candidate), candidate) for candidate in candidates), reverse=True)
        best = [candidate for rank, candidate in reversed(ranked) if rank == ranked[0][0]]
        if not best:
            return "", "fix the line"
        if len(best) > 1:
            return f"{shorten(best[0])} or {len(best) - 1} more", f"write the paths from {self._folder}"
        return shorten(best[0]), self._remedy(path, best[0])

    def _remedy(self, path: str, near: str) -> str:
        """Return how to write a path that means another one."""
        if near == path.strip(QUOTES):
            return "leave out the marks around it, or write them as double quotes"
        if near.casefold() == path.casefold():
            return "write the path in the file's own capitals"
        if posixpath.dirname(near).casefold() == posixpath.dirname(path).casefold():
            return (
                "write the file's suffix, too"
                if near.startswith(f"{path}.")
                else "write the file's own suffix and name"
            )
        return f"write the paths from {self._folder}"

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Paths of all files in the folder, by their names with and without suffix, in a form to compare."""
        found: dict[str, list[str]] = {}
        for folder, _, names in os.walk(self._folder):
            inner = Path(folder).relative_to(self._folder)
            for name in names:
                for key in {_comparable(name), _comparable(PurePosixPath(name).stem)}:
                    found.setdefault(key, []).append((inner / name).as_posix())
        return found


def _comparable(path: str) -> str:
    return unicodedata.normalize("NFC", unquote(path)).casefold().strip(QUOTES)


def _common_tail(parts: list[str], candidate: str) -> int:
    """Return the number of folders at the end of two paths that are the same."""
    folders = _comparable(candidate).split("/")[:-1]
    pairs = zip(reversed(parts[:-1]), reversed(folders), strict=False)
    return next(
        (count for count, (one, another) in enumerate(pairs) if one != another), min(len(parts) - 1, len(folders))
    )
