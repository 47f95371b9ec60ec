"""Pictures with labels, as the images and labels of a dataset; each file is read when its image is needed."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.console import progress
from stages.common.errors import InputError
from stages.images import arrays, catalog, pictures, splitting
from stages.images.arrays import SPLITS, Images, ImageSequence, Labels, Split
from stages.images.catalog import Conversion, Dataset
from stages.images.problems import raise_if_any


class LabelledPicture(NamedTuple):
    """Picture file of a dataset, with its label.

    Attributes:
        path: Path from the dataset's folder, with slashes.
        label: Name of its class.
        split: "train" or "test", or None if the data have no splits.
    """

    path: str
    label: str
    split: str | None


class PictureFiles:
    """Images converted from picture files on access, an `arrays.ImageSequence`.

    An unreadable picture gives a black image, and its error is added to `unreadable`.

    Args:
        paths: Picture files.
        shape: Height, width and channels of the images, in pixels.
        conversion: Conversion of the pictures to images.
        unreadable: List that takes the errors of unreadable pictures.
    """

    def __init__(
        self,
        paths: list[Path],
        shape: tuple[int, int, int],
        conversion: Conversion | None,
        unreadable: list[InputError],
    ) -> None:
        self._paths, self._conversion, self._unreadable = paths, conversion, unreadable
        self._pool = ThreadPoolExecutor(os.cpu_count())  # Pillow releases the GIL
        self.shape = (len(paths), *shape)

    def __getitem__(self, some: slice) -> Images:
        """Return a slice of the images, uint8, 0…255."""
        return np.stack(list(self._pool.map(self._read, self._paths[some])))

    def _read(self, path: Path) -> arrays.Image:
        try:
            return pictures.read(path, self.shape[1:], self._conversion)
        except InputError as error:
            self._unreadable.append(error)
            return np.zeros(self.shape[1:], np.uint8)


def open_splits(
    listed: list[LabelledPicture],
    dataset: Dataset,
    settings: catalog.Pictures,
    source: Path,
    unreadable: list[InputError],
) -> tuple[list[str], dict[Split, tuple[ImageSequence, Labels]]]:
    """Return the classes of labelled pictures, and the images and labels of each split, shuffled.

    Args:
        listed: The pictures.
        dataset: File of the dataset. It may name the classes, and sets the split if the pictures have none.
        settings: Size and channels of the images.
        source: Folder of the pictures.
        unreadable: List that takes the errors of unreadable pictures, on access to their images.

    Returns:
        Names of the classes, label 0 first. By split, images, uint8, and labels, int32, (num_images,).

    Raises:
        InputError: The pictures have too few or too many classes, a class has only one picture, or their sizes differ
            and `settings` names none.
    """
    classes = _classes(listed, dataset, source)
    label_of = {name: label for label, name in enumerate(classes)}
    labels = np.asarray([label_of[picture.label] for picture in listed], np.int32)
    paths = [source / picture.path for picture in listed]
    shape = (*(settings.image_size or _common_size(paths, dataset)), settings.channels)
    conversion = dataset.conversion_for(shape)
    order = splitting.hash_permutation((picture.path for picture in listed), dataset.split_seed)
    if any(picture.split for picture in listed):
        splitting.refuse_split_settings(dataset)
        indices = {split: [index for index in order if listed[index].split == split] for split in SPLITS}
    else:
        both = splitting.stratified_split(order, labels, dataset.test_fraction, classes, source)
        indices = {split: some.tolist() for split, some in zip(SPLITS, both, strict=True)}
    return classes, {
        split: (PictureFiles([paths[index] for index in some], shape, conversion, unreadable), labels[some])
        for split, some in indices.items()
    }


def _classes(listed: list[LabelledPicture], dataset: Dataset, source: Path) -> list[str]:
    """Return the names of the classes, label 0 first: those of the dataset's file, or those found, sorted."""
    found = sorted({picture.label for picture in listed})
    if dataset.classes is None or not found:
        if not 2 <= len(found) <= catalog.MAX_CLASSES:
            expected = f"pictures of 2…{catalog.MAX_CLASSES} classes"
            received = f"{len(found)}{f' ({found[0]})' if found else ''}"
            raise InputError(source, expected, received, "mend the folder or the table")
        return found
    first = {picture.label: picture.path for picture in reversed(listed)}
    expected = f"a class that {dataset.path} lists"
    raise_if_any(
        [
            InputError(source / first[name], expected, repr(name), "mend one of the two")
            for name in found
            if name not in dataset.classes
        ],
        source,
    )
    return dataset.classes


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
        f"{dataset.path}: {'folder' if dataset.folder else 'csv'}",
        "an image_size, since the pictures are not of one size",
        f"none; height × width are {shown}",
        "add image_size: [height, width], into which each picture is fitted whole",
    )
