"""Processes that tests start."""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
PATIENCE = 600  # seconds until a process that says nothing counts as hanging; no test asks for a fast machine
PROCESSES = multiprocessing.get_context("forkserver")
if sys.platform == "linux":  # elsewhere a process may not fork once it has imported that much
    PROCESSES.set_forkserver_preload(["keras"])  # once for all, which saves most of each start
SAID = ("stdout.txt", "stderr.txt")
PEAK = """
import re, resource, sys
from pathlib import Path
if sys.platform == "darwin":
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
else:  # where ru_maxrss starts with what the process held that started this one
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 2**10)
"""


def reset_sigint() -> None:
    """Let a child end at Ctrl-C, before it starts; a shell has processes in the background ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_training(folder: Path, *arguments: str, **variables: str) -> BaseProcess:
    """Start `python -m stages.train` in a project; what it says goes into files, so that nothing waits for a reader."""
    for name in SAID:
        (folder / name).write_text("")
    process = PROCESSES.Process(target=_train, args=(folder, arguments, variables))
    process.start()
    return process


def start_code(code: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start a Python of its own that runs some code, outside of any stage of DVC, with pipes to and from it."""
    environment = {name: value for name, value in os.environ.items() if name != "DVC_STAGE"}
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(
        command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True, preexec_fn=reset_sigint
    )


def line_of(pipe: IO[str] | None) -> str:
    """Return the next line that a process says."""
    assert pipe
    return pipe.readline().strip()


def ended(process: BaseProcess) -> int | None:
    """Wait, and return the exit code; None if it hangs."""
    process.join(PATIENCE)
    return process.exitcode


def wait_until(happened: Callable[[], object], *started: BaseProcess | subprocess.Popen[bytes]) -> bool:
    """Wait as long as all these processes live; return whether it happened."""
    begun = time.monotonic()
    while not happened():
        if not all(map(_lives, started)):
            return bool(happened())
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.005)
    return True


def _lives(process: BaseProcess | subprocess.Popen[bytes]) -> bool:
    return process.poll() is None if isinstance(process, subprocess.Popen) else process.is_alive()


def _train(folder: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    """Be the command, in a process of its own."""
    os.chdir(folder)
    os.environ |= {"STAGES_CACHE": str(folder / "cache"), **variables}
    for number, name in enumerate(SAID, 1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["train", *arguments]
    runpy.run_module("stages.train", run_name="__main__", alter_sys=True)


def peak_memory(code: str, *arguments: str | Path) -> float:
    """Run code in a Python of its own, in the working folder; return the most memory that it held at a time, in MB.

    Pages of files count that were mapped and looked at, which Python's own tools do not see.
    """
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    command = [sys.executable, "-c", path + code + PEAK, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1])
