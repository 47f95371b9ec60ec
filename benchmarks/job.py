"""Time the whole job: `dvc repro` of the default runs from downloaded data, against the tutorials' scripts in turn.

    python -m benchmarks.job

Ours runs once, with every stage forced: the starts of Python, the imports and DVC's own work included. The tutorials'
time is the sum of what `make bench` measured on this machine: for each of them the start of a process, the compilation,
and the number of epochs × the steady epoch. Writes benchmarks/JOB.md.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import processor
from benchmarks.pairs import Row, cells, measure, read_rows, today
from benchmarks.side import Side
from benchmarks.systems import SYSTEMS, tutorial_epochs, tutorial_seconds
from benchmarks.training import MEASUREMENTS
from stages.common import atomic, console, params
from stages.common.errors import InputError

TABLE = Path("benchmarks/JOB.md")
STAGES = ("preprocess", "train", "evaluate", "predict")
INTRODUCTION = """\
# How fast the whole job is

`python -m benchmarks.job`, {date}, one run: `dvc repro` of
{runs},
from downloaded data to predictions, with every stage forced, took **{ours:.0f} s** on {cores}.
The tutorials' scripts, one after another, take **{theirs:.0f} s**,
of which {starts:.0f} s are the starts of {count} processes: **{ratio:.1f} times** as long.
The tutorials' time is computed from the pairs of [RESULTS.md](RESULTS.md): compilation plus number of epochs × steady
epoch. If only some of the images were timed, the epoch is scaled up to all of them;
[ACCURACY.md](ACCURACY.md) times `fashion-cnn-gap` on all.

| run | epochs | tutorial's seconds |
|---|---|---|
"""

app = console.new_app()


@app.command()
@console.command
def main() -> None:
    """Time dvc repro of the default runs against the tutorials' scripts, and write benchmarks/JOB.md."""
    rows = read_rows(MEASUREMENTS)
    runs = [name for name in params.load_runs() if name in SYSTEMS]
    for name in runs:
        if name not in rows:
            raise InputError(MEASUREMENTS, f"the times of {name}", "none", "run make bench first")
    theirs = {name: _tutorial_seconds(name, rows[name]) for name in runs}
    starts = _start_seconds() * len(runs)
    ours, total = _repro_seconds(runs), sum(theirs.values()) + starts
    introduction = INTRODUCTION.format(
        date=today(),
        cores=processor.cores(),
        runs=", ".join(f"`{name}`" for name in runs),
        count=len(runs),
        ours=ours,
        theirs=total,
        starts=starts,
        ratio=total / ours,
    )
    lines = [cells(name, tutorial_epochs(name), f"{seconds:.0f}") for name, seconds in theirs.items()]
    atomic.write_text(TABLE, introduction + "".join(lines))
    console.say(f"{total:.0f} s : {ours:.0f} s = {total / ours:.1f}")


def _tutorial_seconds(name: str, row: Row) -> float:
    return tutorial_seconds(name, [pair[Side.TUTORIAL] for pair in row["pairs"]], row["epochs"], row["images"])


def _repro_seconds(runs: list[str]) -> float:
    """Return the seconds of `dvc repro` for these runs alone, whatever other runs params.yaml has."""
    datasets = dict.fromkeys(SYSTEMS[run].run.dataset for run in runs)
    targets = ["code", *(f"{STAGES[0]}@{dataset}" for dataset in datasets)]
    targets += [f"{stage}@{run}" for stage in STAGES[1:] for run in runs]
    with tempfile.TemporaryDirectory() as cache:  # empty, so no checkpoint shortens it
        started = time.monotonic()
        command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", *targets]
        if subprocess.run(command, env={**os.environ, "STAGES_CACHE": cache}).returncode:
            raise InputError("dvc repro", "every stage to run", "the failure above", "fix it, and begin again")
        return time.monotonic() - started


def _start_seconds() -> float:
    """Return the seconds of the shortest tutorial outside its `fit`: Python's start, the imports, the images."""
    started = time.monotonic()
    measured = measure("side", Side.TUTORIAL, "mnist-mlp", 1)
    return time.monotonic() - started - float(measured["seconds"])


if __name__ == "__main__":
    app()
