"""Names of class folders as names of classes: one name for each class, which any file and any terminal can show."""

import logging
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from stages.common.errors import InputError
from stages.common.printable import is_printable, printable
from stages.images import class_names

logger = logging.getLogger(__name__)


def name_classes(
    folders: Mapping[str, Sequence[Path]], classes: Sequence[str] | None, source: Path
) -> tuple[dict[str, str], list[InputError]]:
    """Return the class that each folder's name stands for, and the errors of names that stand for none.

    A name in another form of Unicode is the same name: macOS writes é as e and an accent. Blanks around it are dropped.
    Names may be the numbers of the classes that the dataset's file lists.

    Args:
        folders: Paths of the folders of each name, at least one.
        classes: Names of the classes, if the dataset's file lists them. Then names that are alike may stand side by
            side, such as A and a.
        source: Folder of the data.
    """
    listed = {composed(name): name for name in classes or ()}
    problems = [
        InputError(paths[0], "a name that is text of one line", f"{printable(name)!r}", "rename the folder")
        for name, paths in folders.items()
        if not (is_printable(name) and name.strip())
    ]
    named = {
        name: listed.get(composed(name), composed(name).strip())
        for name in folders
        if is_printable(name) and name.strip()
    }
    alike: dict[object, dict[str, Path]] = {}
    for name in named:
        alike.setdefault(class_names.likeness(composed(name)), {}).setdefault(composed(name), folders[name][0])
    pairs = [paths for paths in alike.values() if len(paths) > 1 and not paths.keys() <= listed.keys()]
    if pairs:
        problems.append(_alike(pairs, source))
    numbers = class_names.number_names(set(named.values()), classes) if classes else {}
    return {name: numbers.get(label, label) for name, label in named.items()}, problems


def tell(named: Mapping[str, str]) -> None:
    """Log the names of folders that are numbers of classes, or are written in more than one form of Unicode."""
    for line in class_names.describe_numbers(
        {name: label for name, label in named.items() if name.strip().isdecimal() and composed(name).strip() != label}
    ):
        logger.info(line)
    forms: dict[str, list[str]] = {}
    for name in named:
        forms.setdefault(composed(name), []).append(name)
    for name, written in forms.items():
        if len(written) > 1:
            told = "warning: the folders named %s differ only in the form of Unicode (NFC and NFD); they are one class"
            logger.warning(told, printable(name))


def composed(name: str) -> str:
    """Return a name with each accent and its letter as one character."""
    return unicodedata.normalize("NFC", name)


def _alike(pairs: Sequence[Mapping[str, Path]], source: Path) -> InputError:
    """Return the error of folders whose names differ too little to be those of two classes."""
    paths, *others = pairs
    names = list(paths)
    difference = class_names.difference_of(names) if len({*map(str.strip, names)}) > 1 else "blanks around them"
    quote = ascii if difference == class_names.INVISIBLE else repr
    shown = " and ".join(f"{quote(name)} ({printable(paths[name])})" for name in names)
    more = f" (and {len(others)} more)" if others else ""
    received = f"{shown}, which differ only in {difference}{more}"
    next_step = "merge the folders, or list both names under `classes` in the dataset's file"
    return InputError(source, "one name for each class", received, next_step)
