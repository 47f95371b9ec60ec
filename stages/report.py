"""Put all runs and their pictures into one page.

No stage of the graph: it reads params.yaml, datasets/, metrics/, models/<run>.md and plots/, whatever of them is there,
and writes report.html, which shows everything without a network.

    python -m stages.report

Takes less than a second for eight runs.
"""

from pathlib import Path

from stages import console

app = console.new_app()

REPORT = Path("report.html")


@app.command()
@console.command
def main() -> None:
    """Put all runs of params.yaml and their pictures into one page that needs no network."""
    from stages import atomic
    from stages.reporting import page, runs

    results, pending = runs.read()
    text = page.render(results, pending, runs.read_samples(results))
    with atomic.new_file(REPORT) as partial:
        partial.write_text(text, encoding="utf-8")
    console.say(f"{REPORT}: {len(results)} of {len(results) + len(pending)} runs; open it in a browser")
    for name in pending:
        console.say(f"{name} has no result yet: dvc repro evaluate@{name} predict@{name}")


if __name__ == "__main__":
    app()
