"""Time the whole job: `dvc repro` of the default runs from downloaded data, beside the tutorials' scripts in turn.

    python -m benchmarks.job

Ours is run once, with everything forced: Python's starts, imports and DVC's own work included. The tutorials' time is
put together from what `make bench` measured here: for each a start of the process, its compilation, and its steady
epoch times the number of epochs. Writes benchmarks/JOB.md.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import processor
from benchmarks.pairs import measure, read_rows, today
from benchmarks.side import Side
from benchmarks.systems import SYSTEMS, tutorial_epochs, tutorial_seconds
from benchmarks.training import MEASURED
from stages import atomic, console
from stages.errors import InputError
from stages.plan import PATH, Plan

TABLE = Path("benchmarks/JOB.md")
STAGES = ("preprocess", "train", "evaluate", "predict")
TEXT = """\
# How fast the whole job is

`python -m benchmarks.job`, {date}, one run: `dvc repro` of
{runs},
from downloaded data to predictions, with everything forced, took **{ours:.0f} s** on {cores}.
Their tutorials' scripts, one after another, take **{theirs:.0f} s**,
{starts:.0f} s of it the starts of {count} processes: **{ratio:.1f} times** as long.
Theirs is put together from the pairs of [RESULTS.md](RESULTS.md), as the compilation and the steady epoch times the
number of epochs. Where a part of the images was timed, the epoch is scaled up to all of them;
[ACCURACY.md](ACCURACY.md) times `fashion-cnn-gap` on all.

| run | epochs | tutorial's seconds |
|---|---|---|
"""

app = console.new_app()


@app.command()
@console.command
def main() -> None:
    """Time dvc repro of the default runs beside the tutorials' scripts, and write benchmarks/JOB.md."""
    rows = read_rows(MEASURED)
    runs = [name for name in Plan.load(PATH).runs if name in SYSTEMS]
    for name in runs:
        if name not in rows:
            raise InputError(MEASURED, f"the times of {name}", "none", "run make bench first")
    theirs = {}
    for name in runs:
        row = rows[name]
        measured = [pair[Side.TUTORIAL] for pair in row["pairs"]]
        theirs[name] = tutorial_seconds(name, measured, row["epochs"], row["images"])
    starts = _seconds_of_a_start() * len(runs)
    ours, total = _repro_seconds(runs), sum(theirs.values()) + starts
    text = TEXT.format(
        date=today(),
        cores=processor.cores(),
        runs=", ".join(f"`{name}`" for name in runs),
        count=len(runs),
        ours=ours,
        theirs=total,
        starts=starts,
        ratio=total / ours,
    )
    lines = [f"| {name} | {tutorial_epochs(name)} | {seconds:.0f} |\n" for name, seconds in theirs.items()]
    with atomic.new_file(TABLE) as partial:
        partial.write_text(text + "".join(lines), encoding="utf-8")
    console.say(f"{total:.0f} s : {ours:.0f} s = {total / ours:.1f}")


def _repro_seconds(runs: list[str]) -> float:
    """Return what `dvc repro` takes for these runs, whatever others params.yaml has."""
    datasets = dict.fromkeys(SYSTEMS[run].run.dataset for run in runs)
    targets = ["code", *(f"{STAGES[0]}@{dataset}" for dataset in datasets)]
    targets += [f"{stage}@{run}" for stage in STAGES[1:] for run in runs]
    with tempfile.TemporaryDirectory() as cache:  # of its own, so that no checkpoint shortens it
        started = time.monotonic()
        command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", *targets]
        if subprocess.run(command, env={**os.environ, "STAGES_CACHE": cache}).returncode:
            raise InputError("dvc repro", "every stage to run", "the failure above", "mend it, and begin again")
        return time.monotonic() - started


def _seconds_of_a_start() -> float:
    """Return what the shortest tutorial takes beside its `fit`: Python's start, the imports, the images."""
    started = time.monotonic()
    measured = measure("side", Side.TUTORIAL, "mnist-mlp", 1)
    return time.monotonic() - started - float(measured["seconds"])


if __name__ == "__main__":
    app()
