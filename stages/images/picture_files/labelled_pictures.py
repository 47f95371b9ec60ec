"""Pictures with labels, as the images and labels of a dataset; each file is read when its image is needed."""

import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.console import progress
from stages.common.errors import InputError
from stages.common.printable import printable
from stages.common.yaml_files import did_you_mean
from stages.images import arrays, catalog
from stages.images.arrays import ALL_SPLITS, Images, ImageSequence, Labels, Split
from stages.images.catalog import Conversion, Dataset
from stages.images.findings import Findings
from stages.images.picture_files import pictures
from stages.images.problems import list_names, raise_if_any, shorten
from stages.images.splits import groups, splitting
from stages.images.splits.splitting import HoldOut, Pool
from stages.images.splits.subsets import Indices

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")

logger = logging.getLogger(__name__)


class LabelledPicture(NamedTuple):
    """Picture file of a dataset, with its label.

    Attributes:
        path: Path from the dataset's folder, with slashes.
        label: Name of its class.
        split: "train", "test" or "validation", or None if the data have no splits.
        group: Name of its group, such as a patient, which stays on one side of the split. None if there are none.
    """

    path: str
    label: str
    split: Split | None
    group: str | None = None


class PictureFiles:
    """Images converted from picture files on access, an `arrays.ImageSequence`.

    An unreadable picture gives a black image, and its error is added to the findings.

    Args:
        paths: Picture files.
        shape: Height, width and channels of the images, in pixels.
        conversion: Conversion of the pictures to images.
        findings: Takes the errors of unreadable pictures and the notes on the others.
    """

    def __init__(
        self, paths: list[Path], shape: tuple[int, int, int], conversion: Conversion | None, findings: Findings
    ) -> None:
        self.paths, self._conversion, self._findings = paths, conversion, findings
        self._pool = ThreadPoolExecutor(os.cpu_count())  # Pillow releases the GIL
        self.shape = (len(paths), *shape)

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        return np.stack(list(self._pool.map(self._read, self.paths[some])))

    def name(self, index: int) -> str:
        """Return the path of an image's picture."""
        return str(self.paths[index])

    def _read(self, path: Path) -> arrays.Image:
        try:
            return pictures.read(path, self.shape[1:], self._conversion, self._findings)
        except InputError as error:
            self._findings.errors.append(error)
            return np.zeros(self.shape[1:], np.uint8)


def open_splits(
    listed: list[LabelledPicture],
    dataset: Dataset,
    settings: catalog.Pictures,
    source: Path,
    findings: Findings,
    hold_out: HoldOut,
) -> tuple[list[str], dict[Split, tuple[ImageSequence, Labels]]]:
    """Return the classes of labelled pictures, and the images and labels of each split, shuffled.

    Args:
        listed: The pictures.
        dataset: File of the dataset. It may name the classes, and sets the split if the pictures have none.
        settings: Size and channels of the images.
        source: Folder of the pictures.
        findings: Takes the errors of unreadable pictures, on access to their images.
        hold_out: Divides the pictures if they have no test pictures.

    Returns:
        Names of the classes, label 0 first. By split, images, uint8, and labels, int32, (num_images,).

    Raises:
        InputError: The pictures have too few or too many classes, a class has only one picture, or their sizes differ
            and `settings` names none.
    """
    classes, labels, indices = index_splits(listed, dataset, source, hold_out)
    paths = [source / picture.path for picture in listed]
    shape = (*(settings.image_size or _common_size(paths, dataset)), settings.channels)
    arrays.check_image_shape(shape, f"{dataset.path}: {_key(dataset)}.image_size")
    conversion = dataset.conversion_for(shape)
    return classes, {
        split: (PictureFiles([paths[index] for index in some], shape, conversion, findings), labels[some])
        for split, some in indices.items()
    }


def index_splits(
    listed: list[LabelledPicture], dataset: Dataset, source: Path, hold_out: HoldOut
) -> tuple[list[str], Labels, dict[Split, Indices]]:
    """Return the classes of labelled pictures, their labels, and the indices of each split, shuffled.

    Args:
        listed: The pictures, or rows of a table that stand for images.
        dataset: File of the dataset. It may name the classes, and sets the split if the pictures have none.
        source: Folder of the pictures, for errors.
        hold_out: Divides the pictures if they have no test pictures.

    Returns:
        Names of the classes, label 0 first. Labels, int32, (num_pictures,). Indices by split, int64.

    Raises:
        InputError: The pictures have too few or too many classes, or a class has only one picture.
    """
    classes = _classes(listed, dataset, source)
    label_of = {name: label for label, name in enumerate(classes)}
    labels = np.asarray([label_of[picture.label] for picture in listed], np.int32)
    names = None
    if any(picture.group for picture in listed):
        names = groups.merge([picture.group or "" for picture in listed])
        _refuse_divided_groups(listed, names, source)
    pool = Pool([picture.path for picture in listed], labels, classes, names)
    indices = _split(listed, pool, dataset, hold_out)
    if names:
        hold_out.groups = [names[index] for some in indices.values() for index in some.tolist()]
    return classes, labels, indices


