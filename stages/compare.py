"""Compare the experiments of a run.

Not a stage of the graph: it reads what `dvc exp run` recorded since the last commit, and writes nothing.

    python -m stages.compare mnist-mlp
"""

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stages.common import console

if TYPE_CHECKING:
    from stages.experiments.groups import Group

MAX_HEADING = 14  # characters of a line

app = console.new_app()


@app.command()
@console.command
def main(run_name: Annotated[str, typer.Argument(metavar="run", help="Run of params.yaml.")]) -> None:
    """Show the experiments of a run: their changes, the means over seeds, and which differences are significant."""
    from stages.common import params
    from stages.experiments import groups, records

    params.find_run(run_name)
    with console.progress("reading the experiments", total=None):
        base, experiments = records.read(_list_experiments(), run_name)
        compared = groups.compare(base, experiments)
    if len(compared) == len(compared[0].names) == 1:
        advice = "make one with dvc exp run -S, see docs/experiments.md"
        if _is_shallow():
            advice = "DVC loses them in a shallow clone: git fetch --unshallow, then run them again"
        console.say(f"{run_name} has no experiments since the last commit; {advice}")
        return
    measure = records.HELD_OUT if any(group.values(records.HELD_OUT) for group in compared) else records.TEST
    _print_table(compared, base.name, measure)
    if len(compared) > 1:
        console.say("better, worse: significant at 95 %, wrong in one case of twenty; ?: too few seeds, run more")
    if not compared[0].values(measure):
        images = "held-out" if measure == records.HELD_OUT else "test"
        console.say(f"{base.name} has no {images} accuracy to compare with, see docs/experiments.md")


def _list_experiments() -> list[dict[str, Any]]:
    """Return the output of `dvc exp show --json`, parsed.

    Raises:
        InputError: DVC cannot list them; its own error is quoted.
    """
    from stages.common.errors import InputError

    command = [sys.executable, "-m", "dvc", "exp", "show", "--json"]
    process = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    try:
        if process.returncode == 0:
            listing: list[dict[str, Any]] = json.loads(process.stdout)
            return listing
    except ValueError:  # not JSON
        pass
    lines = [line for line in process.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]  # an advertisement may follow
    quoted = (errors or lines[-1:] or ["nothing"])[0].removeprefix("ERROR: ")
    raise InputError("dvc exp show", "a list of experiments", quoted, "fix that first")


def _is_shallow() -> bool:
    command = ["git", "rev-parse", "--is-shallow-repository"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "true"


def _print_table(compared: "list[Group]", commit: str, measure: str) -> None:
    """Print a row for each group.

    Args:
        compared: Groups, that of the commit first.
        commit: Name of the commit.
        measure: Accuracy to judge by, which comes first.
    """
    from stages.experiments import groups, records

    has_test = any(group.values(records.TEST) for group in compared)
    accuracies = [measure] + ([records.TEST] if has_test and measure != records.TEST else [])
    metrics = groups.metrics_to_show(compared)
    rows = []
    for group in compared:
        first, *others = [_accuracy(group, name) for name in accuracies]
        others += [_mean(group, name, 0 if name == "parameters" else 4) for name in metrics]
        experiment = "\n ".join([_names(group), *group.changes])
        rows.append([experiment, _seeds(group), first, _difference(compared[0], group, measure), *others])
    first, *others = [_heading(name) for name in (*accuracies, *metrics)]
    console.table(["experiment", "seeds", first, f"against {commit}", *others], rows)


def _heading(metric: str) -> str:
    """Return the name of a metric; a long one takes two lines."""
    return metric.replace("_", "\n" if len(metric) > MAX_HEADING else " ")


def _names(group: "Group") -> str:
    names = [name for _, name in sorted(group.names.items())]
    return ", ".join(names if len(names) < 4 else [names[0], f"{names[1]} … {names[-1]}"])


def _seeds(group: "Group") -> str:
    finished, total = len(group.values(group.measure)), len(group.names)
    return str(finished) if finished == total else f"{finished} of {total}"


def _accuracy(group: "Group", measure: str) -> str:
    """Return the mean and, behind it, the standard deviation between seeds."""
    from stages.experiments import significance

    deviation = significance.deviation(group.values(measure))
    return _mean(group, measure, 4, "" if deviation is None else f" ± {deviation:.4f}")


def _difference(base: "Group", group: "Group", measure: str) -> str:
    """Return the difference in accuracy to the commit, its 95 % margin and the verdict."""
    from stages.experiments import significance

    before, after = base.mean(measure), group.mean(measure)
    if group is base or before is None or after is None:
        return ""
    difference = after - before
    margin = significance.margin(base.values(measure), group.values(measure))
    if margin is None:
        return f"{difference:+.4f} ?"
    verdict = "chance" if abs(difference) <= margin else "better" if difference > 0 else "worse"
    return f"{difference:+.4f} ± {margin:.4f} {verdict}"


def _mean(group: "Group", metric: str, decimals: int, deviation: str = "") -> str:
    """Return the mean of a metric, with the number of seeds behind it if other seeds of the group lack it."""
    mean, count, finished = group.mean(metric), len(group.values(metric)), len(group.values(group.measure))
    if mean is None:
        return "-"
    return f"{mean:,.{decimals}f}{deviation}" + (f" ({count} of {finished})" if count < finished else "")


if __name__ == "__main__":
    app()
