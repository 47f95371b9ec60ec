"""Conversion of a dataset's files to arrays, in constant memory."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common import atomic, special_files
from stages.common.console import progress
from stages.common.errors import InputError
from stages.images import arrays, catalog, checks
from stages.images.array_files import array_images, array_labels, idx, npz
from stages.images.arrays import ALL_SPLITS, SPLITS, DatasetInfo, Images, ImageSequence, Labels, Split, SplitInfo
from stages.images.catalog import Dataset
from stages.images.findings import Findings
from stages.images.folders import folder
from stages.images.picture_files import depth, labelled_pictures
from stages.images.problems import list_names, raise_if_any
from stages.images.rows import FileRows
from stages.images.splits import components, duplicates, groups, splitting, subsets
from stages.images.tables import pixel_table, table

Splits = dict[Split, tuple[ImageSequence, Labels]]


class Written(NamedTuple):
    """Split whose arrays are written: what was seen of its images, and its statistics."""

    images: checks.Watched
    info: SplitInfo


def preprocess(dataset: Dataset, source: Path, output: Path) -> tuple[DatasetInfo, list[int]]:
    """Write the arrays of a dataset to a folder, all of them or none.

    Args:
        dataset: File of the dataset.
        source: Folder of IDX files or pictures, or an .npz file.
        output: Folder of the arrays. Earlier arrays are replaced.

    Returns:
        Metadata of the arrays, and the indices of the training images that show one colour.

    Raises:
        InputError: A file is missing or damaged, files contradict one another or the classes, `output` holds other
            files, or the dataset's file changed in the meantime.
    """
    special_files.refuse(output, "name another --output")
    findings, hold_out = Findings(), splitting.HoldOut(dataset, source)
    with atomic.scratch_folder(output, "unpacked") as scratch:
        classes, splits = _open(dataset, source, scratch, findings, hold_out)
        if not dataset.files:
            _check_splits(splits, classes, source)
        _refuse_other_files(output)
        recorder = None if _is_downloaded(dataset) else duplicates.Recorder(scratch)
        with atomic.new_folder(output) as partial:
            written = _write(splits, len(classes), partial, output, recorder)
            errors = depth.merged(findings.errors) or findings.find_contradictions()
            raise_if_any(sorted(errors, key=str), source)
            copies = recorder.find() if recorder else None
            final = _divide_again(splits, written, copies, hold_out, scratch, partial) if copies else None
            again = _write(final, len(classes), partial, output) if final else {}
            if copies:
                arrays.write_groups(partial, _train_groups(splits, final, copies, hold_out))
            info = _info(classes, splits, written | again)
            arrays.write_info(partial, info)
            dataset.check_unchanged()
    findings.log()
    for split, each in (written | again).items():
        checks.warn(split, each.images, each.info, classes)
    if copies:
        duplicates.tell(copies, _contents(splits, written, final, source), hold_out)
    return info, (written | again)["train"].images.plain


def _write(
    splits: Splits, num_classes: int, folder: Path, output: Path, recorder: duplicates.Recorder | None = None
) -> dict[Split, Written]:
    """Write the arrays of splits to a folder.

    Args:
        splits: Images and labels by split.
        num_classes: Number of classes.
        folder: Folder to write to.
        output: Folder as the person named it, for the progress bar.
        recorder: Takes the hashes of the images, if there is one.
    """
    total = sum(len(labels) for _, labels in splits.values())
    written = {}
    with progress(f"writing {output}", total, "images") as advance:
        for split, (images, labels) in splits.items():
            watched = checks.Watched(images)
            seen = recorder.record(watched) if recorder else watched
            info = arrays.write_split(folder, split, seen, labels, num_classes, advance)
            written[split] = Written(watched, info)
    return written


def _divide_again(
    splits: Splits,
    written: dict[Split, Written],
    copies: duplicates.Copies,
    hold_out: splitting.HoldOut,
    scratch: Path,
    folder: Path,
) -> Splits | None:
    """Return training and test images that share no copies, or None if those that were written share none.

    Args:
        splits: Images and labels by split, as they were written.
        written: Names of the images.
        copies: Pairs of copies.
        hold_out: Division of the images, if it was made here.
        scratch: Folder for the arrays that were written.
        folder: Folder of these arrays, which are moved away.
    """
    positions = hold_out.split_again(copies.equal, copies.near)
    if positions is None:
        return None
    parts = []
    for split in SPLITS:
        path = (folder / f"{split}_images.npy").rename(scratch / f"{split}_images.npy")
        parts.append(subsets.Part(np.lib.format.open_memmap(path, mode="r"), written[split].images.name))
    labels = np.concatenate([splits[split][1] for split in SPLITS])
    return {split: (subsets.Joined(parts, some), labels[some]) for split, some in zip(SPLITS, positions, strict=True)}


def _train_groups(
    splits: Splits, final: Splits | None, copies: duplicates.Copies, hold_out: splitting.HoldOut
) -> subsets.Indices:
    """Return a number for each training image, equal for copies and for images of one group, (num_images,)."""
    numbers = components.connect_groups(copies.roots(with_near=True), hold_out.groups)
    images = (final or splits)["train"][0]
    return numbers[images.positions if isinstance(images, subsets.Joined) else slice(images.shape[0])]


def _contents(splits: Splits, written: dict[Split, Written], final: Splits | None, source: Path) -> duplicates.Contents:
    """Return labels, splits and names of all images, in the order in which they were first written."""
    counts = [len(labels) for _, labels in splits.values()]
    order = np.repeat(list(splits), counts)
    for split, (images, _) in (final or {}).items():
        if isinstance(images, subsets.Joined):
            order[images.positions] = split
    starts = np.cumsum([0, *counts])

    def name(position: int) -> str:
        part = int(np.searchsorted(starts, position, side="right")) - 1
        return [each.images for each in written.values()][part].name(position - int(starts[part]))

    return duplicates.Contents(np.concatenate([labels for _, labels in splits.values()]), order, name, source)


def _info(classes: list[str], splits: Splits, written: dict[Split, Written]) -> DatasetInfo:
    height, width, *channels = splits["train"][0].shape[1:]
    shape = height, width, channels[0] if channels else 1
    return DatasetInfo(classes=classes, image_shape=shape, **{split: each.info for split, each in written.items()})


def _is_downloaded(dataset: Dataset) -> bool:
    """Return True for files with checksums: they are published data, and nobody can correct them."""
    return dataset.files is not None and all(file.sha256 for file in dataset.files.each())


def _open(
    dataset: Dataset, source: Path, scratch: Path, findings: Findings, hold_out: splitting.HoldOut
) -> tuple[list[str], Splits]:
    """Return the classes, and the images and labels of both splits.

    The errors of unreadable pictures are added to the findings on access to their images.
    """
    match dataset.data:
        case catalog.Files() as files:
            classes = dataset.classes or []
            return classes, _open_idx(dataset, files, classes, source, findings)
        case catalog.Npz() as keys:
            return _open_npz(dataset, keys, source, scratch, findings, hold_out)
        case catalog.Csv() as settings if settings.pixels:
            return pixel_table.open_splits(dataset, settings, source, scratch, hold_out)
        case catalog.Csv() as settings:
            listed = table.list_pictures(source, dataset, settings)
        case catalog.Folder() as settings:
            listed = folder.list_pictures(source, dataset.classes)
            if settings.group:
                paths = [picture.path for picture in listed]
                names = groups.name_by_path(paths, settings.group, f"{dataset.path}: folder.group", source)
                listed = [picture._replace(group=name) for picture, name in zip(listed, names, strict=True)]
    return labelled_pictures.open_splits(listed, dataset, settings, source, findings, hold_out)


def _open_idx(dataset: Dataset, files: catalog.Files, classes: list[str], source: Path, findings: Findings) -> Splits:
    opened: dict[Split, tuple[Images, Labels]] = {}
    for split in SPLITS:
        images_path = source / getattr(files, f"{split}_images").name
        labels_path = source / getattr(files, f"{split}_labels").name
        images, labels = idx.open_images(images_path), idx.open_labels(labels_path)
        if len(images) != len(labels):
            raise InputError(labels_path, f"{len(images)} labels, one for each image", len(labels), idx.FETCH_AGAIN)
        opened[split] = images, labels
    first = _first_label([labels for _, labels in opened.values()], len(classes))
    if first:
        findings.tell(f"{source}: labels start at 1: 1 is {classes[0]}, {len(classes)} is {classes[-1]}")
    splits: Splits = {}
    for split, (pixels, given) in opened.items():
        from_0 = given - first
        _check_labels(from_0, len(classes), source / getattr(files, f"{split}_labels").name, dataset)
        splits[split] = FileRows(pixels), from_0
    train, test = (images.shape[1:] for images, _ in splits.values())
    if train != test:
        where = source / files.test_images.name
        raise InputError(where, f"images of {train} pixels like the training images", test, idx.FETCH_AGAIN)
    return splits


def _open_npz(
    dataset: Dataset,
    keys: catalog.Npz,
    source: Path,
    scratch: Path,
    findings: Findings,
    hold_out: splitting.HoldOut,
) -> tuple[list[str], Splits]:
    opened = npz.open_splits(source, keys, scratch, findings)
    npz.check_not_swapped(opened)
    num_labels = {split: max(pair.labels.values.shape, default=0) for split, pair in opened.items()}
    images = array_images.convert({split: pair.images for split, pair in opened.items()}, num_labels, findings)
    num_images = {split: some.shape[0] for split, some in images.items()}
    label_arrays = {split: pair.labels for split, pair in opened.items()}
    classes, labels = array_labels.convert(label_arrays, num_images, dataset, findings)
    if "test" in opened:
        splitting.refuse_split_settings(dataset)
        return classes, {split: (images[split], labels[split]) for split in opened}
    count = num_images["train"]
    names = np.arange(count).astype(f"U{len(str(count))}")  # a list of them would take three times the memory
    indices = hold_out.split(splitting.Pool(names, labels["train"], classes))
    splits: Splits = {
        split: (images["train"].select(some), labels["train"][some])
        for split, some in zip(SPLITS, indices, strict=True)
    }
    if "validation" in opened:
        told = f"no test images: {len(indices[1])} of the training images are held out as such"
        findings.tell(f"{source}: {told}; the validation images stay apart")
        splits["validation"] = images["validation"], labels["validation"]
    return classes, splits


def _first_label(labels: list[Labels], num_classes: int) -> int:
    """Return 1 if the labels are 1…num_classes, each of them, and 0 otherwise."""
    if max(int(some.max()) for some in labels) != num_classes:
        return 0
    present = np.unique(np.concatenate([np.unique(some) for some in labels]))
    return int(present.tolist() == list(range(1, num_classes + 1)))


def _check_splits(splits: Splits, classes: list[str], source: Path) -> None:
    """Refuse an empty split, and a class without training images."""
    for split, (_, labels) in splits.items():
        if len(labels) == 0:
            raise InputError(source, f"images of the split {split}", "none", "add some")
        counts = np.bincount(labels, minlength=len(classes))
        missing = [name for name, count in zip(classes, counts, strict=True) if count == 0]
        if missing and split == "train":
            none = f"none of {'class' if len(missing) == 1 else 'the classes'} {list_names(missing)}"
            next_step = "add some, or leave the class out of the data and of `classes`"
            raise InputError(source, "images of every class to train on", none, next_step)


def _check_labels(labels: Labels, num_classes: int, where: Path | str, dataset: Dataset) -> None:
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= num_classes:
        expected = f"labels below {num_classes}, the number of classes in {dataset.path}"
        received = f"the label {lowest if lowest < 0 else highest}"
        raise InputError(where, expected, received, f"fetch the file again, or correct {dataset.path}")


def _refuse_other_files(output: Path) -> None:
    """Refuse a folder with files other than a dataset's arrays, which would be deleted."""
    own = {
        arrays.INFO_FILE,
        arrays.GROUPS_FILE,
        *(f"{split}_{kind}.npy" for split in ALL_SPLITS for kind in ("images", "labels")),
    }
    others = sorted(file.name for file in output.glob("*") if file.name not in own)
    if others or output.is_file():
        received = f"one that holds {others[0]}" if others else "a file"
        raise InputError(output, "a folder of arrays, or none", received, "name another --output")
