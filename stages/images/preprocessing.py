"""Conversion of a dataset's files to arrays, in constant memory."""

from pathlib import Path

import numpy as np

from stages.common import atomic
from stages.common.console import progress
from stages.common.errors import InputError
from stages.images import arrays, catalog, folder, idx, labelled_pictures, npz, splitting, table
from stages.images.arrays import SPLITS, DatasetInfo, ImageSequence, Labels, Split
from stages.images.catalog import Dataset
from stages.images.problems import raise_if_any
from stages.images.rows import FileRows

Splits = dict[Split, tuple[ImageSequence, Labels]]


def preprocess(dataset: Dataset, source: Path, output: Path) -> DatasetInfo:
    """Write the arrays of a dataset to a folder, all of them or none.

    Args:
        dataset: File of the dataset.
        source: Folder of IDX files or pictures, or an .npz file.
        output: Folder of the arrays. Earlier arrays are replaced.

    Returns:
        Metadata of the arrays.

    Raises:
        InputError: A file is missing or damaged, files contradict one another or the classes, `output` holds other
            files, or the dataset's file changed in the meantime.
    """
    unreadable: list[InputError] = []
    with atomic.scratch_folder(output, "unpacked") as scratch:
        classes, splits = _open(dataset, source, scratch, unreadable)
        if not dataset.files:
            _check_splits(splits, classes, source)
        _refuse_other_files(output)
        total = sum(len(labels) for _, labels in splits.values())
        with atomic.new_folder(output) as partial, progress(f"writing {output}", total, "images") as advance:
            infos = {
                split: arrays.write_split(partial, split, images, labels, len(classes), advance)
                for split, (images, labels) in splits.items()
            }
            raise_if_any(sorted(unreadable, key=str), source)
            height, width, *channels = splits["train"][0].shape[1:]
            shape = height, width, channels[0] if channels else 1
            info = DatasetInfo(classes=classes, image_shape=shape, **infos)
            arrays.write_info(partial, info)
            dataset.check_unchanged()
    return info


def _open(dataset: Dataset, source: Path, scratch: Path, unreadable: list[InputError]) -> tuple[list[str], Splits]:
    """Return the classes, and the images and labels of both splits.

    The errors of unreadable pictures are added to `unreadable` on access to their images.
    """
    match dataset.data:
        case catalog.Files() as files:
            classes = dataset.classes or []
            return classes, _open_idx(dataset, files, classes, source)
        case catalog.Npz() as keys:
            return _open_npz(dataset, keys, source, scratch)
        case catalog.Csv() as settings:
            listed = table.list_pictures(source, settings)
        case catalog.Folder() as settings:
            listed = folder.list_pictures(source)
    return labelled_pictures.open_splits(listed, dataset, settings, source, unreadable)


def _open_idx(dataset: Dataset, files: catalog.Files, classes: list[str], source: Path) -> Splits:
    splits: Splits = {}
    for split in SPLITS:
        images_path = source / getattr(files, f"{split}_images").name
        labels_path = source / getattr(files, f"{split}_labels").name
        images, labels = idx.open_images(images_path), idx.open_labels(labels_path)
        if len(images) != len(labels):
            raise InputError(labels_path, f"{len(images)} labels, one for each image", len(labels), idx.FETCH_AGAIN)
        _check_labels(labels, len(classes), labels_path, dataset)
        splits[split] = FileRows(images), labels
    train, test = (images.shape[1:] for images, _ in splits.values())
    if train != test:
        where = source / files.test_images.name
        raise InputError(where, f"images of {train} pixels like the training images", test, idx.FETCH_AGAIN)
    return splits


def _open_npz(dataset: Dataset, keys: catalog.Npz, source: Path, scratch: Path) -> tuple[list[str], Splits]:
    opened = npz.open_splits(source, keys, scratch)
    highest = max(int(labels.max()) for _, labels in opened.values())
    classes = dataset.classes or [str(label) for label in range(max(2, min(highest + 1, catalog.MAX_CLASSES)))]
    for split, (_, labels) in opened.items():
        _check_labels(labels, len(classes), f"{source}: {getattr(keys, f'{split}_labels')}", dataset)
    if "test" in opened:
        splitting.refuse_split_settings(dataset)
        return classes, {split: (FileRows(images), labels) for split, (images, labels) in opened.items()}
    images, labels = opened["train"]
    order = splitting.hash_permutation(map(str, range(len(labels))), dataset.split_seed)
    indices = splitting.stratified_split(order, labels, dataset.test_fraction, classes, source)
    return classes, {
        split: (splitting.Subset(images, some), labels[some]) for split, some in zip(SPLITS, indices, strict=True)
    }


def _check_splits(splits: Splits, classes: list[str], source: Path) -> None:
    """Refuse an empty split, and a class without training images."""
    for split, (_, labels) in splits.items():
        if len(labels) == 0:
            raise InputError(source, f"images of the split {split}", "none", "add some")
    counts = np.bincount(splits["train"][1], minlength=len(classes))
    missing = [name for name, count in zip(classes, counts, strict=True) if count == 0]
    if missing:
        received = f"none of {', '.join(missing)}"
        raise InputError(source, "images of every class to train on", received, "add some, or leave the class out")


def _check_labels(labels: Labels, num_classes: int, where: Path | str, dataset: Dataset) -> None:
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= num_classes:
        expected = f"labels below {num_classes}, the number of classes in {dataset.path}"
        received = f"the label {lowest if lowest < 0 else highest}"
        raise InputError(where, expected, received, f"fetch the file again, or mend {dataset.path}")


def _refuse_other_files(output: Path) -> None:
    """Refuse a folder with files other than a dataset's arrays, which would be deleted."""
    own = {arrays.INFO_FILE, *(f"{split}_{kind}.npy" for split in SPLITS for kind in ("images", "labels"))}
    others = sorted(file.name for file in output.glob("*") if file.name not in own)
    if others or output.is_file():
        received = f"one that holds {others[0]}" if others else "a file"
        raise InputError(output, "a folder of arrays, or none", received, "name another --output")
