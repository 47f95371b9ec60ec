"""Processor that a measurement runs on."""

import os
import platform
import subprocess
from pathlib import Path


def cores() -> str:
    """Return the number of cores and the processor's name, as in "2 cores of AMD EPYC", or else its architecture."""
    return f"{os.cpu_count()} cores of {_name() or platform.machine()}"


def _name() -> str:
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
