import signal
import subprocess
from itertools import accumulate
from pathlib import Path

import psutil
import pytest

from stages.training.runtime import lock
from tests.processes import PATIENCE, line_of, start_code, wait_until

HOLDER = """
import sys
from pathlib import Path
from stages.common import console
from stages.training.runtime import lock
console.show_log()
with lock.output_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
CORES_HOLDER = """
import sys, time
from stages.common import console
from stages.training.runtime import lock
console.show_log()
lock._count_cores = lambda: 2
for threads in map(int, sys.argv[2:]):
    with lock.core_locks(threads), open(sys.argv[1], "a") as log:
        print(f"+{min(threads, 2)}", file=log, flush=True)
        print("held", flush=True)
        sys.stdin.readline()
        print(f"-{min(threads, 2)}", file=log, flush=True)
"""


def busy(*processes: subprocess.Popen[str]) -> str:
    """Return what one who waits for the cores that these processes hold says."""
    who = " and ".join(sorted(str(process.pid) for process in processes))
    return f"other trainings use the processor (process {who}); waiting until they leave enough of it, Ctrl-C gives up"


def hold(output: Path) -> subprocess.Popen[str]:
    return start_code(HOLDER, str(output))


@pytest.mark.parametrize("how", ["ends", "raises", "is killed"])
def test_the_second_waits_until_the_first_is_gone(how: str, tmp_path: Path):
    output = tmp_path / "models/tiny.keras"
    with hold(output) as first:
        assert line_of(first.stdout) == "held"
        with hold(output) as second:
            assert line_of(second.stderr) == (
                f"another process is training {output} (process {first.pid}); waiting until it ends, Ctrl-C gives up"
            )
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=0.3)
            if how == "ends":
                first.stdin.close()
            else:
                first.send_signal(signal.SIGINT if how == "raises" else signal.SIGKILL)
            assert line_of(second.stdout) == "held"
            second.stdin.close()
            assert second.wait(PATIENCE) == 0


def test_the_same_output_by_another_name_waits_and_another_output_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with hold(tmp_path / "models/tiny.keras") as first:
        assert line_of(first.stdout) == "held"
        with hold(Path("models/tiny.keras")) as second, hold(Path("models/other.keras")) as third:
            assert "waiting until it ends" in line_of(second.stderr)
            assert line_of(third.stdout) == "held"
            for process in (first, third, second):
                process.stdin.close()


def test_nobody_waits_for_one_that_was_killed(tmp_path: Path):
    with hold(tmp_path / "tiny.keras") as first:
        assert line_of(first.stdout) == "held"
        first.kill()
    with hold(tmp_path / "tiny.keras") as second:
        assert line_of(second.stdout) == "held"
        assert second.communicate()[1] == ""


def test_the_lock_is_let_go_when_the_block_raises(tmp_path: Path):
    with pytest.raises(RuntimeError), lock.output_lock(tmp_path / "tiny.keras"):
        raise RuntimeError
    with lock.output_lock(tmp_path / "tiny.keras"):
        pass


def hold_cores(log: Path, *threads: int) -> subprocess.Popen[str]:
    """Start a process that holds some of two cores, once for each number of threads, and leaves at each line."""
    return start_code(CORES_HOLDER, str(log), *map(str, threads))


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_who_finds_the_cores_taken_waits_until_they_are_free(how: str, threads: int, tmp_path: Path):
    with hold_cores(tmp_path / "log", 2) as first:
        assert line_of(first.stdout) == "held"
        with hold_cores(tmp_path / "log", threads) as second:
            assert line_of(second.stderr) == busy(first)
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=0.3)
            first.kill() if how == "is killed" else first.stdin.close()
            assert line_of(second.stdout) == "held"
            assert second.communicate()[1] == ""


def test_trainings_that_fit_run_side_by_side(tmp_path: Path):
    with hold_cores(tmp_path / "log", 1) as first, hold_cores(tmp_path / "log", 1) as second:
        assert [line_of(first.stdout), line_of(second.stdout)] == ["held", "held"]
        with hold_cores(tmp_path / "log", 2) as third:
            assert line_of(third.stderr) == busy(first, second)
            first.stdin.close()
            with pytest.raises(subprocess.TimeoutExpired):
                third.wait(timeout=0.3)  # one core is not enough
            second.stdin.close()
            assert line_of(third.stdout) == "held"
            third.stdin.close()


def test_many_at_once_never_have_more_than_the_cores_and_all_end(tmp_path: Path):
    all_threads = [(1, 2, 1), (2, 2, 2), (2, 1, 2), (8, 8, 8)]
    processes = [hold_cores(tmp_path / "log", *threads) for threads in all_threads]
    for process in processes:
        process.stdin.close()  # so that each leaves at once
    assert [process.wait(PATIENCE) for process in processes] == [0] * len(all_threads)
    used = list(accumulate(map(int, (tmp_path / "log").read_text().split())))
    assert (len(used), used[-1]) == (24, 0)
    assert max(used) <= 2
    for process in processes:
        process.stdout.close()
        process.stderr.close()


@pytest.mark.parametrize("suspended", [False, True])
def test_one_that_waits_long_says_so_again(suspended: bool, tmp_path: Path):
    """A training that Ctrl-Z has suspended would hold the others for ever."""
    often = "from stages.training.runtime import lock\nlock.REMINDER_SECONDS = 0.01\n"
    output = tmp_path / "tiny.keras"
    with start_code(HOLDER, str(output)) as first:
        assert line_of(first.stdout) == "held"
        if suspended:
            first.send_signal(signal.SIGSTOP)
            assert wait_until(lambda: stopped(first))
        who = f"{first.pid}, which is suspended" if suspended else first.pid
        with start_code(often + HOLDER, str(output)) as second:
            assert f"(process {who}); waiting until it ends" in line_of(second.stderr)
            again = f"still waiting after 0 minutes: another process is training {output} (process {who})"
            assert [line_of(second.stderr) for _ in range(2)] == [again] * 2
            second.send_signal(signal.SIGINT)
            assert second.wait(PATIENCE) != 0
        first.kill()


def stopped(process: subprocess.Popen[str]) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


@pytest.mark.parametrize("cache", ["a file", "a file in the way", "forbidden"])
def test_a_cache_that_cannot_be_written_to_ends_no_training(
    cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "cache"
    if cache == "a file":
        folder.touch()
    elif cache == "a file in the way":
        folder.mkdir()
        (folder / "locks").touch()
    else:
        monkeypatch.setattr(Path, "mkdir", lambda path, *_, **__: (_ for _ in ()).throw(PermissionError(13, "no")))
    monkeypatch.setenv("STAGES_CACHE", str(folder))
    ran = []
    with lock.output_lock(tmp_path / "tiny.keras"), lock.core_locks(2):
        ran.append(True)

    [line] = capsys.readouterr().err.splitlines()
    assert ran == [True]
    assert line.startswith("no lock could be set (")
