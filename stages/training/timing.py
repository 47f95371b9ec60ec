"""How long a training took. Time is never the same twice, so it stays out of every tracked file."""

import json
import os
import platform
from pathlib import Path


def write(path: Path, seconds: float) -> None:
    """Write the wall time of a training, compilation included, and what it ran on.

    Args:
        path: An ignored file in logs/.
        seconds: From the reading of the images to the last validation, as far as this process made them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "processor": platform.machine(),
    }
    path.write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
