import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stages.common import signals
from tests.processes import PATIENCE, line_of, start_code

pytestmark = pytest.mark.usefixtures("system_handlers")

STAGE = """
import sys, time
from pathlib import Path
from stages.common import console
app = console.new_app()
@app.command()
@console.command
def main():
    try:
        with console.progress("working", 1000, "steps") as advance:
            Path("started").touch()
            until = time.monotonic() + 60
            while time.monotonic() < until:
                if Path("closed").exists():
                    until = min(until, time.monotonic() + 1)
                time.sleep(0.01)
                advance(1, description="working on")
        console.say("done")
    finally:
        Path("cleaned").touch()
app()
"""


SPEAKER = """
import sys
from stages.common import console
print("begins", flush=True)
sys.stdin.readline()
console.say("a line")
console.say("another")
print("ends", flush=True)
"""
SLOW_START = """
import importlib.machinery, sys, types
typer = types.ModuleType("typer")
typer.__spec__ = importlib.machinery.ModuleSpec("typer", None)
def start(name):
    print("imports", flush=True)
    sys.stdin.read()
typer.__getattr__ = start
sys.modules["typer"] = typer
import runpy
sys.argv = ["-m"]  # as Python has it until it has found the module
runpy.run_module("stages.code", run_name="__main__", alter_sys=True)
"""


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", signals.REQUESTS)
def test_a_signal_raises_as_ctrl_c_does(number: int):
    with pytest.raises(KeyboardInterrupt) as stopped, signals.raised():
        send(number)

    assert stopped.value.number == number
    assert signal.getsignal(number) is signal.SIG_DFL


def test_ctrl_c_before_a_command_has_begun_shows_no_traceback():
    with start_code(SLOW_START) as process:
        assert line_of(process.stdout) == "imports"
        process.send_signal(signal.SIGINT)
        assert (process.wait(PATIENCE), process.stderr.read()) == (-signal.SIGINT, "")


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.default_int_handler])
def test_ctrl_c_raises_while_a_command_runs(before: signal.Handlers):
    kept = signal.signal(signal.SIGINT, before)
    try:
        with pytest.raises(KeyboardInterrupt), signals.raised():
            send(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, kept)


@pytest.mark.parametrize("number", [signal.SIGINT, *signals.REQUESTS])
def test_a_library_that_makes_another_exception_of_it_changes_nothing(number: int):
    """As matplotlib does in the midst of drawing."""

    def draw() -> None:
        try:
            send(number)
        except BaseException:
            raise ValueError("Invalid bounding box") from None

    with pytest.raises(signals.Stopped) as stopped, signals.raised():
        draw()
    assert stopped.value.number == number
    with pytest.raises(ValueError, match="of its own"), signals.raised():
        raise ValueError("of its own")


def test_those_that_follow_do_not_disturb_what_cleans_up():
    cleaned = []

    def work() -> None:
        try:
            send(signal.SIGHUP)
        finally:
            send(signal.SIGTERM, signal.SIGHUP, signal.SIGTERM)
            cleaned.append(True)

    with pytest.raises(signals.Stopped), signals.raised():
        work()

    assert cleaned == [True]


def test_a_signal_that_is_ignored_stays_so():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does it
    with signals.raised():
        send(signal.SIGHUP)

    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_handler_of_another_stays():
    heard = []
    signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
    with signals.raised():
        send(signal.SIGTERM)
    send(signal.SIGTERM)

    assert heard == [True, True]


def test_another_thread_than_the_main_one_is_left_alone():
    ran = []

    def work() -> None:
        with signals.raised():
            ran.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert ran == [signal.SIG_DFL]


def own_terminal() -> None:
    """Make the terminal the one that sends SIGHUP to this process when it is closed: the first that it opens."""
    os.close(os.open(os.ttyname(0), os.O_RDWR))


@pytest.mark.parametrize(("prepare", "code"), [(own_terminal, 128 + signal.SIGHUP), (None, 0)], ids=["own", "other"])
def test_a_closed_terminal_ends_a_command_that_it_owns_and_no_other(prepare: object, code: int, tmp_path: Path):
    """Each write to the terminal fails then, those of the progress bar too. It does not own what ran behind an &."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", STAGE],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, preexec_fn=prepare,
    )  # fmt: skip
    os.close(terminal)
    while not (tmp_path / "started").exists():
        os.read(master, 1000)
    os.close(master)
    (tmp_path / "closed").touch()

    assert process.wait(PATIENCE) == code
    assert (tmp_path / "cleaned").exists()


def test_a_reader_that_is_gone_does_not_end_what_still_works():
    """As when Ctrl-C has ended `tee`, and the checkpoint is not yet written."""
    with start_code(SPEAKER) as process:
        assert line_of(process.stdout) == "begins"
        process.stderr.close()
        process.stdin.write("\n")
        process.stdin.flush()
        assert line_of(process.stdout) == "ends"
        assert process.wait(PATIENCE) == 0