def _split(listed: list[LabelledPicture], pool: Pool, dataset: Dataset, hold_out: HoldOut) -> dict[Split, Indices]:
    """Return the indices of the pictures of each split, shuffled; hold out test pictures if the data have none."""
    splits = {picture.split for picture in listed} - {None}
    if not splits:
        train, test = hold_out.split(pool)
        return {"train": train, "test": test}
    order = splitting.hash_permutation(pool.names, dataset.split_seed)
    indices: dict[Split, Indices] = {
        split: order[[listed[index].split == split for index in order]] for split in ALL_SPLITS
    }
    if splits == {"train", "validation"}:
        indices["train"], indices["test"] = hold_out.split(replace(pool, indices=indices["train"]))
        told = "no test pictures: %d of the training pictures are held out as such; the validation pictures stay apart"
        logger.info(told, len(indices["test"]))
    else:
        splitting.refuse_split_settings(dataset)
    return {split: some for split, some in indices.items() if split != "validation" or len(some)}


def _refuse_divided_groups(listed: list[LabelledPicture], groups_of: list[str], source: Path) -> None:
    """Refuse a split of the data that divides a group."""
    first: dict[str, LabelledPicture] = {}
    divided: dict[str, LabelledPicture] = {}
    for picture, group in zip(listed, groups_of, strict=True):
        if first.setdefault(group, picture).split != picture.split:
            divided.setdefault(group, picture)
    if divided:
        name, other = next(iter(divided.items()))
        received = f"{len(divided)} in several, the first {shorten(name)} ({first[name].path} and {other.path})"
        next_step = "move the pictures of a group into one split, or leave `group` out"
        raise InputError(source, "each group in one split", received, next_step)


def _classes(listed: list[LabelledPicture], dataset: Dataset, source: Path) -> list[str]:
    """Return the names of the classes, label 0 first: those of the dataset's file, or those found, sorted.

    Names that are all numbers are sorted by their values.
    """
    found = sorted({picture.label for picture in listed})
    are_numbers = all(map(NUMBER.fullmatch, found))
    if are_numbers:
        found.sort(key=Decimal)
    if dataset.classes is None or not found:
        if not 2 <= len(found) <= catalog.MAX_CLASSES:
            expected = f"pictures of 2…{catalog.MAX_CLASSES} classes"
            received = f"{len(found)}{f' ({printable(found[0])})' if len(found) == 1 else ''}"
            next_step = "merge classes, or leave some out" if len(found) > 1 else "add another class"
            raise InputError(source, expected, received, next_step)
        return found
    unlisted = [name for name in found if name not in dataset.classes]
    if unlisted:
        first = next(picture.path for picture in listed if picture.label == unlisted[0])
        numbers = f", or their numbers, 0…{len(dataset.classes) - 1}" if are_numbers else ""
        expected = f"classes that {dataset.path} lists{did_you_mean(unlisted[0], dataset.classes)}{numbers}"
        received = list_names([repr(name) for name in unlisted])
        raise InputError(source / first, expected, received, "rename the classes here, or list them there")
    return dataset.classes


def _key(dataset: Dataset) -> str:
    return "folder" if dataset.folder else "csv"


def _common_size(paths: list[Path], dataset: Dataset) -> tuple[int, int]:
    """Return the height and width of all pictures, in pixels; raise if they differ."""
    first: dict[tuple[int, int], Path] = {}
    unreadable = []
    with progress("reading the sizes of the pictures", len(paths), "pictures") as advance:
        for path in paths:
            try:
                first.setdefault(pictures.read_size(path), path)
            except InputError as error:
                unreadable.append(error)
            advance(1)
    if len(first) == 1:
        return next(iter(first))
    raise_if_any(unreadable, dataset.path)
    shown = " and ".join(f"{height} × {width} ({path})" for (height, width), path in list(first.items())[:2])
    raise InputError(
        f"{dataset.path}: {_key(dataset)}",
        "an image_size, since the pictures are not of one size",
        f"none; height × width are {shown}",
        "add image_size: [height, width], into which each picture is fitted whole",
    )
