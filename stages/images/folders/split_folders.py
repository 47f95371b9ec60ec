"""Folders of splits, told from folders of classes by their names and by what they hold."""

import logging
import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from stages.common.errors import InputError
from stages.common.printable import printable
from stages.common.yaml_files import did_you_mean
from stages.images.arrays import ALL_SPLITS, SPLIT_NAMES, Split, split_of
from stages.images.catalog import MAX_CLASSES
from stages.images.folders import class_folders, folder_tree
from stages.images.folders.folder_tree import ONE_PER_CLASS, Node

LIKE_SPLIT = re.compile(rf"(^|[^a-z])({'|'.join(SPLIT_NAMES)})([^a-z]|$)")  # train2017, test_1, seg_train
LIKE_NUMBERED_SPLIT = re.compile(rf"({'|'.join(SPLIT_NAMES)})[\W_]*\d+")
WITHOUT_CLASS = re.compile(r"unlabell?ed|unsorted|holdout|eval(uation)?|pred(ict(ions?)?)?")
PARTS = re.compile(r"(jpeg|png)?(images?|imgs?)|(label|mask|annotation)s?|ground[ _-]?truth|gt")
HINT = "if these are classes, list them under `classes` in the dataset's file"

logger = logging.getLogger(__name__)


def find_splits(top: Node, classes: Sequence[str], problems: list[InputError]) -> dict[Split | None, Node]:
    """Return the folder of each split, or the whole folder with the key None; note what lies beside the splits.

    Raises:
        InputError: The folders may be splits or classes.
    """
    filled = top.filled()
    if _are_listed(top, classes):
        return {None: top}
    _refuse_parts(top)
    by_name = ((name, split) for name in top.folders if (split := split_of(name)))
    named = dict(sorted(by_name, key=lambda pair: ALL_SPLITS.index(pair[1])))
    are_all = filled.keys() <= named.keys()
    if len(set(named.values())) > 1 and (are_all or any(top.folders[name].filled() for name in named)):
        _check_split_names(top, named)
        problems += _beside_splits(top, named)
        splits: dict[Split | None, Node] = {
            split: _without_repetition(top.folders[name], split) for name, split in named.items()
        }
        _check_split_folders(top.path, splits, folder_tree.join(named))
        for folder in splits.values():
            if not _are_listed(folder, classes):
                _refuse_same_folders(folder)
        return splits
    _refuse_splits_beside_classes(top, named)
    _refuse_folder_too_deep(top)
    _refuse_splits_in_classes(top)
    _refuse_same_folders(top)
    _refuse_names_like_splits(top)
    return {None: top}


def _are_listed(folder: Node, classes: Sequence[str]) -> bool:
    """Return True if a folder holds pictures in the listed classes alone."""
    names = set(map(class_folders.composed, folder.filled()))
    return bool(names) and names <= set(map(class_folders.composed, classes))


def _beside_splits(top: Node, named: Mapping[str, Split]) -> list[InputError]:
    """Return the errors of folders and pictures beside the folders of the splits."""
    expected = f"nothing beside the folders {folder_tree.join(named)}"
    beside = [folder.path for name, folder in top.filled().items() if name not in named]
    problems = [InputError(path, expected, "a folder of pictures", "move it away") for path in beside]
    if top.pictures:
        problems.append(InputError(top.path, expected, folder_tree.count(top.pictures, "there"), "move them away"))
    return problems


def _check_split_names(top: Node, named: dict[str, Split]) -> None:
    """Refuse splits without a training split, and two folders for one split."""
    if "train" not in named.values():
        raise InputError(top.path, f"a folder train beside {folder_tree.join(named)}", "none", f"add it, or {HINT}")
    by_split: dict[Split, list[str]] = {}
    for name, split in named.items():
        by_split.setdefault(split, []).append(name)
    for split, names in by_split.items():
        if len(names) > 1:
            raise InputError(
                top.path, f"one folder for the split {split}", folder_tree.join(names), "merge them, or move one away"
            )


