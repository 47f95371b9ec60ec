"""Names of classes in a table: labels that stand for no class, and names that are probably one class."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from stages.common.errors import InputError
from stages.common.printable import is_printable, printable
from stages.common.yaml_files import did_you_mean
from stages.images.problems import MAX_LINES, Place, lines_of, list_names, shorten

MISSING = {
    "", "#div/0!", "#n/a", "#name?", "#null!", "#num!", "#ref!", "#value!", "(blank)", "(none)", "(null)", "-", "--",
    "---", ".", "..", "...", "<na>", "?", "??", "???", "\\n", "n.a.", "n/a", "na", "nan", "nat", "nil", "none",
    "not available", "null", "undefined", "unlabeled", "unlabelled", "–", "—",
}  # fmt: skip # in small letters: what people, databases, pandas, R and Excel write for a value that is not there
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)  # with a decimal point or comma
FILLERS = re.compile(r"(?<=[^\W\d_])[\s_-]+(?=\w)|(?<=\w)[\s_-]+(?=[^\W\d_])")  # not 1-2, nor A- or -1
JOINED = re.compile(r"\s*[,;|/+&]\s*|\s+")
LISTED = re.compile(r"\s*[,;|]\s*")
BRACKETS = str.maketrans("", "", "[](){}'\"")  # of lists such as ['cat', 'dog']
MARKS = " _.,;:'\"`\u00b4\u2018\u2019\u201c\u201d\u00ab\u00bb"  # around a name
# letters of Cyrillic and Greek that look like Latin ones
LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u043a\u043c\u0442\u03bf\u03b1\u03bd",
    "aeopcyxijskmtoav",
)
VARIANTS = "\ufe0e\ufe0f"  # behind an emoji or a sign, they choose its look
MAX_NAME = 255  # characters of a class's name, as of a folder's
UNLABELLED = {"-1", "-99", "-999", "-9999"}  # among numbers of classes
INVISIBLE = "characters that look alike or are invisible"
LIST_THEM = "list the classes under `classes` in {}, where exact names count"

Places = Mapping[str, Sequence[Place]]  # lines of each label, at least one


def problems(places: Places, classes: Sequence[str] | None, dataset_path: Path) -> list[InputError]:
    """Return an error for each label that is no class, and for labels that are probably one class or several.

    Args:
        places: Lines of each label, without blanks around it.
        classes: Names of the classes, if the dataset's file lists them. Then exact names count, and nothing else.
        dataset_path: The dataset's file, for errors.
    """
    if classes is not None:
        return _unlisted(places, classes, dataset_path)
    list_them = LIST_THEM.format(dataset_path)
    long = {name for name in places if len(name) > MAX_NAME}
    short = {name: lines for name, lines in places.items() if name not in long}
    return [
        *_too_long(long, places),
        *_no_classes(short, list_them),
        *_one_class(short, list_them),
        *_several_classes(short, list_them),
    ]


def likeness(name: str) -> str | Decimal:
    """Return a key that is equal for names that are probably one class: a number, or letters without their form."""
    if len(name) > MAX_NAME:  # the patterns would take long
        return name
    plain = unicodedata.normalize("NFKC", name).casefold()
    visible = (letter for letter in plain if unicodedata.category(letter) != "Cf" and letter not in VARIANTS)
    plain = unicodedata.normalize("NFKC", "".join(visible))
    for number in (plain.strip(), plain.strip(MARKS)):
        if (value := _number(number)) is not None:
            return value
    key = re.sub(r"\s+", " ", FILLERS.sub("", plain.strip(MARKS)))
    return (key.translate(LOOK_ALIKES) if len(key) > 1 else key) or name


def number_names(labels: Collection[str], classes: Sequence[str] | None) -> dict[str, str]:
    """Return the name of the class for each label, if the labels are numbers of classes. Otherwise return nothing.

    The numbers are indices of `classes`, from 0. They count from 1 if they are exactly 1 to the number of classes.
    Without `classes`, whole numbers that are all written with a decimal point or comma lose it.

    Args:
        labels: Labels of a table, all different.
        classes: Names of the classes, label 0 first, if the dataset's file lists them.
    """
    numbers = {label: number for label in labels if (number := _whole(label)) is not None}
    found = set(numbers.values())
    if not numbers or len(numbers) < len(labels) or len(found) < len(numbers):
        return {}
    if classes is None:
        return (
            {label: str(number) for label, number in numbers.items()}
            if all("." in name or "," in name for name in labels)
            else {}
        )
    if not numbers.keys().isdisjoint(classes):
        return {}
    if 0 in found and max(found) < len(classes):
        return {label: classes[number] for label, number in numbers.items()}
    if found == set(range(1, len(classes) + 1)):
        return {label: classes[number - 1] for label, number in numbers.items()}
    return {}


def describe_numbers(names: Mapping[str, str]) -> list[str]:
    """Return a line for the log on labels that are numbers of classes, if there are any.

    Args:
        names: Name of the class for each label, from `number_names`.
    """
    pairs = [f"{label} is {name}" for label, name in sorted(names.items(), key=lambda item: _whole(item[0]) or 0)]
    return [f"labels are numbers of classes: {list_names(pairs)}"] if pairs else []


def is_missing(name: str) -> bool:
    """Return True if a cell holds what people and programs write for a missing value."""
    return not {name.casefold(), unicodedata.normalize("NFKC", name).casefold().strip("'\" ")}.isdisjoint(MISSING)


def _number(text: str) -> Decimal | None:
    """Return the exact value of a number, or None. Long identifiers do not become equal, as floats would."""
    return Decimal(text.replace(",", ".")) if len(text) <= MAX_NAME and NUMBER.fullmatch(text) else None


def _whole(label: str) -> int | None:
    """Return the whole number from 0 that a label is, also if it is written as 1.0 or 1e0, or None."""
    value = _number(label)
    return int(value) if value is not None and value >= 0 and value == value.to_integral_value() else None


def _too_long(names: Collection[str], places: Places) -> list[InputError]:
    """Return an error for labels that are too long for the name of a class, if there are some."""
    if not names:
        return []
    lines = sorted(line for name in names for line in places[name])
    name = next(name for name in places if name in names)
    received = f"{_quoted(name)} and so on, {len(name)} characters, in {lines_of(lines)}"
    next_step = "check that these are labels, and that quotes are closed"
    return [InputError(lines[0], f"the name of a class of at most {MAX_NAME} characters", received, next_step)]


def _no_classes(places: Places, list_them: str) -> list[InputError]:
    """Return an error for each label that programs write for a missing value, or that spans lines."""
    errors = []
    are_numbers = "0" in places and all(NUMBER.fullmatch(name) for name in places if name)
    for name, lines in places.items():
        if is_missing(name) or (are_numbers and name in UNLABELLED):
            next_step = "write a class, or leave these lines out"
            next_step += f"; if it is a class, {list_them}" if name else ""
            errors.append(InputError(lines[0], "a class", f"{_quoted(name)} in {lines_of(lines)}", next_step))
        elif not is_printable(name):
            received = f"{_quoted(name)} in {lines_of(lines)}"
            next_step = "close the quotes earlier" if "\n" in name else "remove the characters that cannot be seen"
            errors.append(InputError(lines[0], "the name of a class as text of one line", received, next_step))
    return errors


def _one_class(places: Places, list_them: str) -> list[InputError]:
    """Return an error for each group of labels that are probably one class."""
    groups: dict[str | Decimal, list[str]] = {}
    for name in places:
        if is_printable(name) and not is_missing(name):
            groups.setdefault(likeness(name), []).append(name)
    alike = [names for names in groups.values() if len(names) > 1]
    if len(alike) > MAX_LINES:
        pairs = ", ".join(f"{_quoted(one)} and {_quoted(another)}" for one, another, *_ in alike[:MAX_LINES])
        received = f"{len(alike)} pairs such as {pairs}"
        where = min(places[name][0] for names in alike for name in names)
        return [InputError(where.table, "one name for each class", received, f"fix them, or {list_them}")]
    return [_alike(names, places, list_them) for names in alike]


def _alike(names: Sequence[str], places: Places, list_them: str) -> InputError:
    difference = difference_of(names)
    each = [f"{_quoted(name, difference != INVISIBLE)} in {lines_of(places[name])}" for name in names[:MAX_LINES]]
    rarest = min(names, key=lambda name: len(places[name]))
    received = f"{' and '.join(each)}, which differ in {difference}"
    return InputError(places[rarest][0], "one name for each class", received, f"fix it, or {list_them}")


def difference_of(names: Sequence[str]) -> str:
    """Return what differs in names of one likeness."""
    if isinstance(likeness(names[0]), Decimal):
        return "how the number is written"
    forms: dict[str, Callable[[str], str]] = {
        "capitals": str.casefold,
        "the width or form of letters": lambda name: unicodedata.normalize("NFKC", name).casefold(),
        "blanks, - or _": lambda name: FILLERS.sub("", unicodedata.normalize("NFKC", name).casefold()),
        "the marks around them": lambda name: unicodedata.normalize("NFKC", name).casefold().strip(MARKS),
    }
    for words, form in forms.items():
        if len({form(name) for name in names}) == 1:
            return words
    return INVISIBLE


def _several_classes(places: Places, list_them: str) -> list[InputError]:
    """Return an error if labels join names that occur elsewhere too, as in a table of several labels for a picture."""
    parts = {name: set(LISTED.split(name.translate(BRACKETS))) for name in places}
    counts = Counter(part for each in parts.values() for part in each)
    joined = {name for name, each in parts.items() if len(each) > 1 and all(counts[part] > 1 for part in each)}
    joined |= {name for name in places if len(each := JOINED.split(name)) > 1 and all(map(places.__contains__, each))}
    if not joined:
        return []
    lines = sorted(line for name in joined for line in places[name])
    example = next(name for name in places if name in joined)
    received = f"{_quoted(example)}, and the like, in {lines_of(lines)}"
    return [InputError(lines[0], "one class for each picture", received, f"choose one, or {list_them}")]


def _unlisted(places: Places, classes: Sequence[str], dataset_path: Path) -> list[InputError]:
    """Return an error for each label that the dataset's file does not list, or one for all if they are many."""
    names = [name for name in places if name not in classes]
    if not names:
        return []
    expected = f"a class that {dataset_path} lists"
    numbers = sorted(number for name in names if (number := _whole(name)) is not None)
    if len(numbers) == len(places):
        expected = f"labels 0…{len(classes) - 1} for the {len(classes)} classes in {dataset_path}, or their names"
        received = f"{len(numbers)} numbers from {numbers[0]} to {numbers[-1]}"
        return [InputError(places[names[0]][0].table, expected, received, "fix one of the two")]
    if len(names) > MAX_LINES:
        where = places[names[0]][0]
        return [InputError(where, expected, f"{len(names)} others: {list_names(names)}", "fix one of the two")]
    return [
        InputError(
            places[name][0],
            f"{expected}{did_you_mean(name, classes)}",
            f"{_quoted(name)} in {lines_of(places[name])}",
            "fix one of the two",
        )
        for name in names
    ]


def _quoted(name: str, is_visible: bool = True) -> str:
    """Return a name in quotes, or with escapes for all that is not ASCII."""
    if not name:
        return "an empty cell"
    return f"'{printable(shorten(name))}'" if is_visible else ascii(shorten(name))
