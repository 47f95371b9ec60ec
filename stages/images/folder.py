"""Folder of pictures with a sub-folder per class."""

import logging
from pathlib import Path

from stages.common.errors import InputError
from stages.images import pictures
from stages.images.arrays import SPLITS, Split
from stages.images.labelled_pictures import LabelledPicture
from stages.images.problems import raise_if_any

logger = logging.getLogger(__name__)


def list_pictures(source: Path) -> list[LabelledPicture]:
    """Return the pictures of a folder, sorted by their paths.

    A class has the name of its folder. If there are folders train and test, the class folders lie in these. Hidden
    files and folders are skipped. Files with other suffixes than those of pictures are counted in the log.

    Args:
        source: Folder of the data.

    Raises:
        InputError: The folder is missing, or has another structure.
    """
    if not source.is_dir():
        received = "a file" if source.is_file() else "none"
        next_step = "mend the dataset's `source` in params.yaml, or fetch the folder with dvc checkout"
        raise InputError(source, "a folder with a sub-folder for each class", received, next_step)
    problems: list[InputError] = []
    listed: list[LabelledPicture] = []
    others: list[Path] = []
    for split, folder in _split_folders(source, problems).items():
        for path in _visible(folder):
            if path.is_dir():
                files = pictures.files_below(path)
                found = [file for file in files if pictures.is_picture(file)]
                listed += [LabelledPicture(file.relative_to(source).as_posix(), path.name, split) for file in found]
                others += [file for file in files if not pictures.is_picture(file)]
                if not found:
                    problems.append(_no_pictures(path, files))
            elif pictures.is_picture(path):
                problems.append(InputError(path, "a picture in the folder of its class", "one outside", "move it"))
            else:
                others.append(path)
    raise_if_any(problems, source)
    if others:
        logger.info("left out: %d files that are no pictures by their suffix, the first %s", len(others), others[0])
    return sorted(listed)


def _split_folders(source: Path, problems: list[InputError]) -> dict[Split | None, Path]:
    """Return the folder of each split, or the whole folder with the key None; note what lies beside train and test."""
    if not all((source / split).is_dir() for split in SPLITS):
        return {None: source}
    problems += [
        InputError(path, "nothing beside the folders train and test", "this", "move it away")
        for path in _visible(source)
        if path.name not in SPLITS and (path.is_dir() or pictures.is_picture(path))
    ]
    return {split: source / split for split in SPLITS}


def _no_pictures(folder: Path, files: list[Path]) -> InputError:
    suffixes = ", ".join(sorted(pictures.SUFFIXES))
    received = f"none, but {files[0].name}" if files else "an empty folder"
    return InputError(folder, f"pictures ({suffixes})", received, "add some, or remove it")


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