def _check_split_folders(source: Path, splits: Mapping[Split | None, Node], names: str) -> None:
    """Refuse splits of which none has a class folder, and class folders that lie too deep in a split.

    Args:
        source: Folder of the data.
        splits: Folder of each split.
        names: Names of these folders.
    """
    if not any(folder.filled() for folder in splits.values()):
        loose = [picture for folder in splits.values() for picture in folder.pictures]
        expected = f"a folder of pictures for each class in {names}"
        next_step = f"sort them into such folders, or list their classes in a table and use `csv`; {HINT}"
        raise InputError(source, expected, folder_tree.count(loose, "without a class"), next_step)
    for folder in splits.values():
        inner = folder.innermost()
        if inner is not folder and len(inner.filled()) > 1:
            expected = f"the folders of classes directly in {names}"
            raise InputError(source, expected, _only_folder(inner), "move the folders of classes up")


def _without_repetition(folder: Node, split: Split) -> Node:
    """Return the folder of the classes: that of the split, or one of the same name in it (train/train/cat)."""
    filled = folder.filled()
    name = next(iter(filled), "")
    return filled[name] if len(filled) == 1 and not folder.pictures and split_of(name) == split else folder


def _refuse_parts(top: Node) -> None:
    """Refuse pictures beside their labels or masks, as object detection and segmentation have them."""
    for folder in (top, *(folder for name, folder in top.folders.items() if split_of(name))):
        inner = {name for each in folder.folders.values() for name in each.filled()}
        are_parts = all(PARTS.fullmatch(name.casefold()) for name in folder.folders) and all(map(split_of, inner))
        if folder.total and len(folder.folders) > 1 and are_parts:
            received = f"the folders {folder_tree.join(folder.folders)}, as for detection or segmentation"
            next_step = f"sort the pictures into a folder for each class; {HINT}"
            raise InputError(folder.path, ONE_PER_CLASS, received, next_step)


def _refuse_splits_beside_classes(top: Node, named: dict[str, Split]) -> None:
    """Refuse a folder that is named after a split and holds class folders, beside folders of other names."""
    others = [name for name in top.filled() if name not in named]
    for name in named:
        inner = top.folders[name].filled()
        if not inner.keys().isdisjoint(others):
            expected = f"the pictures of one class, like {folder_tree.join(others)} beside it"
            next_step = f"move the training pictures into {printable(top.path / 'train')}, or {HINT}"
            raise InputError(
                top.folders[name].path, expected, f"folders of classes ({folder_tree.join(inner)})", next_step
            )
        if others and len(inner) > 1:
            expected = f"only folders of splits beside {printable(name)}, which holds folders of classes"
            next_step = f"name them train, test or validation, or move them away; {HINT}"
            raise InputError(top.path, expected, folder_tree.join(others), next_step)


def _refuse_folder_too_deep(top: Node) -> None:
    """Refuse a folder whose only sub-folder with pictures holds the class folders."""
    inner = top.innermost()
    if inner is not top and len(inner.filled()) > 1:
        next_step = f"set the dataset's `source` in params.yaml to {printable(inner.path)}"
        raise InputError(top.path, ONE_PER_CLASS, _only_folder(inner), next_step)


def _refuse_splits_in_classes(top: Node) -> None:
    """Refuse class folders that hold the splits, in place of splits that hold the class folders."""
    for name, folder in top.filled().items():
        inner = folder.innermost().filled()
        if len({split_of(each) for each in inner} - {None}) > 1:
            next_step = f"put the splits above the classes, as in {printable(top.path / 'train' / name)}, or {HINT}"
            raise InputError(
                folder.path, "the pictures of one class", f"folders of splits ({folder_tree.join(inner)})", next_step
            )


