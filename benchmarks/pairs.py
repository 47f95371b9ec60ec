"""Measurements in pairs: a fresh process for each side, the file of the measurements, and their table."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from stages.common import atomic, console
from stages.common.errors import InputError

ROOT = Path(__file__).parents[1]

Row = dict[str, Any]


def measure(module: str, *arguments: object) -> Row:
    """Run a module of this package in a fresh process, with an empty cache folder, so no checkpoint shortens it.

    Args:
        module: Name of the module, such as "side".
        arguments: Arguments of its command.

    Returns:
        JSON of the last line it prints.

    Raises:
        InputError: The process failed.
    """
    words = [f"benchmarks.{module}", *map(str, arguments)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "STAGES_CACHE": cache}
        command = [sys.executable, "-m", *words]
        process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        console.say(process.stderr)
        next_step = "fix the error above"
        raise InputError(" ".join(words), "a measurement", f"exit code {process.returncode}", next_step)
    measured: Row = json.loads(process.stdout.splitlines()[-1])
    return measured


def read_rows(path: Path) -> dict[str, Row]:
    """Return the measurements so far, by the name of their row; none if the file is missing."""
    rows: dict[str, Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return rows


def write_rows(path: Path, rows: Mapping[str, Row], table: Path, text: str) -> None:
    """Write the measurements as JSON to `path`, and the text made of them to `table`."""
    atomic.write_text(path, json.dumps(rows, indent=1) + "\n")
    atomic.write_text(table, text)


def today() -> str:
    """Return today's date in UTC, as a row has it."""
    return datetime.now(UTC).date().isoformat()


def check_known(names: Iterable[str], known: Collection[str]) -> None:
    """Raise if a benchmark has no row of one of the names.

    Raises:
        InputError: A name is unknown.
    """
    for name in names:
        if name not in known:
            raise InputError("benchmarks", f"one of {', '.join(known)}", repr(name), "choose one")


def machines(rows: Mapping[str, Row]) -> str:
    """Return a line for each machine and day, with the names of the rows measured there."""
    names: dict[str, list[str]] = {}
    for name, row in rows.items():
        machine = next(side["machine"] for side in row["pairs"][-1].values() if "machine" in side)
        names.setdefault(f"{machine}; {row['date']}", []).append(name)
    return "".join(f"\nMeasured on {machine}: {', '.join(measured)}.\n" for machine, measured in names.items())


def spread(numbers: list[float], digits: int = 1, unit: str = "") -> str:
    """Return the median with the lowest and the highest number."""
    if not numbers:
        return "–"
    low, middle, high = (f"{number:.{digits}f}" for number in (min(numbers), median(numbers), max(numbers)))
    return f"{middle}{unit and ' ' + unit} ({low}–{high})"


def cells(*values: object) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(map(str, values))} |\n"
