"""Files of a folder and its sub-folders: which are pictures, which are left out, and which links lead nowhere."""

import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stages.common.console import progress
from stages.common.errors import InputError
from stages.common.printable import printable
from stages.images.picture_files import formats

SYSTEM_NAMES = (
    "#recycle", "#snapshot", "$recycle.bin", "@eadir", "@recycle", "@recently-snapshot", "__macosx", "__pycache__",
    "desktop.ini", "ehthumbs.db", "found.000", "icon\r", "lost+found", "system volume information", "thumbs.db",
)  # fmt: skip # left by macOS, Windows and network storage, in small letters; other such names begin with a dot
UNREADABLE = "file that cannot be opened"
RESOURCE_FORK = "._"  # starts the names that macOS gives to what other file systems cannot hold

Identity = tuple[int, int]  # of a folder: its device and its inode
Kinds = dict[str, list[Path]]

logger = logging.getLogger(__name__)


@dataclass
class Found:
    """Content of a folder and its sub-folders, each list sorted by path.

    Attributes:
        folder: The folder, or a single file that was named in its place.
        pictures: Files to read as pictures: those whose content is a picture's, and those whose suffix says so.
        folders: Sub-folders, without those that systems leave.
        not_read: Pictures of formats that are not read here, by format.
        left_out: Files that are no pictures, and what systems leave, by kind.
        dead_links: Links that lead nowhere.
        circles: Links to a folder that holds them, which are not followed, with that folder.
        repeated: Folders that links make part of the folder a second time, with the first path to each.
    """

    folder: Path
    pictures: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    not_read: Kinds = field(default_factory=dict)
    left_out: Kinds = field(default_factory=dict)
    dead_links: list[Path] = field(default_factory=list)
    circles: list[tuple[Path, Path]] = field(default_factory=list)
    repeated: list[tuple[Path, Path]] = field(default_factory=list)

    def problems(self) -> list[InputError]:
        """Return an error for each format that is not read, and one for dead links."""
        expected = f"pictures of the formats {', '.join(formats.readable())}"
        problems = [
            InputError(where, expected, received, formats.remedy(kind))
            for kind, paths in self.not_read.items()
            for where, received in [_place(self.folder, paths, kind)]
        ]
        if self.dead_links:
            link, *others = self.dead_links
            count = f" (and {len(others)} more)" if others else ""
            received = f"a link to {printable(link.readlink())}, which is not there{count}"
            next_step = "restore it, with dvc checkout for instance, or delete the link"
            problems.append(InputError(link, "a link to a file or a folder", received, next_step))
        return problems

    def check_any(self) -> None:
        """Refuse a folder without any picture.

        Raises:
            InputError: There is neither a picture nor one of `problems`.
        """
        if not (self.pictures or self.not_read or self.dead_links):
            received = f"none, but {summary(self.left_out)}" if self.left_out else "none"
            expected = f"pictures ({', '.join(formats.readable())})"
            are_packed = any(kind.endswith("archive") for kind in self.left_out)
            next_step = "unpack it, or name another folder" if are_packed else "name another folder"
            raise InputError(self.folder, expected, received, next_step)

    def tell(self) -> None:
        """Log what is left out, in one line, and the links that are not followed."""
        if self.left_out:
            logger.info("left out: %s", summary(self.left_out))
        for link, folder in self.circles:
            told = "warning: %s leads back to %s, which holds it; it is not followed"
            logger.warning(told, printable(link), printable(folder))
        for path, first in self.repeated:
            told = "warning: %s and %s are one folder, whose pictures are read twice"
            logger.warning(told, printable(first), printable(path))


def find(path: Path) -> Found:
    """Return the content of a folder and its sub-folders; links are followed.

    Args:
        path: Folder, or a single file, which is taken for a picture whatever it holds.

    Raises:
        InputError: There is neither a folder nor a file, or the files of a folder cannot be listed.
    """
    if path.is_file():
        return Found(path, pictures=[path])
    if not path.is_dir():
        received = "nothing there"
        if path.is_symlink():
            received = "a link that leads nowhere"
        elif path.exists():
            received = "a pipe or a device"
        raise InputError(path, "a picture or a folder of pictures", received, "check the path")
    found = Found(path)
    _sort_by_format(_walk(found), found)
    return found


