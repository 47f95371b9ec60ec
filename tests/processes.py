"""Processes that tests start."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PEAK = """
import re, resource, sys
from pathlib import Path
if sys.platform == "darwin":
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
else:  # where ru_maxrss starts with what the process held that started this one
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 2**10)
"""


def hear_interrupts() -> None:
    """Undo, before a child starts, what a shell does to processes in the background: it has them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def peak_memory(code: str, *arguments: str | Path) -> float:
    """Run code in a Python of its own, in the working folder; return the most memory that it held at a time, in MB.

    Pages of files count that were mapped and looked at, which Python's own tools do not see.
    """
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    command = [sys.executable, "-c", path + code + PEAK, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1])
