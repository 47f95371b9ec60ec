"""Folder of pictures: a sub-folder for each class, or a folder for each split that holds these."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from stages.common.errors import InputError
from stages.common.printable import printable
from stages.common.yaml_files import did_you_mean
from stages.images.arrays import Split
from stages.images.folders import class_folders, files, folder_tree, split_folders
from stages.images.folders.files import Found
from stages.images.folders.folder_tree import ONE_PER_CLASS, Node
from stages.images.picture_files import formats
from stages.images.picture_files.labelled_pictures import LabelledPicture
from stages.images.problems import raise_if_any

MASK = re.compile(r"(.+)[ _-](?:mask|seg|segmentation|gt)(?:[ _-]?\d+)?(?:\.[^.]*)?$", re.IGNORECASE)
NEXT_STEPS = {
    "NumPy array": "write them into one file with numpy.savez, and use `npz` in the dataset's file",
    "NumPy .npz archive": "use `npz` in the dataset's file, and set its `source` in params.yaml to the file",
    "IDX file": "use `files` in the dataset's file",
    formats.LFS_POINTER: "git lfs pull",
}

logger = logging.getLogger(__name__)


def list_pictures(source: Path, classes: Sequence[str] | None = None) -> list[LabelledPicture]:
    """Return the pictures of a folder, sorted by their paths.

    A class has the name of its folder. The class folders may lie in folders named after splits, in any capitals: train
    or training; test or testing; val, valid, validation or dev. Pictures are known by their content. What is left out
    is counted in the log.

    Args:
        source: Folder of the data.
        classes: Names of the classes, if the dataset's file lists them. Folders of these names are never splits.

    Raises:
        InputError: The folder is missing, or has another structure.
    """
    _check_source(source)
    found = files.find(source)
    top = folder_tree.build(found)
    if not top.total:
        raise _nothing(found)
    problems = found.problems()
    splits = split_folders.find_splits(top, classes or (), problems)
    folders: dict[str, list[Path]] = {}
    for split, node in splits.items():
        problems += _misplaced(node, split, splits, found)
        for name, folder in node.filled().items():
            folders.setdefault(name, []).append(folder.path)
    class_of, wrong_names = class_folders.name_classes(folders, classes, source)
    problems += wrong_names or split_folders.find_unknown_classes(splits, class_of)
    problems += _shared_folders(found, splits)
    raise_if_any(problems, source)
    found.tell()
    class_folders.tell(class_of)
    if not classes:
        split_folders.tell_deeper_folders(splits, class_of)
    split_folders.warn_of_names_like_splits(splits, classes or ())
    _warn_of_masks(found.pictures)
    return sorted(
        LabelledPicture(picture.relative_to(source).as_posix(), class_of[name], split)
        for split, node in splits.items()
        for name, folder in node.filled().items()
        for picture in folder.all_pictures()
    )


def _check_source(source: Path) -> None:
    if source.is_dir():
        return
    expected = "a folder with a sub-folder for each class"
    next_step = "correct the dataset's `source` in params.yaml, or fetch the folder with dvc checkout"
    if source.parts[:1] == ("~",):
        raise InputError(source, expected, "a ~, which only a shell knows", "write the whole path")
    if not source.is_file():
        neighbours = [path.name for path in source.parent.glob("*") if path.is_dir()]
        raise InputError(source, expected, f"no such folder{did_you_mean(source.name, neighbours)}", next_step)
    kind = formats.identify(source)
    if kind.endswith("archive"):
        next_step = NEXT_STEPS.get(kind, "unpack it, and set the dataset's `source` in params.yaml to the folder")
    raise InputError(source, expected, formats.article(kind), next_step)


def _misplaced(node: Node, split: Split | None, splits: dict[Split | None, Node], found: Found) -> list[InputError]:
    """Return the errors of pictures outside any class, and of folders without pictures.

    Args:
        node: Folder of the classes.
        split: Split that the folder stands for, or None.
        splits: Folder of each split.
        found: Content of the whole source.
    """
    problems = []
    filled = node.filled()
    if split and not filled:
        other = next((each for each in splits.values() if each.filled()), node)
        expected = (
            f"a folder of pictures for each class{f', as in {printable(other.path)}' if other is not node else ''}"
        )
        received = folder_tree.count(node.pictures, "without a class") if node.pictures else "no pictures"
        next_step = f"{'sort them into such folders' if node.pictures else 'add some'}, or move this folder away"
        problems.append(InputError(node.path, expected, received, next_step))
    elif node.pictures:
        problems.append(_outside(node, found))
    empty = [folder.path for name, folder in node.folders.items() if name not in filled]
    if filled and empty:
        problems.append(_empty(node, empty, found))
    return problems


def _outside(node: Node, found: Found) -> InputError:
    """Return the error of pictures beside the class folders."""
    tables = [
        path for path in found.left_out.get(formats.TEXT, []) if path.parent == node.path and path.suffix == ".csv"
    ]
    expected, next_step = "a picture in the folder of its class", "move it"
    if tables:
        next_step = f"if {printable(tables[0])} says the classes, use `csv` in the dataset's file"
    elif not node.folders:
        next_step = "sort them into folders, or set `source` to the folder above if these are one class"
    if len(node.pictures) == 1:
        return InputError(node.pictures[0], expected, "one outside", next_step)
    next_step = "move them" if next_step == "move it" else next_step
    return InputError(
        node.path, "each picture in the folder of its class", folder_tree.count(node.pictures, "outside"), next_step
    )


def _empty(node: Node, empty: list[Path], found: Found) -> InputError:
    """Return the error of class folders without pictures."""
    if len(empty) > 1:
        received = f"none in {len(empty)} of {len(node.folders)}, the first {printable(empty[0])}"
        return InputError(node.path, "pictures in each class folder", received, "add some, or remove these folders")
    [path] = empty
    others = {
        kind: within
        for kind, paths in found.left_out.items()
        if (within := [each for each in paths if path in each.parents])
    }
    received = f"none, but {files.summary(others)}" if others else "an empty folder"
    return InputError(path, f"pictures ({', '.join(formats.readable())})", received, "add some, or remove it")


def _warn_of_masks(found: list[Path]) -> None:
    """Log pictures that are named as masks of others beside them: 1_mask.png beside 1.png."""
    originals = {path.with_name(match[1]): path for path in found if (match := MASK.match(path.name))}
    stems = {path.with_suffix("") for path in found} if originals else set()
    masks = [mask for original, mask in originals.items() if original in stems]
    if masks:
        told = "warning: %s; if these are masks, move them away, since they are read as pictures of the class"
        logger.warning(told, folder_tree.count(masks, "named like masks of others"))


def _nothing(found: Found) -> InputError:
    """Return the error of a folder without any picture."""
    expected, next_step = ONE_PER_CLASS, "correct the dataset's `source` in params.yaml, or fetch the pictures"
    shown = {kind: paths for kind, paths in found.left_out.items() if not kind.startswith("hidden")}
    if not shown:
        return InputError(
            found.folder, expected, "folders without files" if found.folders else "an empty folder", next_step
        )
    commonest = max(shown, key=lambda kind: len(shown[kind]))
    if commonest.endswith("archive"):
        next_step = "unpack them"
    next_step = NEXT_STEPS.get(commonest, next_step)
    return InputError(found.folder, expected, f"no pictures, but {files.summary(shown)}", next_step)


def _shared_folders(found: Found, splits: dict[Split | None, Node]) -> list[InputError]:
    """Return the error of folders that are part of two classes or two splits, if there are some."""

    def place(path: Path) -> tuple[Path, tuple[str, ...]]:
        """Return the split's folder and the class's folder in it, as far as the path leads to these."""
        folder = next((node.path for node in splits.values() if path.is_relative_to(node.path)), found.folder)
        return folder, path.relative_to(folder).parts[:1]

    shared = [pair for pair in found.repeated if place(pair[0]) != place(pair[1])]
    if not shared:
        return []
    (path, first), *others = shared
    more = f" (and {len(others)} more)" if others else ""
    received = f"those of {printable(first)}, since both are the same folder{more}"
    return [InputError(path, "pictures of its own", received, "remove one of the two links")]
