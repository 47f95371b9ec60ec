"""Put all runs and their plots on one page.

Not a stage of the graph. It reads the YAML files, stages/ and, as far as they exist, dvc.lock, metrics/,
models/<run>.md and plots/. It writes report.html, a page that needs no network.

    python -m stages.report

Takes a second or two for eight runs.
"""

import shlex
from pathlib import Path

from stages.common import console
from stages.common.printable import printable

app = console.new_app()

REPORT = Path("report.html")


@app.command()
@console.command
def main() -> None:
    """Write report.html, one page with all runs of params.yaml and their plots."""
    from stages.common import atomic
    from stages.reporting import leftovers, page, runs

    results, pending = runs.read()
    atomic.write_text(REPORT, page.render(results, pending, runs.read_samples(results)))
    console.say(f"{REPORT}: {len(results)} of {len(results) + len(pending)} runs; open it in a browser")
    for result in results:
        if result.origin.changes:
            changes, name = "; ".join(result.origin.changes), result.run.name
            console.say(f"{name} is stale ({printable(changes)}): dvc repro evaluate@{name} predict@{name}")
    for name in pending:
        console.say(f"{name} has no result yet: dvc repro evaluate@{name} predict@{name}")
    for name, files in leftovers.find([*pending, *(result.run.name for result in results)]).items():
        command = printable(shlex.join(["rm", "-r", *map(str, files)]))
        console.say(f"{printable(name)} is not in params.yaml; this takes away what it left: {command}")


if __name__ == "__main__":
    app()
