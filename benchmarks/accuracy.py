"""Time how soon recipes of our own pass the tutorials' final test accuracy, in pairs with the tutorials' own code.

Reads recipes/ and data/processed/; writes benchmarks/accuracy.json after each pair, and benchmarks/ACCURACY.md from it.

    python -m benchmarks.accuracy                    # every recipe
    python -m benchmarks.accuracy mnist-fast         # its rows anew; the other stays

Takes an estimated 25 minutes on 2 cores. Let the machine do nothing else meanwhile.
"""

import hashlib
import math
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from benchmarks.pairs import Row, cells, machines, measure, read_rows, require_known, spread, today, write_rows
from benchmarks.side import Side
from benchmarks.systems import SYSTEMS, tutorial_epochs, tutorial_seconds
from stages import console
from stages.evaluation.published import PATH, Published
from stages.images import arrays
from stages.plan import Run
from stages.training.recipe import Recipe

MEASURED, TABLE = Path("benchmarks/accuracy.json"), Path("benchmarks/ACCURACY.md")
HEAD = """\
# How soon the tutorials' accuracy is passed

Measured by `python -m benchmarks.accuracy`: the tutorial's own code ([tutorials.py](tutorials.py), Keras's `fit`) and a
recipe of our own in turn, each in a fresh process, whose start does not count. The target is the final test accuracy
that the tutorial prints.

- The tutorial's seconds run from the call of `fit` to the end of its last epoch, with validation where its code has
  it. Where *timed* names fewer epochs or images than it has, they are the compilation plus the steady epoch times its
  epochs. After which of its epochs it first passes the target is not measured: where it ends higher than it prints,
  the factor is at most so large.
- Ours run from the making of the loop, compilation included, to the end of the first epoch whose test accuracy is the
  target or more; the scoring of the test images, after every epoch, is part of them. A recipe is trained whole, with
  its own epochs and schedule, and with seed 0 in the first pair, 1 in the second, and so on. The test images choose
  nothing.

Times as fast is the tutorial's seconds ÷ ours, 0 for a pair in which ours never gets there; behind *best* stands the
highest test accuracy of such pairs. Each figure is the median of the pairs, with the lowest and the highest.

| ours | tutorial's system | target | timed | tutorial's seconds | after epoch | our seconds | times as fast | pairs |
|---|---|---|---|---|---|---|---|---|
"""
CURVES = """
Where ours stand after each epoch, for any other target. The network of `mnist-cnn-5x5` reaches more today than its
tutorial prints: [docs/training.md](../docs/training.md) has the figure.

| ours | ours in | epoch | seconds | test accuracy |
|---|---|---|---|---|
"""

Curve = list[tuple[float, float]]  # of each epoch: the seconds until its end, and the test accuracy

app = console.new_app()


class Rival(NamedTuple):
    """A tutorial's system whose accuracy is to be passed.

    Attributes:
        system: Its name in `SYSTEMS`.
        epochs: How many of its epochs are timed, two at least.
        images: On so many of the first images; None: on all.
    """

    system: str
    epochs: int
    images: int | None = None

    @property
    def target(self) -> float:
        """Final test accuracy that the tutorial prints, 0…1."""
        run = SYSTEMS[self.system].run
        return Published.load(PATH).accuracy[run.dataset][run.recipe]


RIVALS = {  # of each recipe of ours
    "mnist-fast": [Rival("mnist-mlp-wide", 5), Rival("mnist-cnn-5x5", 2)],
    "fashion-fast": [
        Rival("fashion-cnn-gap", 2),
        Rival("fashion-cnn-dropout", 2, images=6_000),  # a whole epoch takes over 2 minutes
    ],
}


class Pass(NamedTuple):
    """The first epoch, counted from 1, that reached a target, and the seconds until its end."""

    epoch: int
    seconds: float


@app.command()
@console.command
def main(
    recipes: Annotated[list[str] | None, typer.Argument(help="Which recipes of ours.  [default: all]")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="How often ours and each tutorial are timed.")] = 3,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the pairs there are of the same recipe, and add what is missing.")
    ] = False,
) -> None:
    """Time our recipes to the tutorials' accuracy, and write benchmarks/ACCURACY.md."""
    rows = read_rows(MEASURED)
    require_known(recipes or (), RIVALS)
    for recipe in recipes or RIVALS:
        Recipe.load(_run(recipe).recipe_path)  # so that what is missing is told before anything is timed
        arrays.read_description(_run(recipe).data)
        console.say(f"{recipe} is to pass {', '.join(f'{each.target:g} of {each.system}' for each in RIVALS[recipe])}")
    for recipe in recipes or RIVALS:
        row: Row = {"sha256": _fingerprint(recipe), "timed": [list(rival) for rival in RIVALS[recipe]], "pairs": []}
        if resume and all(rows.get(recipe, {}).get(key) == row[key] for key in ("sha256", "timed")):
            row = rows[recipe]
        while len(row["pairs"]) < pairs:
            row["pairs"].append(_measure(recipe, seed=len(row["pairs"])))
            rows[recipe] = row | {"date": today()}
            _write(rows)
            console.say(f"{recipe}   pair {len(row['pairs'])}/{pairs}")


