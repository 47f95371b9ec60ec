"""Compare the experiments of a run.

No stage of the graph: it reads what `dvc exp run` recorded since the last commit, and writes nothing.

    python -m stages.compare mnist-mlp
"""

import json
import subprocess
import sys
from typing import Annotated

import typer

from stages import console

app = console.new_app()


@app.command()
@console.command
def main(run: Annotated[str, typer.Argument(help="A run of params.yaml.")]) -> None:
    """Show the experiments of a run, the most accurate first: what each changed, and the metrics that differ."""
    from stages import plan
    from stages.errors import InputError
    from stages.evaluation import experiments

    plan.find_run(run)
    with console.progress("reading the experiments", total=None):
        asked = subprocess.run(
            [sys.executable, "-m", "dvc", "exp", "show", "--json"], capture_output=True, text=True, check=False
        )
    if asked.returncode != 0:
        reason = asked.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise InputError("dvc exp show", "a list of experiments", reason[0], "mend that first")
    found = experiments.compare(json.loads(asked.stdout), run)
    if len(found) == 1:
        console.say(
            f"{run} has no experiments since the last commit; make one with dvc exp run -S, see docs/experiments.md"
        )
        return
    metrics = experiments.metrics_that_differ(found)
    rows = [
        ["\n ".join([each.name, *each.changes]), *(_number(each.metrics.get(name)) for name in metrics)]
        for each in found
    ]
    console.table(["experiment", *metrics], rows)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


if __name__ == "__main__":
    app()
