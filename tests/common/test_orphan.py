import os
import signal

import pytest

from stages.common import orphan
from tests.processes import line_of, start_code

STAGE = """
import sys, time
from stages.common import orphan, signals
try:
    with signals.raised(), orphan.DvcWatch() as watch:
        print("started", flush=True)
        for _ in sys.stdin:
            time.sleep(3 * orphan.INTERVAL_SECONDS)
            print("goes on", flush=True)
except signals.Stopped as stopped:
    print("ended", stopped.number, watch.is_orphan, flush=True)
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
def test_a_stage_ends_when_dvc_is_gone_and_a_command_by_hand_does_not(starter: str, stage: bool):
    variables = {"SHELL": "/bin/sh"} | ({"DVC_STAGE": "train@tiny"} if stage else {})
    with start_code(starter, STAGE, **variables) as process:
        assert line_of(process.stdout) == "started"
        process.stdin.write("\n")
        process.stdin.flush()
        assert line_of(process.stdout) == "goes on"
        process.kill()
        process.wait()
        if not stage:
            process.stdin.write("\n")
            process.stdin.flush()
        assert line_of(process.stdout) == (f"ended {signal.SIGTERM} True" if stage else "goes on")
        process.stdin.close()


def test_a_block_that_ends_is_watched_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DVC_STAGE", "train@tiny")
    monkeypatch.setattr(orphan, "INTERVAL_SECONDS", 0.001)
    sent = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
    with orphan.DvcWatch() as watch:
        pass
    monkeypatch.setattr(os, "getppid", lambda: 1)

    assert (sent, watch.is_orphan) == ([], False)