def _refuse_same_folders(top: Node) -> None:
    """Refuse folders that hold a sub-folder of the same name, if one of them holds several: splits, sites or years."""
    folders = dict(list(top.filled().items())[:MAX_CLASSES])
    inside = {name: _names_inside(folder) for name, folder in folders.items()}
    several = {name for name, folder in folders.items() if len(folder.innermost().filled()) > 1}
    for one, another in combinations(folders, 2):
        same = sorted(inside[one] & inside[another])
        if same and several & {one, another}:
            received = f"{folder_tree.join((one, another))}, which hold the same folders ({folder_tree.join(same)})"
            next_step = f"name the folders train, test and validation if they are splits; {HINT}"
            raise InputError(top.path, ONE_PER_CLASS, received, next_step)


def _names_inside(folder: Node) -> set[str]:
    """Return the names of the first sub-folders that lie beside one another or, if none do, of all."""
    inner = folder.innermost()
    names = set(inner.filled())
    return names if len(names) > 1 else names.union(inner.path.relative_to(folder.path).parts)


def _refuse_names_like_splits(top: Node) -> None:
    """Refuse folders whose names all look like those of splits."""
    names = list(top.filled())
    if len(names) > 1 and all(LIKE_SPLIT.search(name.casefold()) for name in names):
        next_step = f"sort the pictures into folders such as {printable(top.path / 'train/cat')}; {HINT}"
        raise InputError(
            top.path, ONE_PER_CLASS, f"the folders {folder_tree.join(names)}, named like splits", next_step
        )


def find_unknown_classes(splits: Mapping[Split | None, Node], class_of: Mapping[str, str]) -> list[InputError]:
    """Return an error for each split with class folders that the training split lacks.

    Args:
        splits: Folder of each split.
        class_of: Class of each folder's name, without those that are refused.
    """
    if "train" not in splits:
        return []
    train = splits["train"]
    names = [name for name in train.filled() if name in class_of]
    known = {class_of[name] for name in names}
    problems = []
    for folder in splits.values():
        unknown = [each for name, each in folder.filled().items() if class_of.get(name, "") not in {*known, ""}]
        if unknown and known:
            first = unknown[0]
            expected = f"a class of {printable(train.path)} ({folder_tree.join(names)})"
            more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
            received = f"none{did_you_mean(first.path.name, names)}{more}"
            next_step = "rename the folder after a class, add training pictures of it, or move it away"
            problems.append(InputError(first.path, expected, received, next_step))
    return problems


def tell_deeper_folders(splits: Mapping[Split | None, Node], class_of: Mapping[str, str]) -> None:
    """Log that folders in a class folder are no classes of their own, if a class folder holds several.

    Args:
        splits: Folder of each split.
        class_of: Class of each folder's name.
    """
    deep = [
        (class_of[name], folder.innermost())
        for node in splits.values()
        for name, folder in node.filled().items()
        if len(folder.innermost().filled()) > 1
    ]
    if deep:
        name, folder = deep[0]
        others = f" (and the like in {len(deep) - 1} more)" if len(deep) > 1 else ""
        told = "%s: the pictures in %s are of the class %s, whatever these folders' names%s"
        logger.info(told, printable(folder.path), folder_tree.join(folder.filled()), printable(name), others)


def warn_of_names_like_splits(splits: dict[Split | None, Node], classes: Sequence[str]) -> None:
    """Log the classes that are named like splits or like no class, unless the dataset's file lists them."""
    for name, folder in splits[None].filled().items() if None in splits else ():
        plain = name.strip().casefold()
        is_odd = split_of(name) or LIKE_NUMBERED_SPLIT.fullmatch(plain) or WITHOUT_CLASS.fullmatch(plain)
        if is_odd and name not in classes:
            told = "warning: %s is read as a class named %s; move it away if its pictures are of several classes"
            logger.warning(told, printable(folder.path), printable(name))


def _only_folder(folder: Node) -> str:
    names = folder.filled()
    return f"one folder, {printable(folder.path)}, which holds {len(names)} ({folder_tree.join(names)})"
