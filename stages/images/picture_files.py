"""Listed picture files as the images and labels of a dataset, read when they are asked for."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.console import progress
from stages.errors import InputError
from stages.images import photos, splitting
from stages.images.arrays import SPLITS, Images, Labels, Rows, Split
from stages.images.catalog import MOST_CLASSES, Csv, Dataset, Folder, Rule
from stages.images.problems import stop_if_any


class Listed(NamedTuple):
    """A picture of a dataset.

    Attributes:
        path: From the dataset's folder, with slashes.
        label: Name of its class.
        split: "train" or "test", if that is known.
    """

    path: str
    label: str
    split: str | None


class PictureFiles:
    """Images that are read from picture files when they are asked for, `arrays.Rows`.

    One that cannot be read is black, and is noted in `unreadable`.
    """

    def __init__(
        self, paths: list[Path], shape: tuple[int, int, int], rule: Rule | None, unreadable: list[InputError]
    ) -> None:
        self._paths, self._rule, self._unreadable = paths, rule, unreadable
        self._pool = ThreadPoolExecutor(os.cpu_count())  # Pillow lets go of Python's lock
        self.shape = (len(paths), *shape)

    def __getitem__(self, some: slice) -> Images:
        """Return some of the images, uint8, 0…255."""
        return np.stack(list(self._pool.map(self._read, self._paths[some])))

    def _read(self, path: Path) -> Images:
        try:
            return photos.read(path, self.shape[1:], self._rule)
        except InputError as error:
            self._unreadable.append(error)
            return np.zeros(self.shape[1:], np.uint8)


def open_splits(
    listed: list[Listed],
    dataset: Dataset,
    pictures: Folder | Csv,
    description: Path,
    source: Path,
    unreadable: list[InputError],
) -> tuple[list[str], dict[Split, tuple[Rows, Labels]]]:
    """Return the classes of listed pictures, and the images and labels of each split, those of all classes mixed.

    Args:
        listed: The pictures.
        dataset: How they are split, and what their classes are, if it says so.
        pictures: Of which size and how many channels the images are to be.
        description: The dataset's own file, named in errors.
        source: The folder of the pictures.
        unreadable: Takes up what is wrong with pictures, when they are read.

    Raises:
        InputError: There are too few or too many classes, or too few pictures of one; sizes differ and none is named.
    """
    classes = _classes(listed, dataset, description, source)
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.asarray([numbers[picture.label] for picture in listed], np.int32)
    paths = [source / picture.path for picture in listed]
    shape = (*(pictures.image_size or _only_size(paths, dataset, description)), pictures.channels)
    rule = dataset.rule_for(shape, description)
    order = splitting.mix((picture.path for picture in listed), dataset.split_seed)
    if any(picture.split for picture in listed):
        splitting.refuse_settings(dataset, description)
        chosen = {split: [number for number in order if listed[number].split == split] for split in SPLITS}
    else:
        held = splitting.hold_out(order, labels, dataset.test_fraction, classes, source)
        chosen = {split: some.tolist() for split, some in zip(SPLITS, held, strict=True)}
    return classes, {
        split: (PictureFiles([paths[number] for number in some], shape, rule, unreadable), labels[some])
        for split, some in chosen.items()
    }


def _classes(listed: list[Listed], dataset: Dataset, description: Path, source: Path) -> list[str]:
    """Return the names of the classes, label 0 first: as the dataset's file has them, or sorted."""
    found = sorted({picture.label for picture in listed})
    if dataset.classes is None or not found:
        if not 2 <= len(found) <= MOST_CLASSES:
            received = f"{len(found)}{f' ({found[0]})' if found else ''}"
            raise InputError(source, f"pictures of 2…{MOST_CLASSES} classes", received, "mend the folder or the table")
        return found
    first = {picture.label: picture.path for picture in reversed(listed)}
    stop_if_any(
        [
            InputError(source / first[name], f"a class that {description} lists", repr(name), "mend one of the two")
            for name in found
            if name not in dataset.classes
        ],
        source,
    )
    return dataset.classes


def _only_size(paths: list[Path], dataset: Dataset, description: Path) -> tuple[int, int]:
    """Return the height and width that all pictures have."""
    first: dict[tuple[int, int], Path] = {}
    unreadable = []
    with progress("reading the sizes of the pictures", len(paths), "pictures") as advance:
        for path in paths:
            try:
                first.setdefault(photos.read_size(path), path)
            except InputError as error:
                unreadable.append(error)
            advance(1)
    if len(first) == 1:
        return next(iter(first))
    stop_if_any(unreadable, description)
    shown = " and ".join(f"{height} × {width} ({path})" for (height, width), path in list(first.items())[:2])
    raise InputError(
        f"{description}: {'folder' if dataset.folder else 'csv'}",
        "an image_size, since the pictures are not of one size",
        f"none; height × width are {shown}",
        "add image_size: [height, width], into which each picture is fitted whole",
    )
