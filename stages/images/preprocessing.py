"""From the data of a dataset to its arrays, in constant memory."""

from pathlib import Path

import numpy as np

from stages import atomic
from stages.console import progress
from stages.errors import InputError
from stages.images import arrays, folder, idx, npz, picture_files, splitting, table
from stages.images.arrays import SPLITS, Description, Labels, Rows, Split
from stages.images.catalog import MOST_CLASSES, Csv, Dataset, Files, Folder, Npz
from stages.images.problems import stop_if_any
from stages.images.rows import FileRows

Splits = dict[Split, tuple[Rows, Labels]]


def preprocess(dataset: Dataset, description: Path, source: Path, output: Path) -> Description:
    """Write the arrays of a dataset to the folder `output`, all of them or none.

    Args:
        dataset: What the data are, and what the labels mean.
        description: The dataset's own file, named in errors.
        source: The folder of its IDX files or pictures, or its .npz file.
        output: Where the arrays go; what stood there is replaced.

    Returns:
        What was written.

    Raises:
        InputError: A file is missing or damaged, or files do not fit one another or the classes; or `output` holds
            anything else, which would be lost; or the dataset's own file was changed meanwhile.
    """
    unreadable: list[InputError] = []
    with atomic.scratch_folder(output, "unpacked") as scratch:
        classes, splits = _open(dataset, description, source, scratch, unreadable)
        if not dataset.files:
            _check_splits(splits, classes, source)
        _refuse_what_others_made(output)
        total = sum(len(labels) for _, labels in splits.values())
        with atomic.new_folder(output) as partial, progress(f"writing {output}", total, "images") as advance:
            described = {
                split: arrays.write_split(partial, split, images, labels, len(classes), advance)
                for split, (images, labels) in splits.items()
            }
            stop_if_any(sorted(unreadable, key=str), source)
            height, width, *channels = splits["train"][0].shape[1:]
            shape = height, width, channels[0] if channels else 1
            written = Description(classes=classes, image_shape=shape, **described)
            arrays.write_description(partial, written)
            dataset.check_unchanged(description)
    return written


def _open(
    dataset: Dataset, description: Path, source: Path, scratch: Path, unreadable: list[InputError]
) -> tuple[list[str], Splits]:
    """Return the classes, and the images and labels of both splits; pictures add to `unreadable` when they are read."""
    match dataset.data:
        case Files() as files:
            classes = dataset.classes or []
            return classes, _open_files(files, classes, description, source)
        case Npz() as keys:
            return _open_npz(keys, dataset, description, source, scratch)
        case Csv() as pictures:
            listed = table.list_pictures(source, pictures)
        case Folder() as pictures:
            listed = folder.list_pictures(source)
    return picture_files.open_splits(listed, dataset, pictures, description, source, unreadable)


def _open_files(files: Files, classes: list[str], description: Path, source: Path) -> Splits:
    splits: Splits = {}
    for split in SPLITS:
        images_path = source / getattr(files, f"{split}_images").name
        labels_path = source / getattr(files, f"{split}_labels").name
        images, labels = idx.open_images(images_path), idx.open_labels(labels_path)
        if len(images) != len(labels):
            raise InputError(labels_path, f"{len(images)} labels, one for each image", len(labels), idx.AGAIN)
        _check_labels(labels, len(classes), labels_path, description)
        splits[split] = FileRows(images), labels
    train, test = (images.shape[1:] for images, _ in splits.values())
    if train != test:
        where = source / files.test_images.name
        raise InputError(where, f"images of {train} pixels like the training images", test, idx.AGAIN)
    return splits


def _open_npz(keys: Npz, dataset: Dataset, description: Path, source: Path, scratch: Path) -> tuple[list[str], Splits]:
    opened = npz.open_splits(source, keys, scratch)
    highest = max(int(labels.max()) for _, labels in opened.values())
    classes = dataset.classes or [str(label) for label in range(max(2, min(highest + 1, MOST_CLASSES)))]
    for split, (_, labels) in opened.items():
        _check_labels(labels, len(classes), f"{source}: {getattr(keys, f'{split}_labels')}", description)
    if "test" in opened:
        splitting.refuse_settings(dataset, description)
        return classes, {split: (FileRows(images), labels) for split, (images, labels) in opened.items()}
    images, labels = opened["train"]
    order = splitting.mix(map(str, range(len(labels))), dataset.split_seed)
    held = splitting.hold_out(order, labels, dataset.test_fraction, classes, source)
    return classes, {
        split: (splitting.Chosen(images, some), labels[some]) for split, some in zip(SPLITS, held, strict=True)
    }


def _check_splits(splits: Splits, classes: list[str], source: Path) -> None:
    """Refuse data of one's own from which nothing can be learned, or on which nothing can be scored."""
    for split, (_, labels) in splits.items():
        if len(labels) == 0:
            raise InputError(source, f"images of the split {split}", "none", "add some")
    there = np.bincount(splits["train"][1], minlength=len(classes))
    missing = [name for name, count in zip(classes, there, strict=True) if count == 0]
    if missing:
        received = f"none of {', '.join(missing)}"
        raise InputError(source, "images of every class to train on", received, "add some, or leave the class out")


def _check_labels(labels: Labels, num_classes: int, where: Path | str, description: Path) -> None:
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= num_classes:
        expected = f"labels below {num_classes}, the number of classes in {description}"
        received = f"the label {lowest if lowest < 0 else highest}"
        raise InputError(where, expected, received, f"fetch the file again, or mend {description}")


def _refuse_what_others_made(output: Path) -> None:
    ours = {arrays.DESCRIPTION, *(f"{split}_{kind}.npy" for split in SPLITS for kind in ("images", "labels"))}
    others = sorted(file.name for file in output.glob("*") if file.name not in ours)
    if others or output.is_file():
        received = f"one that holds {others[0]}" if others else "a file"
        raise InputError(output, "a folder of arrays, or none", received, "name another --output")
