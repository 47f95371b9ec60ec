"""Names of classes; test_table.py has the errors as a person sees them."""

import unicodedata
from pathlib import Path

import pytest

from stages.images import class_names
from stages.images.problems import Place

TABLE, DATASET = Path("mine/labels.csv"), Path("datasets/own.yaml")


def places(*names):
    return {name: [Place(TABLE, line)] for line, name in enumerate(names, 2)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0", "0.0"),
        ("0", "00"),
        ("7", "007"),
        ("10", "1e1"),
        ("5", "+5"),
        (".5", "0.50"),
        ("Cat", "cat "),
        ("\uff23\uff21\uff34", "cat"),
        ("hot dog", "Hot_Dog"),
        ("hot dog", "hotdog"),
        ("'cat'", "cat."),
        ("“cat”", "cat"),
        ("class 1", "class1"),
        ("ﬁsh", "fish"),
        ("STRASSE", "Straße"),
        ("\u0441\u0430t", "cat"),  # Cyrillic
        ("ca\u00adt", "cat"),
        ("❤", "❤\ufe0f"),
        (unicodedata.normalize("NFD", "é"), "é"),
    ],
)
def test_names_that_are_probably_one_class_are_alike(one, other):
    assert class_names.likeness(one) == class_names.likeness(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1-2", "12"), ("1 2", "12"), ("-1", "1"), ("A", "A-"), ("A+", "A-"), ("C", "C++"), ("0.5", "5"), ("\u03b1", "a"),
     ("e", "é"), ("nan", "inf"), ("1e999", "2e999"), ("cat", "cats"), ("?", "."), ("-", "_"),
     ("12345678901234567890", "12345678901234567891")],
)  # fmt: skip
def test_names_of_different_classes_are_not_alike(one, other):
    assert class_names.likeness(one) != class_names.likeness(other)


def test_names_that_differ_are_no_problem():
    assert class_names.problems(places("cat", "dog", "0", "1", "cat dog food"), None, DATASET) == []


def test_listed_names_count_exactly():
    assert class_names.problems(places("cat", "Cat", "nan"), ["nan", "Cat", "cat"], DATASET) == []
    [error] = class_names.problems(places("cat", "CAT"), ["nan", "cat"], DATASET)
    assert str(error) == (
        "mine/labels.csv:3: expected a class that datasets/own.yaml lists (did you mean 'cat'?), received 'CAT' in "
        "line 3; fix one of the two"
    )


def test_each_problem_of_a_name_is_an_error():
    found = class_names.problems(places("cat", "Cat", "N/A", "", "a|b", "a", "b", "x\ny"), None, DATASET)
    assert [str(error).split(", received ")[1].split(" in line")[0] for error in found] == [
        "'N/A'",
        "an empty cell",
        "'x\\ny'",
        "'cat'",
        "'a|b', and the like,",
    ]


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["0", "1"], ["cat", "dog"], ["cat", "dog"]),
        (["0"], ["cat", "dog"], ["cat"]),
        (["1", "2"], ["cat", "dog"], ["cat", "dog"]),
        (["1.0", "0.0"], ["cat", "dog"], ["dog", "cat"]),
        (["00", "01"], ["cat", "dog"], ["cat", "dog"]),
        (["1"], ["cat", "dog"], None),
        (["0", "2"], ["cat", "dog"], None),
        (["0", "0.0"], ["cat", "dog"], None),
        (["0", "1"], ["1", "0"], None),  # names of their own
        (["-1", "0"], ["cat", "dog"], None),
        (["0", "cat"], ["cat", "dog"], None),
        (["0", "1"], None, None),
        (["0.0", "1.", "10.0"], None, ["0", "1", "10"]),
        (["0.0", "1"], None, None),
        (["0.00e+00", "1.20e+01"], None, ["0", "12"]),
        (["0.5", "1.0"], None, None),
        (["0,0", "1,0"], None, ["0", "1"]),
        (["0,0", "1,0"], ["cat", "dog"], ["cat", "dog"]),
        ([], ["cat", "dog"], None),
    ],
)
def test_labels_may_be_the_numbers_of_classes(labels, classes, expected):
    names = class_names.number_names(labels, classes)
    assert names == (dict(zip(labels, expected, strict=True)) if expected else {})


@pytest.mark.parametrize(
    "name", ["9" * 5000, "1" * 200_000 + "x", "a" + "_" * 200_000 + "b", "a" + " " * 200_000 + "b"]
)
def test_a_name_of_thousands_of_characters_is_refused_at_once(name):
    """Patterns that try each of its ends would take hours."""
    assert class_names.likeness(name) == name
    assert class_names.number_names([name, "0"], ["a", "b"]) == {}
    [error] = class_names.problems(places(name), None, DATASET)
    told = f"and so on, {len(name)} characters, in line 2; check that these are labels, and that quotes are closed"
    assert told in str(error)
    [error] = class_names.problems(places(name), ["0", "1"], DATASET)
    assert f"received '{name[:59]}…' in line 2" in str(error)


def test_without_labels_there_is_no_problem():
    """Each line then has a problem of its own."""
    assert class_names.problems({}, ["a", "b"], DATASET) == []
