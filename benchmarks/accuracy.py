"""Time recipes of ours until they reach the tutorials' final test accuracy, in pairs with the tutorials' own code.

Reads recipes/ and data/processed/; writes benchmarks/accuracy.json after each pair, and benchmarks/ACCURACY.md from it.

    python -m benchmarks.accuracy                    # every recipe
    python -m benchmarks.accuracy mnist-fast         # its rows anew; the other stays

Takes an estimated 25 minutes on 2 cores. Let the machine do nothing else meanwhile.
"""

import math
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from benchmarks.pairs import Row, cells, check_known, machines, measure, read_rows, spread, today, write_rows
from benchmarks.side import Side
from benchmarks.systems import SYSTEMS, tutorial_epochs, tutorial_seconds
from stages.common import console, hashes
from stages.common.params import Run
from stages.evaluation.published import PATH, Published
from stages.images import arrays
from stages.model.recipe import Recipe

MEASUREMENTS, TABLE = Path("benchmarks/accuracy.json"), Path("benchmarks/ACCURACY.md")
INTRODUCTION = """\
# How soon the tutorials' accuracy is reached

Measured by `python -m benchmarks.accuracy`. The tutorial's own code ([tutorials.py](tutorials.py), Keras's `fit`) and a
recipe of ours run in turn, each in a fresh process whose start does not count. The target is the final test accuracy
that the tutorial prints.

- The tutorial's seconds run from the call of `fit` to the end of its last epoch, with validation if its code has it.
  If *timed* names fewer epochs or images than the tutorial has, the seconds are the compilation plus the tutorial's
  number of epochs × its steady epoch. The epoch in which it first reaches the target is not measured. If it ends above
  what it prints, the speed-up is an upper bound.
- Our seconds run from the creation of the trainer to the end of the first epoch whose test accuracy is at least the
  target. They include the compilation, and the scoring of the test images after every epoch. A recipe is trained
  whole, with its own epochs and schedule. The seed is 0 in the first pair, 1 in the second, and so on. The test images
  choose nothing.

*Times as fast* is the tutorial's seconds ÷ ours. It is 0 for a pair in which ours never reaches the target; *best* is
the highest test accuracy of such pairs. Each number is the median of the pairs, with the lowest and the highest.

| recipe | tutorial's system | target | timed | tutorial's seconds | after epoch | our seconds | times as fast | pairs |
|---|---|---|---|---|---|---|---|---|
"""
CURVES = """
Our test accuracy after each epoch, for any other target. The network of `mnist-cnn-5x5` reaches more today than its
tutorial prints: see [docs/training.md](../docs/training.md).

| recipe | precision | epoch | seconds | test accuracy |
|---|---|---|---|---|
"""

Curve = list[tuple[float, float]]  # seconds until the end of each epoch, and its test accuracy, 0…1

app = console.new_app()


class Rival(NamedTuple):
    """Tutorial's system whose accuracy a recipe of ours is to reach.

    Attributes:
        system: Name of the system in `SYSTEMS`.
        epochs: Number of its epochs that are timed, at least two.
        num_images: Number of training images, the first ones, or None for all.
    """

    system: str
    epochs: int
    num_images: int | None = None

    @property
    def target(self) -> float:
        """Final test accuracy that the tutorial prints, 0…1."""
        run = SYSTEMS[self.system].run
        return Published.load(PATH).accuracy[run.dataset][run.recipe]


RIVALS = {  # by the recipe of ours
    "mnist-fast": [Rival("mnist-mlp-wide", 5), Rival("mnist-cnn-5x5", 2)],
    "fashion-fast": [
        Rival("fashion-cnn-gap", 2),
        Rival("fashion-cnn-dropout", 2, num_images=6_000),  # a whole epoch takes over 2 minutes
    ],
}


class TargetReached(NamedTuple):
    """First epoch, counted from 1, that reached a target, and the seconds until its end."""

    epoch: int
    seconds: float