def first_pass(curve: Curve, target: float) -> Pass | None:
    """Return when a training first reached a test accuracy, or None if it never did."""
    for epoch, (seconds, accuracy) in enumerate(curve, start=1):
        if accuracy >= target:
            return Pass(epoch, seconds)
    return None


def _run(recipe: str) -> Run:
    return Run(dataset=SYSTEMS[RIVALS[recipe][0].system].run.dataset, recipe=recipe, seed=0)


def _fingerprint(recipe: str) -> str:
    return hashlib.sha256(_run(recipe).recipe_path.read_bytes()).hexdigest()


def _measure(recipe: str, seed: int) -> Row:
    ours = measure("curve", recipe, _run(recipe).dataset, seed)
    tutorials = {
        rival.system: measure("side", Side.TUTORIAL, rival.system, rival.epochs, rival.images or 0)
        for rival in RIVALS[recipe]
    }
    return {Side.OURS: ours, **tutorials}


def _write(rows: dict[str, Row]) -> None:
    ordered = {recipe: rows[recipe] for recipe in RIVALS if recipe in rows}
    lines = [_line(recipe, rival, row["pairs"]) for recipe, row in ordered.items() for rival in RIVALS[recipe]]
    curves = [line for recipe, row in ordered.items() for line in _curve_lines(recipe, row["pairs"])]
    write_rows(MEASURED, ordered, TABLE, HEAD + "".join(lines) + CURVES + "".join(curves) + machines(ordered))


def _line(recipe: str, rival: Rival, pairs: list[Row]) -> str:
    target = rival.target
    theirs = [tutorial_seconds(rival.system, [pair[rival.system]], rival.epochs, rival.images) for pair in pairs]
    ours = [first_pass(pair[Side.OURS]["curve"], target) for pair in pairs]
    ratios = [whole / passed.seconds if passed else 0.0 for whole, passed in zip(theirs, ours, strict=True)]
    epochs = len(pairs[0][Side.OURS]["curve"])
    timed = f"{rival.epochs} of {tutorial_epochs(rival.system)} epochs"
    return cells(
        recipe,
        rival.system,
        f"{target:g}",
        f"{timed}, on {rival.images:,} images" if rival.images else timed,
        spread(theirs),
        _when(ours, epochs),
        _seconds(ours, pairs),
        spread(ratios) if any(ours) else "–",
        len(pairs),
    )


def _when(ours: list[Pass | None], epochs: int) -> str:
    """Return after which epochs ours had passed, of how many: 2–3 of 6."""
    passed = [each.epoch for each in ours if each]
    if not passed:
        return "–"
    first, last = min(passed), max(passed)
    return f"{first} of {epochs}" if first == last else f"{first}–{last} of {epochs}"


def _seconds(ours: list[Pass | None], pairs: list[Row]) -> str:
    """Return the seconds until ours had passed; if it did not in a pair, with the best accuracy that it had there."""
    missed = [pair for pair, passed in zip(pairs, ours, strict=True) if not passed]
    seconds = spread([passed.seconds if passed else math.inf for passed in ours]).replace("inf", "never")
    if not missed:
        return seconds
    best = max(accuracy for pair in missed for _, accuracy in pair[Side.OURS]["curve"])
    return f"{seconds if any(ours) else 'never'}; best {best:.4f}"


def _curve_lines(recipe: str, pairs: list[Row]) -> list[str]:
    precision = pairs[-1][Side.OURS]["precision"]
    lines = []
    for number, ends in enumerate(zip(*(pair[Side.OURS]["curve"] for pair in pairs), strict=True), start=1):
        seconds, accuracies = ([end[part] for end in ends] for part in (0, 1))
        lines.append(cells(recipe, precision, number, spread(seconds), spread(accuracies, 4)))
    return lines


if __name__ == "__main__":
    app()
