"""Names as one line that any terminal can show: in errors and in the log, too."""

import logging
import os
from pathlib import Path

import pytest

from stages.common import console
from stages.common.errors import InputError
from stages.common.printable import is_printable, printable

ESCAPED = {
    "line break": ("a\nb", r"a\nb"),
    "carriage return": ("Icon\r", r"Icon\r"),
    "tab": ("a\tb", r"a\tb"),
    "colour of a terminal": ("\x1b[31mred", r"\x1b[31mred"),
    "bytes that are not UTF-8": (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
    "half of a pair": ("a\ud800", r"a\ud800"),
    "separator of lines": ("a\u2028b", r"a\u2028b"),
    "from right to left": ("a\u202egpj.exe", r"a\u202egpj.exe"),
    "space without width": ("cat\u200b", r"cat\u200b"),
    "byte order mark": ("\ufeffcat", r"\ufeffcat"),
}


@pytest.mark.parametrize("case", ESCAPED)
def test_what_cannot_be_shown_is_escaped(case):
    name, expected = ESCAPED[case]
    assert printable(name) == expected
    assert not is_printable(name)


@pytest.mark.parametrize(
    "name", ["a cat", "a  cat", "café", "cafe\u0301", "猫", "می\u200cشود", "👨\u200d👩\u200d👧", "a\xa0b"]
)
def test_other_names_stay_as_they_are(name):
    assert printable(Path(name)) == name
    assert is_printable(name)


def test_a_path_in_an_error_is_escaped_and_keeps_its_blanks():
    error = InputError(Path("my  folder/a\nb.png"), "a\n  number", Path("c\n.png"), "edit it")
    assert str(error) == r"my  folder/a\nb.png: expected a number, received c\n.png; edit it"
    assert str(InputError("a\tb: x", "y", "path\tlabel", "z")) == r"a\tb: x: expected y, received path\tlabel; z"


def test_names_in_the_log_are_escaped(capsys):
    console.show_log()
    logger = logging.getLogger("stages.images.somewhere")
    logger.warning("left out: %s and %s, %d in\nall", Path("a\nb"), "c\x1b[31m", 2)
    logger.warning("100 % sure")
    logger.info("%(name)s", {"name": "d"})
    assert capsys.readouterr().err == "left out: a\\nb and c\\x1b[31m, 2 in\nall\n100 % sure\nd\n"
