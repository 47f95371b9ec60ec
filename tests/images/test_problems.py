from pathlib import Path

import pytest

from stages.common import console
from stages.common.errors import InputError
from stages.images.problems import raise_if_any

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
