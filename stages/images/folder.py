"""A folder of pictures with a sub-folder for each class."""

from pathlib import Path

from stages.console import say
from stages.errors import InputError
from stages.images import photos
from stages.images.arrays import SPLITS, Split
from stages.images.picture_files import Listed
from stages.images.problems import stop_if_any


def list_pictures(source: Path) -> list[Listed]:
    """Return the pictures of a folder, sorted by their paths; a class's name is its folder's.

    Where there are folders train and test, the classes stand in these. Hidden files and folders are left out without a
    word; files that are no pictures by their suffix are counted.

    Raises:
        InputError: There is no such folder, or it is not built like this.
    """
    if not source.is_dir():
        received = "a file" if source.is_file() else "none"
        next_step = "mend the dataset's `source` in params.yaml, or fetch the folder with dvc checkout"
        raise InputError(source, "a folder with a sub-folder for each class", received, next_step)
    problems: list[InputError] = []
    parts: dict[Split | None, Path] = {None: source}
    if all((source / split).is_dir() for split in SPLITS):
        parts = {split: source / split for split in SPLITS}
        problems += [
            InputError(path, "nothing beside the folders train and test", "this", "move it away")
            for path in _visible(source)
            if path.name not in SPLITS and (path.is_dir() or photos.is_picture(path))
        ]
    listed, others = [], []
    for split, part in parts.items():
        for path in _visible(part):
            if path.is_dir():
                found = photos.files_below(path)
                pictures = [file for file in found if photos.is_picture(file)]
                if not pictures:
                    suffixes = ", ".join(sorted(photos.SUFFIXES))
                    received = f"none, but {found[0].name}" if found else "an empty folder"
                    problems.append(InputError(path, f"pictures ({suffixes})", received, "add some, or remove it"))
                listed += [Listed(file.relative_to(source).as_posix(), path.name, split) for file in pictures]
                others += [file for file in found if not photos.is_picture(file)]
            elif photos.is_picture(path):
                problems.append(InputError(path, "a picture in the folder of its class", "one outside", "move it"))
            else:
                others.append(path)
    stop_if_any(problems, source)
    if others:
        say(f"left out: {len(others)} files that are no pictures by their suffix, the first {others[0]}")
    return sorted(listed)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
