"""Compare the experiments of a run.

No stage of the graph: it reads what `dvc exp run` recorded since the last commit, and writes nothing.

    python -m stages.compare mnist-mlp
"""

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from stages import console

if TYPE_CHECKING:
    from stages.evaluation.experiments import Group

app = console.new_app()


@app.command()
@console.command
def main(run: Annotated[str, typer.Argument(help="A run of params.yaml.")]) -> None:
    """Show the experiments of a run: what each changed, the means over its seeds, and what is more than chance."""
    from stages import plan
    from stages.errors import InputError
    from stages.evaluation import experiments, results

    plan.find_run(run)
    with console.progress("reading the experiments", total=None):
        asked = subprocess.run(
            [sys.executable, "-m", "dvc", "exp", "show", "--json"], capture_output=True, text=True, check=False
        )
        if asked.returncode != 0:
            reason = asked.stderr.strip().splitlines()[-1:] or ["nothing"]
            raise InputError("dvc exp show", "a list of experiments", reason[0], "mend that first")
        shown = json.loads(asked.stdout)
        found = experiments.compare(shown, run, results.read(shown, run))
    base = found[0]
    if len(found) == len(base.names) == 1:
        console.say(
            f"{run} has no experiments since the last commit; make one with dvc exp run -S, see docs/experiments.md"
        )
        return
    commit = next(iter(base.names.values()))
    judged_by = experiments.HELD_OUT if any(group.values(experiments.HELD_OUT) for group in found) else experiments.TEST
    _show(found, commit, judged_by)
    if len(found) > 1:
        console.say("better, worse: chance does so in one case of twenty; ?: run more seeds to know")
    if not base.values(judged_by):
        of = "held-out" if judged_by == experiments.HELD_OUT else "test"
        console.say(f"{commit} has no {of} accuracy to compare with, see docs/experiments.md")


def _show(found: "list[Group]", commit: str, judged_by: str) -> None:
    """Print the table, the accuracy to judge by in front."""
    from stages.evaluation import experiments

    is_scored = any(group.values(experiments.TEST) for group in found)
    accuracies = [judged_by] + ([experiments.TEST] if is_scored and judged_by != experiments.TEST else [])
    metrics = experiments.metrics_that_differ(found)
    rows = []
    for group in found:
        first, *others = [_accuracy(group, name) for name in accuracies]
        others += [_number(group.mean(name), 0 if name == "parameters" else 4) for name in metrics]
        name = "\n ".join([_names(group), *group.changes])
        rows.append([name, _seeds(group), first, _difference(found[0], group, judged_by), *others])
    first, *others = [name.replace("_", " ") for name in accuracies]
    console.table(["experiment", "seeds", first, f"against {commit}", *others, *metrics], rows)


def _names(group: "Group") -> str:
    names = [name for _, name in sorted(group.names.items())]
    return ", ".join(names if len(names) < 4 else [names[0], f"{names[1]} … {names[-1]}"])


def _seeds(group: "Group") -> str:
    finished, asked = len(group.values(group.measure)), len(group.names)
    return str(finished) if finished == asked else f"{finished} of {asked}"


def _accuracy(group: "Group", measure: str) -> str:
    """Write the mean, and behind it the standard deviation from seed to seed."""
    from stages.evaluation import noise

    deviation = noise.deviation(group.values(measure))
    return _number(group.mean(measure)) + ("" if deviation is None else f" ± {deviation:.4f}")


def _difference(base: "Group", group: "Group", measure: str) -> str:
    """Write how much more accurate a group is, the margin of that at 95 %, and what it comes to."""
    from stages.evaluation import noise

    before, after = base.mean(measure), group.mean(measure)
    if group is base or before is None or after is None:
        return ""
    difference = after - before
    margin = noise.margin(base.values(measure), group.values(measure))
    if margin is None:
        return f"{difference:+.4f} ?"
    verdict = "chance" if abs(difference) <= margin else "better" if difference > 0 else "worse"
    return f"{difference:+.4f} ± {margin:.4f} {verdict}"


def _number(value: float | None, decimals: int = 4) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"


if __name__ == "__main__":
    app()
