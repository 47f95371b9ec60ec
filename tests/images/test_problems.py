from pathlib import Path

import pytest

from stages.common import console
from stages.common.errors import InputError
from stages.images.problems import LineProblems, Place, lines_of, list_names, raise_if_any, shorten

SOURCE = Path("mine")


def problems(count):
    return [InputError(SOURCE / f"{number}.png", "a picture", "none", "add it") for number in range(count)]


def test_no_problem_is_no_error():
    raise_if_any([], SOURCE)


def test_a_single_problem_is_raised_as_it_is(capsys):
    console.show_log()
    with pytest.raises(InputError, match=r"^mine/0\.png: expected a picture, received none; add it$"):
        raise_if_any(problems(1), SOURCE)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("count", "shown", "told"),
    [(2, 2, "2 mistakes"), (20, 20, "20 mistakes"), (23, 20, "23 mistakes (3 of them not shown)")],
)
def test_of_several_problems_the_first_twenty_are_logged(capsys, count, shown, told):
    console.show_log()
    with pytest.raises(InputError) as caught:
        raise_if_any(problems(count), SOURCE)
    assert str(caught.value) == f"mine: expected data without a mistake, received {told}; mend them all"
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"error: mine/{number}.png: expected a picture, received none; add it" for number in range(shown)]


def test_a_problem_of_a_few_lines_is_told_for_each_in_the_order_of_the_lines():
    noted = LineProblems()
    noted.add(Place(SOURCE, 9), "a path", "'x'")
    noted.add(Place(SOURCE, 3), "a class", "nothing", "add it")
    noted.add(Place(SOURCE, 5), "a path", "'y'")
    assert [str(error) for error in noted.errors()] == [
        "mine:3: expected a class, received nothing; add it",
        "mine:5: expected a path, received 'y'; fix the line",
        "mine:9: expected a path, received 'x'; fix the line",
    ]


def test_a_problem_of_many_lines_is_told_once():
    noted = LineProblems()
    for line in range(2, 1002):
        noted.add(Place(SOURCE, line), "a path", f"'{line}'")
    [error] = noted.errors()
    told = "mine:2: expected a path, received '2', and the like in lines 3, 4, 5 and 996 more; fix the line"
    assert str(error) == told


@pytest.mark.parametrize(
    ("lines", "expected"), [([3], "line 3"), ([3, 5], "lines 3 and 5"), ([3, 5, 7], "lines 3, 5 and 7"),
    ([3, 5, 7, 9], "lines 3, 5, 7 and 1 more")],
)  # fmt: skip
def test_lines_are_listed_in_words(lines, expected):
    assert lines_of([Place(SOURCE, line) for line in lines]) == expected


def test_lines_of_several_tables_are_named_with_them():
    assert lines_of([Place(Path("a/x.csv"), 3), Place(Path("a/y.csv"), 5)]) == "lines x.csv:3 and y.csv:5"


def test_names_and_texts_are_shortened():
    assert list_names([]) == "none"
    assert list_names(["a"]) == "a"
    assert list_names(list("abcde")) == "a, b, c, d and e"
    assert list_names([*"abcdefg", "x" * 100]) == "a, b, c, d, e and 3 more"
    assert shorten("x" * 60) == "x" * 60
    assert shorten("x" * 61) == "x" * 59 + "…"
