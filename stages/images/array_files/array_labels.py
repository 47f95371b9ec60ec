"""Labels of arrays: numbers, names, or one column for each class, converted to labels from 0."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.common.errors import InputError
from stages.common.printable import is_printable
from stages.common.yaml_files import did_you_mean
from stages.images import catalog, class_names
from stages.images.array_files.npz import Array
from stages.images.arrays import Labels, Split
from stages.images.catalog import Dataset
from stages.images.findings import Findings

MAX_SHOWN = 5  # labels in a message
MAX_CHARACTERS = 1024  # of a name, with what fills its place in the array
WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})")
WITH_POINT = re.compile(rf"{WHOLE_NUMBER.pattern}\.0+")  # as pandas writes a column of whole numbers with gaps
MOST = 10**15  # no label is as large
START_AT_0 = "number the classes from 0, or leave `classes` out to name them by their numbers"

Values = dict[Split, npt.NDArray[Any]]


def convert(
    arrays: Mapping[Split, Array], counts: Mapping[Split, int], dataset: Dataset, findings: Findings
) -> tuple[list[str], dict[Split, Labels]]:
    """Return the names of the classes, label 0 first, and the labels of each split, int64, (num_images,).

    Args:
        arrays: Labels of each split: whole numbers, names or one-hot rows.
        counts: Number of images of each split.
        dataset: File of the dataset, which may name the classes.
        findings: Takes what is converted.

    Raises:
        InputError: Labels are of another kind or number, or do not fit the classes.
    """
    values: Values = {}
    columns: set[int] = set()
    for split, array in arrays.items():
        labels = array.values
        if labels.ndim == 2 and labels.shape[0] == counts[split] and labels.shape[1] > 1:
            values[split] = _of_one_hot(array)
            columns.add(labels.shape[1])
            findings.tell(f"{array.where}: one-hot rows of {labels.shape[1]} classes")
        else:
            values[split] = _flat(array, counts[split])
            if labels.dtype.kind == "f":
                findings.tell(f"{array.where}: {labels.dtype.name} labels read as whole numbers")
    if any(labels.dtype.kind == "U" for labels in values.values()):
        texts = {split: labels.astype(str) for split, labels in values.items()}
        names = sorted({str(name) for labels in texts.values() for name in np.unique(labels)})
        if not any(all(map(pattern.fullmatch, names)) for pattern in (WHOLE_NUMBER, WITH_POINT)):
            _refuse_mixed(arrays, values)
            return _by_name(arrays, texts, names, dataset, findings)
        values = {split: labels.astype(np.float64).astype(np.int64) for split, labels in texts.items()}
    return _by_number(arrays, values, max(columns, default=0), dataset, findings)


def _of_one_hot(array: Array) -> npt.NDArray[np.int64]:
    rows: npt.NDArray[Any] = np.asarray(array.values)
    if rows.shape[1] > catalog.MAX_CLASSES:
        expected = f"one-hot rows of 2…{catalog.MAX_CLASSES} classes"
        raise InputError(array.where, expected, f"{rows.shape[1]} columns", "check that these are labels")
    if rows.dtype.kind not in "biuf":
        raise InputError(array.where, "labels as whole numbers or names", rows.dtype, "save one label for each image")
    wrong = np.flatnonzero(((rows != 0) & (rows != 1)).any(axis=1) | (rows.sum(axis=1, dtype=np.float64) != 1))
    if wrong.size:
        row = rows[wrong[0]]
        is_binary = ((row == 0) | (row == 1)).all()
        found = "other numbers than 0 and 1" if not is_binary else "several ones" if row.any() else "none"
        received = f"{found} in row {wrong[0]}" + (f" and {wrong.size - 1} more" if wrong.size > 1 else "")
        next_step = "save one label for each image, for instance numpy.argmax(rows, axis=1)"
        raise InputError(array.where, "one-hot rows, each with a single 1", received, next_step)
    return np.asarray(np.argmax(rows, axis=1), np.int64)


def _flat(array: Array, count: int) -> npt.NDArray[Any]:
    """Return labels of one dimension: int64, or text."""
    labels = np.asarray(array.values)
    if labels.size != count or max(labels.shape, default=0) != count:
        received = f"the shape {labels.shape}"
        next_step = "save images and labels in the same order and number"
        raise InputError(array.where, f"{count} labels, one for each image", received, next_step)
    labels = labels.reshape(-1)
    if labels.dtype.kind in "SU":
        return _cleaned(array.where, labels)
    if labels.dtype.kind not in "biuf":
        raise InputError(array.where, "labels as whole numbers or names", labels.dtype, "save them as integers")
    if labels.dtype.kind in "uf":
        wide = labels.astype(np.float64)
        odd = wide[~(np.isfinite(wide) & (wide == np.floor(wide)) & (np.abs(wide) < MOST))]
        if odd.size:
            next_step = "number the classes from 0; measurements are no classes"
            raise InputError(array.where, "labels as whole numbers or names", f"{odd[0]:g}", next_step)
    return labels.astype(np.int64)


def _cleaned(where: str, labels: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """Return text or bytes as names without blanks around them, in one form of Unicode."""
    num_characters = labels.dtype.itemsize // np.dtype(f"{labels.dtype.kind}1").itemsize
    if num_characters > MAX_CHARACTERS:
        received = f"an array with room for {num_characters} in each"
        raise InputError(
            where, f"names of at most {MAX_CHARACTERS} characters", received, "check that these are labels"
        )
    found, inverse = np.unique(labels, return_inverse=True)
    try:
        texts = [name.decode() if isinstance(name, bytes) else name for name in found.tolist()]
    except UnicodeDecodeError as error:
        next_step = "save the labels as text: numpy.array(labels, dtype=str)"
        raise InputError(where, "names of classes in UTF-8", repr(error.object), next_step) from error
    return np.array([unicodedata.normalize("NFC", text.strip()) for text in texts])[inverse]


def _refuse_mixed(arrays: Mapping[Split, Array], values: Values) -> None:
    """Refuse names in one split and numbers in another."""
    by_kind = {labels.dtype.kind == "U": arrays[split].where for split, labels in reversed(values.items())}
    if len(by_kind) == 2:
        expected = f"names of classes like those of {by_kind[True]}"
        raise InputError(by_kind[False], expected, "numbers", "save names in both, or numbers in both")


def _by_name(
    arrays: Mapping[Split, Array], values: Values, names: list[str], dataset: Dataset, findings: Findings
) -> tuple[list[str], dict[Split, Labels]]:
    """Return classes and labels by the names that stand in the arrays."""
    where = arrays["train"].where
    _refuse_odd_names(where, names, dataset)
    classes = dataset.classes or names
    label_of = {unicodedata.normalize("NFC", name): label for label, name in enumerate(classes)}
    for name in names:
        if name not in label_of:
            expected = f"a class that {dataset.path} lists{did_you_mean(name, classes)}"
            raise InputError(where, expected, repr(name), "fix one of the two")
    if not dataset.classes:
        _check_count(where, classes)
    findings.tell(f"{where}: labels are names of classes")
    return classes, {
        split: np.asarray([label_of[name] for name in labels.tolist()], np.int64) for split, labels in values.items()
    }


def _refuse_odd_names(where: str, names: list[str], dataset: Dataset) -> None:
    missing = [name for name in names if name.casefold() in class_names.MISSING]
    if missing and not dataset.classes:
        raise InputError(where, "a name of a class for each image", repr(missing[0]), "leave these images out")
    hidden = [name for name in names if not is_printable(name)]
    if hidden:
        raise InputError(where, "names of one line of text", repr(hidden[0]), "remove these characters from the labels")
    alike: dict[object, str] = {}
    for name in names:
        other = alike.setdefault(class_names.likeness(name), name)
        if other != name and not dataset.classes:
            next_step = f"fix it, or list the classes in {dataset.path}"
            raise InputError(where, "one name for each class", f"{other!r} and {name!r}", next_step)


def _by_number(
    arrays: Mapping[Split, Array], values: Values, columns: int, dataset: Dataset, findings: Findings
) -> tuple[list[str], dict[Split, Labels]]:
    """Return classes and labels by the numbers that stand in the arrays."""
    where = arrays["train"].where
    present = sorted({int(label) for labels in values.values() for label in np.unique(labels)})
    named = dataset.classes
    if named is None:
        codes = list(range(columns)) if columns else _codes(where, present)
        classes = [str(code) for code in codes]
        if codes != list(range(len(codes))):
            findings.tell(f"{where}: labels {_shown(codes)} become {len(codes)} classes, named by their numbers")
    elif columns > len(named):
        expected = f"a column for each of the {len(named)} classes that {dataset.path} lists"
        raise InputError(where, expected, f"{columns} columns", "fix one of the two")
    else:
        classes = named
        found = _codes_of_classes(present, named)
        if found is None:
            raise _beyond(arrays, values, present, dataset)
        codes = found
        if codes[0] == 1 and codes == present:
            findings.tell(f"{where}: labels start at 1: 1 is {named[0]}, {len(named)} is {named[-1]}")
        elif codes != list(range(len(named))):
            findings.tell(f"{where}: labels {_shown(present)} are the names of the classes in {dataset.path}")
    index_of = np.asarray(codes)
    order = np.argsort(index_of, kind="stable")
    return classes, {
        split: order[np.searchsorted(index_of, labels, sorter=order)].astype(np.int64)
        for split, labels in values.items()
    }


def _codes(where: str, present: list[int]) -> list[int]:
    """Return the numbers that stand for the classes, if the dataset's file does not name these."""
    if present[0] < 0 and present != [-1, 1]:
        received = f"the label {present[0]}"
        next_step = "leave these images out if they have no label, or number the classes from 0"
        raise InputError(where, "labels from 0", received, next_step)
    _check_count(where, [str(label) for label in present])
    return present


