"""Measurements in pairs: a fresh process for each side, the file of what was measured, and its figures in a table."""

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

from stages import atomic, console
from stages.errors import InputError

ROOT = Path(__file__).parents[1]

Row = dict[str, Any]


def measure(module: str, *arguments: object) -> Row:
    """Run a module of this folder in a fresh process, with its own cache folder, so that no checkpoint shortens it.

    Returns:
        The JSON of the last line it prints.

    Raises:
        InputError: It failed.
    """
    words = [f"benchmarks.{module}", *map(str, arguments)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "STAGES_CACHE": cache}
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        console.say(done.stderr)
        raise InputError(" ".join(words), "a measurement", f"exit code {done.returncode}", "mend what is said above")
    measured: Row = json.loads(done.stdout.splitlines()[-1])
    return measured


def read_rows(path: Path) -> dict[str, Row]:
    """Return what was measured so far, by the names of the rows."""
    rows: dict[str, Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return rows


def write_rows(measured: Path, rows: dict[str, Row], table: Path, text: str) -> None:
    """Write what was measured, and the table made of it."""
    with atomic.new_file(measured) as partial:
        partial.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    with atomic.new_file(table) as partial:
        partial.write_text(text, encoding="utf-8")


def today() -> str:
    """Return the date of a row that is measured now."""
    return datetime.now(UTC).date().isoformat()


def require_known(names: Iterable[str], known: Collection[str]) -> None:
    """Go on if a benchmark knows all that it was asked for.

    Raises:
        InputError: It does not know one of them.
    """
    for name in names:
        if name not in known:
            raise InputError("benchmarks", f"one of {', '.join(known)}", repr(name), "choose one")


def machines(rows: Mapping[str, Row]) -> str:
    """Return a line for each machine and day: which rows were measured there."""
    names: dict[str, list[str]] = {}
    for name, row in rows.items():
        machine = next(side["machine"] for side in row["pairs"][-1].values() if "machine" in side)
        names.setdefault(f"{machine}; {row['date']}", []).append(name)
    return "".join(f"\nMeasured on {machine}: {', '.join(there)}.\n" for machine, there in names.items())


def spread(numbers: list[float], digits: int = 1, unit: str = "") -> str:
    """Return the median with the lowest and the highest."""
    if not numbers:
        return "–"
    low, middle, high = (f"{number:.{digits}f}" for number in (min(numbers), median(numbers), max(numbers)))
    return f"{middle}{unit and ' ' + unit} ({low}–{high})"


def cells(*values: object) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(map(str, values))} |\n"
