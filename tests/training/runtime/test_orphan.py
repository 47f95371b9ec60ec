import os

import pytest

from stages.common.errors import InputError
from stages.training.runtime.orphan import DvcParent
from tests.processes import line_of, start_code

STAGE = """
import sys
from stages.common.errors import InputError
from stages.training.runtime.orphan import DvcParent
parent = DvcParent()
print("started", flush=True)
for _ in sys.stdin:
    try:
        parent.check_alive()
        print("goes on", flush=True)
    except InputError as error:
        print(error, flush=True)
"""
STARTERS = {
    "direct": "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])",
    "a shell between": """
import subprocess, sys
subprocess.run(["/bin/sh", "-c", '"$0" "$@"; exit', sys.executable, "-c", sys.argv[1]])
""",
}


@pytest.mark.parametrize("stage", [True, False], ids=["stage", "by hand"])
@pytest.mark.parametrize("starter", STARTERS.values(), ids=STARTERS)
def test_a_stage_ends_when_dvc_is_gone_and_a_training_by_hand_does_not(starter: str, stage: bool):
    variables = {"SHELL": "/bin/sh"} | ({"DVC_STAGE": "train@tiny"} if stage else {})
    with start_code(starter, STAGE, **variables) as process:
        assert line_of(process.stdout) == "started"
        process.stdin.write("\n")
        process.stdin.flush()
        assert line_of(process.stdout) == "goes on"
        process.kill()
        process.wait()
        process.stdin.write("\n")
        process.stdin.flush()
        gone = "dvc: expected the process that started this stage, received none: it was killed; run dvc repro again"
        assert line_of(process.stdout) == (gone if stage else "goes on")
        process.stdin.close()


def test_a_parent_that_lives_is_no_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DVC_STAGE", "train@tiny")
    parent = DvcParent()
    parent.check_alive()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    with pytest.raises(InputError, match="expected the process that started this stage"):
        parent.check_alive()
