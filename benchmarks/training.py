"""Time the training against the tutorials' own code, in pairs.

Reads recipes/ and data/processed/; writes benchmarks/results.json after each pair, and benchmarks/RESULTS.md from it.

    python -m benchmarks.training                    # every system
    python -m benchmarks.training mnist-mlp          # that row anew; the others stay

Takes about 40 minutes on 2 cores. Let the machine do nothing else meanwhile.
"""

from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.pairs import Row, cells, check_known, machines, measure, read_rows, spread, today, write_rows
from benchmarks.side import Side
from benchmarks.systems import SYSTEMS
from stages.common import console
from stages.images import arrays

MEASUREMENTS, TABLE = Path("benchmarks/results.json"), Path("benchmarks/RESULTS.md")
INTRODUCTION = """\
# How fast training is

Measured by `make bench`. The tutorial's own code ([tutorials.py](tutorials.py), Keras's `fit`) and our loop run in
turn, each in a fresh process, with the same epochs, batch size and images. The clock runs from the call of `fit`, or
the creation of the trainer, to the last validation, compilation included. A *steady epoch* is one after the first. It
has no compilation, which weighs heavily if few epochs are measured.

Seconds are medians: the tutorial's, then ours. A ratio is the tutorial's time ÷ ours: the median of the pairs, with the
lowest and the highest. Precision is that of our loop.

| system | epochs | pairs | precision | seconds | ratio | seconds of a steady epoch | ratio | goal | reached |
|---|---|---|---|---|---|---|---|---|---|
"""
FLOPS = """
For the two large networks: GFLOP/s of our training steps in steady epochs (convolutions and dense layers, 3 × forward),
beside the best of twenty 2048³ matrix products in the same precision and process. The goal is 65 % of that product.

| system | precision | GFLOP/s | best product | of the best product |
|---|---|---|---|---|
"""

app = console.new_app()


@app.command()
@console.command
def main(
    systems: Annotated[list[str] | None, typer.Argument(help="Systems to time.  [default: all]")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Number of times that both sides are timed.")] = 5,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of both.  [default: each system's own]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep the pairs so far, and add the missing ones.")] = False,
) -> None:
    """Time our training and the tutorials' in pairs, and write benchmarks/RESULTS.md."""
    rows = read_rows(MEASUREMENTS)
    check_known(systems or (), SYSTEMS)
    for name in systems or SYSTEMS:
        arrays.read_info(SYSTEMS[name].run.arrays)  # missing data are reported before the first measurement
    for name in systems or SYSTEMS:
        row: Row = {"epochs": epochs or SYSTEMS[name].epochs, "images": SYSTEMS[name].num_images, "pairs": []}
        if resume and all(rows.get(name, {}).get(key) == row[key] for key in ("epochs", "images")):
            row = rows[name]
        while len(row["pairs"]) < pairs:
            row["pairs"].append({side: measure("side", side, name, row["epochs"], row["images"] or 0) for side in Side})
            rows[name] = row | {"date": today()}
            rows = {name: rows[name] for name in SYSTEMS if name in rows}
            write_rows(MEASUREMENTS, rows, TABLE, text(rows))
            console.say(f"{name}   pair {len(row['pairs'])}/{pairs}   {spread(_ratios(row, 'seconds'))} times as fast")


def text(rows: dict[str, Row]) -> str:
    """Return benchmarks/RESULTS.md."""
    lines = [_line(name, row) for name, row in rows.items()]
    large = [_flops_line(name, row) for name, row in rows.items() if _flops_percentages(row)]
    return INTRODUCTION + "".join(lines) + (FLOPS + "".join(large) if large else "") + machines(rows)


def _line(name: str, row: Row) -> str:
    goal = SYSTEMS[name].goal
    whole, steady = _ratios(row, "seconds"), _ratios(row, "epoch_seconds")
    reached = "yes" if median(whole) >= goal else "in steady epochs" if steady and median(steady) >= goal else "no"
    epochs = f"{row['epochs']} of {row['images']:,} images" if row["images"] else row["epochs"]
    values = [name, epochs, len(row["pairs"]), row["pairs"][-1][Side.OURS]["precision"]]
    for key, ratios in (("seconds", whole), ("epoch_seconds", steady)):
        values += [", ".join(_median(row, side, key) for side in Side), spread(ratios)]
    return cells(*values, f"≥ {goal:g}", reached)


def _flops_line(name: str, row: Row) -> str:
    precision = row["pairs"][-1][Side.OURS]["precision"]
    gflops = [_median(row, Side.OURS, key, 0) for key in ("gflops", "best_gflops")]
    return cells(name, precision, *gflops, spread(_flops_percentages(row), 0, "%"))


def _ratios(row: Row, key: str) -> list[float]:
    """Return the tutorial's time ÷ ours of each pair."""
    return [pair[Side.TUTORIAL][key] / pair[Side.OURS][key] for pair in row["pairs"] if pair[Side.OURS][key]]


def _flops_percentages(row: Row) -> list[float]:
    """Return our GFLOP/s of each pair, in percent of the best matrix product."""
    ours = [pair[Side.OURS] for pair in row["pairs"]]
    return [100 * measured["gflops"] / measured["best_gflops"] for measured in ours if measured.get("gflops")]


def _median(row: Row, side: Side, key: str, digits: int = 2) -> str:
    numbers = [pair[side][key] for pair in row["pairs"] if pair[side][key]]
    return f"{median(numbers):.{digits}f}" if numbers else "–"


if __name__ == "__main__":
    app()
