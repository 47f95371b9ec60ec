"""Time the training against the tutorials' own code, in pairs.

Reads recipes/ and data/processed/; writes benchmarks/results.json after each pair, and benchmarks/RESULTS.md from it.

    python -m benchmarks.training                    # every system
    python -m benchmarks.training mnist-mlp          # that row anew; the others stay

Takes about 40 minutes on 2 cores. Let the machine do nothing else meanwhile.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from benchmarks.side import Side
from benchmarks.systems import SYSTEMS
from stages import atomic, console
from stages.errors import InputError
from stages.images import arrays

ROOT = Path(__file__).parents[1]
MEASURED, TABLE = Path("benchmarks/results.json"), Path("benchmarks/RESULTS.md")
HEAD = """\
# How fast training is

Measured by `make bench`: the tutorial's own code ([tutorials.py](tutorials.py), Keras's `fit`) and our loop in turn,
each in a fresh process, with the same epochs, batch size and images. The clock runs from the call of `fit`, or the
making of the loop, to the last validation, compilation included. A ratio is the tutorial's time ÷ ours: the median of
the pairs, with the lowest and the highest. A *steady* epoch is one after the first: it has no compilation in it, which
weighs heavily where few epochs are measured. Seconds are medians: the tutorial's, then ours.

| system | epochs | pairs | ours in | seconds | ratio | a steady epoch | ratio | goal | reached |
|---|---|---|---|---|---|---|---|---|---|
"""
FLOPS = """
For the two large networks: GFLOP/s of our training steps in steady epochs (convolutions and dense layers, 3 × forward)
beside the best of twenty 2048³ matrix products in the same precision and the same process. The goal is 65 %.

| system | ours in | GFLOP/s | best product | share |
|---|---|---|---|---|
"""

app = console.new_app()

Row = dict[str, Any]


@app.command()
@console.command
def main(
    systems: Annotated[list[str] | None, typer.Argument(help="Which systems.  [default: all]")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="How often both sides are timed.")] = 5,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of both.  [default: each system's own]")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the pairs there are, and add what is missing.")
    ] = False,
) -> None:
    """Time our training and the tutorials' in pairs, and write benchmarks/RESULTS.md."""
    rows = read_rows()
    for name in systems or SYSTEMS:
        if name not in SYSTEMS:
            raise InputError("benchmarks", f"one of {', '.join(SYSTEMS)}", repr(name), "choose one")
        arrays.read_description(SYSTEMS[name].run.data)  # so that missing data are told before anything is timed
    for name in systems or SYSTEMS:
        row: Row = {"epochs": epochs or SYSTEMS[name].epochs, "images": SYSTEMS[name].images, "pairs": []}
        if resume and all(rows.get(name, {}).get(key) == row[key] for key in ("epochs", "images")):
            row = rows[name]
        while len(row["pairs"]) < pairs:
            row["pairs"].append({side: measure(side, name, row["epochs"]) for side in Side})
            rows[name] = row | {"date": datetime.now(UTC).date().isoformat()}
            _write(rows)
            console.say(f"{name}   pair {len(row['pairs'])}/{pairs}   {_spread(_ratios(row, 'seconds'))} times as fast")


def read_rows() -> dict[str, Row]:
    """Return what was measured so far, by the names of the systems."""
    rows: dict[str, Row] = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    return rows


def measure(side: Side, name: str, epochs: int) -> Row:
    """Measure one side in a fresh process, with a cache folder of its own, so that no checkpoint shortens it."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "STAGES_CACHE": cache}
        command = [sys.executable, "-m", "benchmarks.side", side, name, str(epochs)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        console.say(done.stderr)
        raise InputError(f"{name}, {side}", "a measurement", f"exit code {done.returncode}", "mend what is said above")
    measured: Row = json.loads(done.stdout.splitlines()[-1])
    return measured


def _write(rows: dict[str, Row]) -> None:
    ordered = {name: rows[name] for name in SYSTEMS if name in rows}
    with atomic.new_file(MEASURED) as partial:
        partial.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    lines = [_line(name, row) for name, row in ordered.items()]
    large = [_flops_line(name, row) for name, row in ordered.items() if _shares(row)]
    machines: dict[str, list[str]] = {}
    for name, row in ordered.items():
        machines.setdefault(f"{row['pairs'][-1][Side.OURS]['machine']}; {row['date']}", []).append(name)
    notes = [f"\nMeasured on {machine}: {', '.join(names)}.\n" for machine, names in machines.items()]
    text = HEAD + "".join(lines) + (FLOPS + "".join(large) if large else "") + "".join(notes)
    with atomic.new_file(TABLE) as partial:
        partial.write_text(text, encoding="utf-8")


def _line(name: str, row: Row) -> str:
    goal = SYSTEMS[name].goal
    whole, steady = _ratios(row, "seconds"), _ratios(row, "epoch_seconds")
    reached = "yes" if median(whole) >= goal else "in steady epochs" if steady and median(steady) >= goal else "no"
    epochs = f"{row['epochs']} of {row['images']:,} images" if row["images"] else row["epochs"]
    cells = [name, epochs, len(row["pairs"]), row["pairs"][-1][Side.OURS]["precision"]]
    for key, ratios in (("seconds", whole), ("epoch_seconds", steady)):
        cells += [", ".join(_median(row, side, key) for side in Side), _spread(ratios)]
    return _cells(*cells, f"≥ {goal:g}", reached)


def _flops_line(name: str, row: Row) -> str:
    precision = row["pairs"][-1][Side.OURS]["precision"]
    numbers = [_median(row, Side.OURS, key, 0) for key in ("gflops", "best_gflops")]
    return _cells(name, precision, *numbers, _spread(_shares(row), "%"))


def _ratios(row: Row, key: str) -> list[float]:
    return [pair[Side.TUTORIAL][key] / pair[Side.OURS][key] for pair in row["pairs"] if pair[Side.OURS][key]]


def _shares(row: Row) -> list[float]:
    ours = [pair[Side.OURS] for pair in row["pairs"]]
    return [100 * measured["gflops"] / measured["best_gflops"] for measured in ours if measured.get("gflops")]


def _median(row: Row, side: Side, key: str, digits: int = 2) -> str:
    numbers = [pair[side][key] for pair in row["pairs"] if pair[side][key]]
    return f"{median(numbers):.{digits}f}" if numbers else "–"


def _spread(numbers: list[float], unit: str = "") -> str:
    if not numbers:
        return "–"
    digits = 0 if unit else 1
    low, middle, high = (f"{number:.{digits}f}" for number in (min(numbers), median(numbers), max(numbers)))
    return f"{middle}{unit and ' ' + unit} ({low}–{high})"


def _cells(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    app()
