"""Notes on pictures, told once each."""

import logging
from pathlib import Path

from stages.images.findings import Findings


def test_a_note_has_the_number_of_its_pictures_and_the_first_of_them(caplog):
    caplog.set_level(logging.INFO)
    findings = Findings()
    for name in "cabd":
        findings.note("narrow", Path(name))
    findings.note("cropped", Path("z"))
    findings.log()
    assert caplog.messages == ["cropped: 1 picture z", "narrow: 4 pictures, the first a"]
    assert findings._notes == {"narrow": (4, Path("a")), "cropped": (1, Path("z"))}
