"""Time one training by several processes on this machine against one process.

Writes benchmarks/workers.json after each round of 1, 2 and 4 processes, and benchmarks/WORKERS.md from it.

    python -m benchmarks.workers                    # every system
    python -m benchmarks.workers mnist-cnn-5x5      # that row anew; the other stays

Takes about 25 minutes on 2 cores, which all processes share. Let the machine do nothing else meanwhile.
"""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import pairs
from benchmarks.epochs import Where
from benchmarks.pairs import Row
from benchmarks.systems import SYSTEMS
from stages import console

MEASURED, TABLE = Path("benchmarks/workers.json"), Path("benchmarks/WORKERS.md")
NAMES, COUNTS, TIMES, EPOCHS = ("mnist-mlp-wide", "mnist-cnn-5x5"), (1, 2, 4), 3, 1
INTRODUCTION = """\
# One training by several processes

Measured by `python -m benchmarks.workers`: processes of one machine that talk over its loopback, one number of them
after the other, the pace of the steps without compilation. They share the same cores, so what can be seen here is what
the exchange costs, not what more machines gain. Median (lowest–highest).

"""

app = console.new_app()


@app.command()
@console.command
def main(
    systems: Annotated[list[str] | None, typer.Argument(help="Which systems.  [default: all]")] = None,
) -> None:
    """Measure, and write benchmarks/WORKERS.md."""
    rows = pairs.read_rows(MEASURED)
    pairs.require_known(systems or (), NAMES)
    for name in systems or NAMES:
        measured: list[dict[str, Row]] = []
        for number in range(TIMES):
            console.say(f"{name}: {number + 1} of {TIMES}")
            measured.append({str(count): measure(name, count) for count in COUNTS})
            rows[name] = {"date": pairs.today(), "pairs": measured}
            pairs.write_rows(MEASURED, rows, TABLE, text(rows))


def measure(name: str, count: int) -> Row:
    """Train a system by so many processes; return what the chief measured."""
    run = SYSTEMS[name].run
    addresses = ",".join(free_addresses(count))

    def train(index: int) -> Row:
        cluster: list[Any] = ["--workers", addresses, "--index", index] if count > 1 else []
        arguments = (run.data, run.recipe_path, EPOCHS, Where.DISK.value)
        return pairs.measure("epochs", *arguments, *cluster)

    with ThreadPoolExecutor(count) as processes:
        chief, *_ = processes.map(train, range(count))
    return chief


def text(rows: dict[str, Row]) -> str:
    """Return the table."""
    counts = [f"images a second: {count}" if count == COUNTS[0] else str(count) for count in COUNTS]
    header = ["system", "rounds", *counts]
    lines = [pairs.cells(*header), pairs.cells(*["---"] * len(header))]
    for name, row in rows.items():
        paces = [
            [pair[str(count)]["images"] / pair[str(count)]["seconds"] for pair in row["pairs"]] for count in COUNTS
        ]
        lines.append(pairs.cells(f"`{name}`", len(row["pairs"]), *(pairs.spread(pace, 0) for pace in paces)))
    return INTRODUCTION + "".join(lines) + pairs.machines(rows)


def free_addresses(count: int) -> list[str]:
    """Return host:port of so many ports of this machine that nobody listens at."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


if __name__ == "__main__":
    app()
