"""Put all runs and their plots on one page.

Not a stage of the graph. It reads params.yaml, datasets/ and, as far as they exist, metrics/, models/<run>.md and
plots/. It writes report.html, a page that needs no network.

    python -m stages.report

Takes less than a second for eight runs.
"""

from pathlib import Path

from stages.common import console

app = console.new_app()

REPORT = Path("report.html")


@app.command()
@console.command
def main() -> None:
    """Write report.html, one page with all runs of params.yaml and their plots."""
    from stages.common import atomic
    from stages.reporting import page, runs

    results, pending = runs.read()
    atomic.write_text(REPORT, page.render(results, pending, runs.read_samples(results)))
    console.say(f"{REPORT}: {len(results)} of {len(results) + len(pending)} runs; open it in a browser")
    for name in pending:
        console.say(f"{name} has no result yet: dvc repro evaluate@{name} predict@{name}")


if __name__ == "__main__":
    app()