@app.command()
@console.command
def main(
    recipes: Annotated[list[str] | None, typer.Argument(help="Recipes of ours.  [default: all]")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Number of times that ours and each tutorial are timed.")] = 3,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the pairs of an unchanged recipe, and add the missing ones.")
    ] = False,
) -> None:
    """Time our recipes to the tutorials' accuracy, and write benchmarks/ACCURACY.md."""
    rows = read_rows(MEASUREMENTS)
    check_known(recipes or (), RIVALS)
    for recipe in recipes or RIVALS:  # anything missing is reported before the first measurement
        Recipe.load(_run_of(recipe).recipe_path)
        arrays.read_info(_run_of(recipe).arrays)
        targets = ", ".join(f"{rival.target:g} of {rival.system}" for rival in RIVALS[recipe])
        console.say(f"{recipe} is to reach {targets}")
    for recipe in recipes or RIVALS:
        sha256 = hashes.sha256(_run_of(recipe).recipe_path)
        row: Row = {"sha256": sha256, "timed": [list(rival) for rival in RIVALS[recipe]], "pairs": []}
        if resume and all(rows.get(recipe, {}).get(key) == row[key] for key in ("sha256", "timed")):
            row = rows[recipe]
        while len(row["pairs"]) < pairs:
            row["pairs"].append(_measure(recipe, seed=len(row["pairs"])))
            rows[recipe] = row | {"date": today()}
            rows = {name: rows[name] for name in RIVALS if name in rows}
            write_rows(MEASUREMENTS, rows, TABLE, text(rows))
            console.say(f"{recipe}   pair {len(row['pairs'])}/{pairs}")


def text(rows: dict[str, Row]) -> str:
    """Return benchmarks/ACCURACY.md."""
    lines = [_line(recipe, rival, row["pairs"]) for recipe, row in rows.items() for rival in RIVALS[recipe]]
    curves = [line for recipe, row in rows.items() for line in _curve_lines(recipe, row["pairs"])]
    return INTRODUCTION + "".join(lines) + CURVES + "".join(curves) + machines(rows)


def find_target(curve: Curve, target: float) -> TargetReached | None:
    """Return the first epoch whose test accuracy is at least the target, or None if there is none."""
    for epoch, (seconds, accuracy) in enumerate(curve, start=1):
        if accuracy >= target:
            return TargetReached(epoch, seconds)
    return None


def _run_of(recipe: str) -> Run:
    return Run(recipe, SYSTEMS[RIVALS[recipe][0].system].run.dataset, recipe, seed=0)


def _measure(recipe: str, seed: int) -> Row:
    ours = measure("curve", recipe, _run_of(recipe).dataset, seed)
    tutorials = {
        rival.system: measure("side", Side.TUTORIAL, rival.system, rival.epochs, rival.num_images or 0)
        for rival in RIVALS[recipe]
    }
    return {Side.OURS: ours, **tutorials}


def _line(recipe: str, rival: Rival, pairs: list[Row]) -> str:
    target = rival.target
    theirs = [tutorial_seconds(rival.system, [pair[rival.system]], rival.epochs, rival.num_images) for pair in pairs]
    ours = [find_target(pair[Side.OURS]["curve"], target) for pair in pairs]
    ratios = [seconds / reached.seconds if reached else 0.0 for seconds, reached in zip(theirs, ours, strict=True)]
    num_epochs = len(pairs[0][Side.OURS]["curve"])
    timed = f"{rival.epochs} of {tutorial_epochs(rival.system)} epochs"
    return cells(
        recipe,
        rival.system,
        f"{target:g}",
        f"{timed}, on {rival.num_images:,} images" if rival.num_images else timed,
        spread(theirs),
        _epochs(ours, num_epochs),
        _seconds(ours, pairs),
        spread(ratios) if any(ours) else "–",
        len(pairs),
    )


def _epochs(ours: list[TargetReached | None], num_epochs: int) -> str:
    """Return the epochs after which ours reached the target, as in "2–3 of 6"."""
    epochs = [reached.epoch for reached in ours if reached]
    if not epochs:
        return "–"
    first, last = min(epochs), max(epochs)
    return f"{first} of {num_epochs}" if first == last else f"{first}–{last} of {num_epochs}"


def _seconds(ours: list[TargetReached | None], pairs: list[Row]) -> str:
    """Return the seconds until ours reached the target, and the best accuracy of the pairs in which it did not."""
    missed = [pair for pair, reached in zip(pairs, ours, strict=True) if not reached]
    seconds = spread([reached.seconds if reached else math.inf for reached in ours]).replace("inf", "never")
    if not missed:
        return seconds
    best = max(accuracy for pair in missed for _, accuracy in pair[Side.OURS]["curve"])
    return f"{seconds if any(ours) else 'never'}; best {best:.4f}"


def _curve_lines(recipe: str, pairs: list[Row]) -> list[str]:
    precision = pairs[-1][Side.OURS]["precision"]
    lines = []
    for epoch, points in enumerate(zip(*(pair[Side.OURS]["curve"] for pair in pairs), strict=True), start=1):
        seconds, accuracies = ([point[column] for point in points] for column in (0, 1))
        lines.append(cells(recipe, precision, epoch, spread(seconds), spread(accuracies, 4)))
    return lines


if __name__ == "__main__":
    app()
