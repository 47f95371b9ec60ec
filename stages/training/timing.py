"""How long a training took. Time is never the same twice, so it stays out of every tracked file."""

import json
import os
import platform
from pathlib import Path


def write(path: Path, seconds: float, epochs: int) -> None:
    """Write the wall time of a training, compilation included, and what it ran on.

    Args:
        path: An ignored file in logs/.
        seconds: From the first step to the last validation.
        epochs: How many epochs that was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {
        "seconds": round(seconds, 1),
        "seconds_per_epoch": round(seconds / epochs, 2),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "processor": platform.machine(),
    }
    path.write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
