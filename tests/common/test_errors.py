import re

import pytest

from stages.common.errors import InputError, first_line


def test_an_input_error_is_one_line_of_four_parts():
    error = InputError("a.yaml", "a\nnumber", "'x'", "edit\n  it")
    assert str(error) == "a.yaml: expected a number, received 'x'; edit it"


def test_each_part_of_an_error_is_cut_to_a_length_that_a_person_reads():
    error = InputError("x" * 100_000, "a file", "y" * 100_000, "name another")
    assert str(error) == f"{'x' * 1000}…: expected a file, received {'y' * 1000}…; name another"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("the reason", "the reason"),
        ("\n \n  the reason  \nand more", "the reason"),
        ("", "RuntimeError"),
        (" \n\t\n", "RuntimeError"),
        ("x" * 5000, "x" * 200 + "…"),
    ],
)
def test_the_first_line_that_says_something_is_told_or_else_the_type(message, expected):
    assert first_line(RuntimeError(message)) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Graph execution error:\n\nDetected at node x\nthe reason", "the reason"),
        ("Node: the reason [Op:Conv2D]", "the reason"),
        ("Graph execution error:", "ValueError"),
    ],
)
def test_what_wraps_the_reason_is_left_out(message, expected):
    wrapping = re.compile(r"^(Graph execution|Detected at).*|Node: | \[Op:.*")
    assert first_line(ValueError(message), wrapping) == expected


def test_an_error_of_the_system_is_told_as_python_tells_it():
    assert first_line(FileNotFoundError(2, "No such file", "a.npy")) == "[Errno 2] No such file: 'a.npy'"
