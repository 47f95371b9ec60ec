"""What is measured on."""

import os
import platform
import subprocess
from pathlib import Path


def cores() -> str:
    """Return how many cores of which processor: "2 cores of AMD EPYC"; of which architecture where it tells no name."""
    return f"{os.cpu_count()} cores of {_name() or platform.machine()}"


def _name() -> str:
    if platform.system() == "Darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
