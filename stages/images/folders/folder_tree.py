"""Folders and their pictures as a tree."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stages.common.printable import printable
from stages.images.folders.files import Found
from stages.images.problems import list_names

ONE_PER_CLASS = "a folder of pictures for each class"  # expected of a tree


@dataclass
class Node:
    """Folder of a tree.

    Attributes:
        path: Its path.
        pictures: Pictures directly in it.
        folders: Its sub-folders by name.
        total: Number of pictures and dead links in it and below it.
    """

    path: Path
    pictures: list[Path] = field(default_factory=list)
    folders: "dict[str, Node]" = field(default_factory=dict)
    total: int = 0

    def all_pictures(self) -> list[Path]:
        """Return the pictures in the folder and below it."""
        return [*self.pictures, *(picture for folder in self.folders.values() for picture in folder.all_pictures())]

    def filled(self) -> "dict[str, Node]":
        """Return the sub-folders that hold pictures, or whose sub-folders do."""
        return {name: folder for name, folder in self.folders.items() if folder.total}

    def innermost(self) -> "Node":
        """Return the folder itself, or the first one below it that holds more than a single folder."""
        filled = self.filled()
        return next(iter(filled.values())).innermost() if len(filled) == 1 and not self.pictures else self


def build(found: Found) -> Node:
    """Return the folders and their pictures; those that cannot be read are among them, since they show a class.

    A dead link counts in the totals alone, since it may have led to a folder.
    """
    nodes = {found.folder: Node(found.folder)}
    for folder in found.folders:  # sorted, so that each comes after the one that holds it
        nodes[folder] = nodes[folder.parent].folders[folder.name] = Node(folder)
    for picture in (*found.pictures, *(path for paths in found.not_read.values() for path in paths)):
        nodes[picture.parent].pictures.append(picture)
    for link in found.dead_links:
        nodes[link.parent].total += 1
    for folder in (*reversed(found.folders), found.folder):
        node = nodes[folder]
        node.total += len(node.pictures) + sum(inner.total for inner in node.folders.values())
    return nodes[found.folder]


def count(pictures: list[Path], where: str) -> str:
    """Return in words how many pictures lie somewhere, and which is the first."""
    if len(pictures) == 1:
        return f"1 picture {where}, {printable(pictures[0])}"
    return f"{len(pictures)} pictures {where}, the first {printable(pictures[0])}"


def join(names: Iterable[str]) -> str:
    """Return names of folders as words: the first ones, and the number of the others."""
    return list_names([printable(name) for name in names])