def _codes_of_classes(present: list[int], classes: list[str]) -> list[int] | None:
    """Return the numbers that stand for named classes, label 0 first, or None if this is in doubt."""
    count = len(classes)
    if all(map(WHOLE_NUMBER.fullmatch, classes)) and set(map(str, present)) <= set(classes):
        return [int(name) for name in classes]
    if present[0] >= 0 and present[-1] < count:
        return list(range(count))
    return present if present == list(range(1, count + 1)) else None


def _beyond(arrays: Mapping[Split, Array], values: Values, present: list[int], dataset: Dataset) -> InputError:
    """Return the error of a label that stands for no class that the dataset's file names."""
    wrong = present[0] if present[0] < 0 else present[-1]
    split = next(split for split, labels in values.items() if (labels == wrong).any())
    expected = f"labels below {len(dataset.classes or [])}, the number of classes in {dataset.path}"
    received = f"the label {wrong} among {_shown(present)}"
    return InputError(arrays[split].where, expected, received, f"fix {dataset.path}, or {START_AT_0}")


def _check_count(where: str, classes: list[str]) -> None:
    if not 2 <= len(classes) <= catalog.MAX_CLASSES:
        expected = f"labels of 2…{catalog.MAX_CLASSES} classes"
        raise InputError(where, expected, f"{len(classes)} ({_shown(classes)})", "check that these are labels")


def _shown(labels: list[Any]) -> str:
    """Return labels, ascending, as a message shows them: 1…10, or the first ones and the number of the others."""
    if len(labels) > 2 and isinstance(labels[0], int) and labels[-1] - labels[0] == len(labels) - 1:
        return f"{labels[0]}…{labels[-1]}"
    more = f" and {len(labels) - MAX_SHOWN} more" if len(labels) > MAX_SHOWN else ""
    return ", ".join(map(str, labels[:MAX_SHOWN])) + more
