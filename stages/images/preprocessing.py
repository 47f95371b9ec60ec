"""From the files of a dataset to its arrays, in constant memory."""

from pathlib import Path

from stages import atomic
from stages.console import progress
from stages.errors import InputError
from stages.images import arrays, idx
from stages.images.arrays import SPLITS, Description, Images, Labels, Split
from stages.images.catalog import Dataset


def preprocess(dataset: Dataset, description: Path, source: Path, folder: Path) -> None:
    """Write the arrays of a dataset to `folder`, all of them or none.

    Args:
        dataset: Which files, and what the labels mean.
        description: The dataset's own file, named in errors.
        source: The folder of its IDX files.
        folder: Where the arrays go; what stood there is replaced.

    Raises:
        InputError: A file is missing or damaged, or files do not fit one another or the classes; or `folder` holds
            anything else, which would be lost.
    """
    splits = {split: _open_split(dataset, description, source, split) for split in SPLITS}
    shapes = {split: images.shape[1:] for split, (images, _) in splits.items()}
    if shapes["train"] != shapes["test"]:
        where = source / dataset.files.test_images.name
        raise InputError(
            where, f"images of {shapes['train']} pixels like the training images", shapes["test"], idx.AGAIN
        )
    _refuse_what_others_made(folder)
    total = sum(len(labels) for _, labels in splits.values())
    with atomic.new_folder(folder) as partial, progress(f"writing {folder}", total, "images") as advance:
        described = {
            split: arrays.write_split(partial, split, images, labels, len(dataset.classes), advance)
            for split, (images, labels) in splits.items()
        }
        arrays.write_description(
            partial, Description(classes=dataset.classes, image_shape=(*shapes["train"], 1), **described)
        )


def _refuse_what_others_made(folder: Path) -> None:
    ours = {arrays.DESCRIPTION, *(f"{split}_{kind}.npy" for split in SPLITS for kind in ("images", "labels"))}
    others = sorted(file.name for file in folder.glob("*") if file.name not in ours)
    if others or folder.is_file():
        received = f"one that holds {others[0]}" if others else "a file"
        raise InputError(folder, "a folder of arrays, or none", received, "name another --output")


def _open_split(dataset: Dataset, description: Path, source: Path, split: Split) -> tuple[Images, Labels]:
    images_path = source / getattr(dataset.files, f"{split}_images").name
    labels_path = source / getattr(dataset.files, f"{split}_labels").name
    images, labels = idx.open_images(images_path), idx.open_labels(labels_path)
    if len(images) != len(labels):
        raise InputError(labels_path, f"{len(images)} labels, one for each image", len(labels), idx.AGAIN)
    highest = int(labels.max())
    if highest >= len(dataset.classes):
        expected = f"labels below {len(dataset.classes)}, the number of classes in {description}"
        raise InputError(labels_path, expected, f"the label {highest}", f"fetch the file again, or mend {description}")
    return images, labels