def summary(kinds: Mapping[str, list[Path]]) -> str:
    """Return the number of files of each kind, the largest first, with the first path of each."""
    by_number = sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    return ", ".join(
        f"{formats.counted(kind, len(paths))} ({'the first ' if len(paths) > 1 else ''}{printable(paths[0])})"
        for kind, paths in by_number
    )


def _place(folder: Path, paths: list[Path], kind: str) -> tuple[Path, str]:
    """Return where the pictures of a format lie, and what they are: a single one, or those of a folder."""
    if len(paths) == 1:
        return paths[0], formats.article(kind)
    return folder, f"{formats.counted(kind, len(paths))}, the first {printable(paths[0])}"


def _walk(found: Found) -> list[Path]:
    """Return the regular files below the folder, sorted; note folders, dead links, circles and what systems leave."""
    files: list[Path] = []
    top = _identity(found.folder.stat())
    first_paths: dict[Identity, Path] = {top: found.folder}
    repeated: dict[Path, Path] = {}
    outside = {_identity(folder.stat()): folder for folder in found.folder.resolve().parents}
    pending = [(found.folder, {**outside, top: found.folder})]  # with the folders above each, by their identity
    while pending:
        folder, above = pending.pop()
        inner = []
        for entry in _entries(folder):
            path = folder / entry.name
            if kind := _system_kind(entry):
                found.left_out.setdefault(kind, []).append(path)
            elif entry.is_file(follow_symlinks=False):
                files.append(path)
            elif (status := _status(path)) is None:
                found.dead_links.append(path)
            elif stat.S_ISREG(status.st_mode):
                files.append(path)
            elif not stat.S_ISDIR(status.st_mode):
                found.left_out.setdefault("pipe or device", []).append(path)
            elif (identity := _identity(status)) in above:
                found.circles.append((path, above[identity]))
            else:
                inner.append((path, {**above, identity: path}))
                if identity in first_paths:
                    repeated[path] = first_paths[identity]
                first_paths.setdefault(identity, path)
        found.folders += [path for path, _ in inner]
        pending += reversed(inner)
    found.repeated = sorted(
        (path, first) for path, first in repeated.items() if repeated.keys().isdisjoint(path.parents)
    )
    for paths in (found.folders, found.dead_links, *found.left_out.values()):
        paths.sort()
    return sorted(files)


def is_of_system(name: str) -> bool:
    """Return True if a system left or hides the files and folders of a name, without their path."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    """Return the files and folders directly in a folder, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        expected = "a folder whose files can be listed"
        raise InputError(
            folder, expected, error.strerror or error, "change its permissions, or move it away"
        ) from error


def _system_kind(entry: "os.DirEntry[str]") -> str | None:
    """Return the kind of a file or folder that a system left or hides, or None."""
    if not is_of_system(entry.name):
        return None
    if entry.name.startswith(RESOURCE_FORK):
        return "resource fork"
    kind = "hidden" if entry.name.startswith(".") else "system"
    return f"{kind} {'folder' if entry.is_dir(follow_symlinks=False) else 'file'}"


def _status(path: Path) -> os.stat_result | None:
    """Return the status of what a link leads to, or None if it leads nowhere or to itself."""
    try:
        return path.stat()
    except OSError:
        return None


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _sort_by_format(paths: list[Path], found: Found) -> None:
    """Read the first bytes of files, and note each as a picture, as one that is not read, or as left out."""
    with progress(f"looking at the files of {printable(found.folder)}", len(paths), "files") as advance:
        for path in paths:
            name = _format(path)
            is_taken = formats.is_taken_for_picture(path)
            if name in formats.readable():
                found.pictures.append(path)
            elif formats.is_unread_picture(name) or (is_taken and name == formats.LFS_POINTER):
                found.not_read.setdefault(name, []).append(path)
            elif is_taken or name == UNREADABLE:
                found.pictures.append(path)  # so that reading it tells what it is
            else:
                found.left_out.setdefault(name, []).append(path)
            advance(1)


def _format(path: Path) -> str:
    try:
        return formats.identify(path)
    except OSError:
        return UNREADABLE
