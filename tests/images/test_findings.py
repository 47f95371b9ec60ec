"""Notes on pictures, told once each."""

import logging
from pathlib import Path

from stages.images.findings import Findings, range_text


def test_a_note_has_the_number_of_its_pictures_and_the_first_of_them(caplog):
    caplog.set_level(logging.INFO)
    findings = Findings()
    for name in "cabd":
        findings.note("narrow", Path(name))
    findings.note("cropped", Path("z"))
    findings.log()
    assert caplog.messages == ["cropped: 1 picture z", "narrow: 4 pictures, the first a"]
    assert findings._notes == {"narrow": (4, Path("a")), "cropped": (1, Path("z"))}


def test_a_range_is_shown_as_a_person_writes_it():
    assert range_text((0, 255.0)) == "0…255"
    assert range_text((-0.5, 1 / 3)) == "-0.5…0.3333"
    assert range_text((float("-inf"), 1e308)) == "-inf…1e+308"
