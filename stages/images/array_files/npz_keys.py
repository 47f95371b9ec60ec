"""Keys of the arrays in an .npz file: those of the dataset's file, Keras's, or other usual names."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from stages.common.errors import InputError
from stages.images.arrays import ALL_SPLITS, SPLIT_NAMES, Split
from stages.images.catalog import Npz
from stages.images.findings import Findings

Kind = Literal["images", "labels"]
Shapes = Mapping[str, tuple[int, ...]]  # of the arrays in a file, by key

KINDS: tuple[Kind, ...] = ("images", "labels")
WORDS: dict[str, Kind] = {
    **dict.fromkeys(("y", "label", "labels", "lbl", "lbls", "target", "targets", "class", "category"), "labels"),
    **dict.fromkeys(("x", "image", "images", "img", "imgs", "data", "pixels", "pictures", "features"), "images"),
    **dict.fromkeys(("input", "inputs", "samples"), "images"),
}
SPLIT_WORDS: dict[str, Split] = {**SPLIT_NAMES, "tr": "train", "trn": "train", "te": "test", "tst": "test"}
OTHER_WORDS = {
    "name",
    "names",
    "id",
    "ids",
    "index",
    "indices",
    "mean",
    "std",
    "weights",
    "path",
    "paths",
    "shape",
    "map",
}
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
NAME_THEM = "name the keys under `npz` in the dataset's file"


class Keys(NamedTuple):
    """Keys of the images and labels of a split."""

    images: str
    labels: str


def choose(path: Path, named: Npz, shapes: Shapes, findings: Findings) -> dict[Split, Keys]:
    """Return the keys of each split.

    Args:
        path: The .npz file, for errors.
        named: Keys that the dataset's file names, and Keras's for the others.
        shapes: Shapes of the arrays in the file.
        findings: Takes what is read by other names than Keras's, and what is left out.

    Raises:
        InputError: Training images or labels are missing, a split has only one of the two, or names are ambiguous.
    """
    found = {split: _find(path, named, shapes, split) for split in ALL_SPLITS}
    if not all(found["train"].values()) and (pair := _only_pair(shapes)):
        found["train"] = {"images": pair.images, "labels": pair.labels}
    chosen: dict[Split, Keys] = {}
    for split, keys in found.items():
        images, labels = keys["images"], keys["labels"]
        if images and labels:
            chosen[split] = Keys(images, labels)
        elif split == "train" or images or labels:
            missing = getattr(named, f"{split}_{'labels' if images else 'images'}")
            received = ", ".join(sorted(shapes)) or "none"
            alone = f", or leave {images or labels} out of the file" if split != "train" else ""
            raise InputError(f"{path}: {missing}", "an array of this key", received, NAME_THEM + alone)
    for line in _lines(path, named, shapes, chosen):
        findings.tell(line)
    return chosen


def _find(path: Path, named: Npz, shapes: Shapes, split: Split) -> dict[Kind, str | None]:
    """Return the key of each kind of array of a split, or None if there is none."""
    found: dict[Kind, str | None] = {}
    is_named = named.model_fields_set & {f"{split}_{kind}" for kind in KINDS}
    for kind in KINDS:
        field = f"{split}_{kind}"
        key = getattr(named, field)
        if key in shapes:
            found[kind] = key
            continue
        if field in named.model_fields_set:
            raise InputError(f"{path}: {key}", "an array of this key", ", ".join(sorted(shapes)) or "none", NAME_THEM)
        alike = [other for other in shapes if _meaning(other) == (split, kind)]
        if not alike and split == "train":
            alike = [other for other in shapes if _meaning(other) == (None, kind)]
        if len(alike) > 1:
            raise InputError(path, f"one array of {split} {kind}", ", ".join(sorted(alike)), NAME_THEM)
        found[kind] = alike[0] if alike else None
        if is_named and not alike:
            raise InputError(f"{path}: {key}", "an array of this key", ", ".join(sorted(shapes)) or "none", NAME_THEM)
    return found


def _meaning(key: str) -> tuple[Split | None, Kind | None]:
    """Return the split and the kind of array that the words of a key stand for, such as X_train or trainLabels."""
    words = [word.lower() for word in WORD.findall(key)]
    if len(words) == 1 and words[0] not in WORDS:  # xtrain, testy
        words = _cut(words[0])
    split = next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)
    if OTHER_WORDS & set(words):
        return split, None
    kinds = [WORDS[word] for word in words if word in WORDS]
    return split, "labels" if "labels" in kinds else kinds[0] if kinds else None


def _cut(word: str) -> list[str]:
    """Return a word as the name of a split and the rest, such as x and train."""
    for name in sorted(SPLIT_WORDS, key=len, reverse=True):
        if word.startswith(name) and word.removeprefix(name) in WORDS:
            return [name, word.removeprefix(name)]
        if word.endswith(name) and word.removesuffix(name) in WORDS:
            return [name, word.removesuffix(name)]
    return [word]


def _only_pair(shapes: Shapes) -> Keys | None:
    """Return the keys of a file with two arrays of equal length, of which only one can be images."""
    if len(shapes) != 2:
        return None
    images, labels = sorted(shapes, key=lambda key: -len(shapes[key]))
    if len(shapes[images]) >= 3 and len(shapes[labels]) <= 2 and shapes[images][:1] == shapes[labels][:1]:
        return Keys(images, labels)
    return None


def _lines(path: Path, named: Npz, shapes: Shapes, chosen: dict[Split, Keys]) -> Iterator[str]:
    """Yield a line of the keys that the dataset's file does not name, and one of the arrays that are left out."""
    guessed = [
        f"{key} as {split} {kind}"
        for split, keys in chosen.items()
        for kind, key in zip(KINDS, keys, strict=True)
        if key != getattr(named, f"{split}_{kind}")
    ]
    if guessed:
        yield f"{path}: read {', '.join(guessed)}"
    others = sorted(shapes.keys() - {key for keys in chosen.values() for key in keys})
    if others:
        text = ", ".join(f"{key} {shapes[key]}" for key in others)
        prefix = "warning: " if any(len(shapes[key]) >= 3 for key in others) else ""
        could_be_read = any(len(shapes[key]) >= 3 or _meaning(key)[1] for key in others)
        yield f"{prefix}{path}: left out {text}" + (f"; {NAME_THEM} to read them" if could_be_read else "")
