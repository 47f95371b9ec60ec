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
from typing import Annotated

import typer

from benchmarks import pairs
from benchmarks.epochs import Storage
from benchmarks.pairs import Row
from benchmarks.systems import SYSTEMS
from stages.common import console

MEASUREMENTS, TABLE = Path("benchmarks/workers.json"), Path("benchmarks/WORKERS.md")
NAMES, COUNTS, ROUNDS, EPOCHS = ("mnist-mlp-wide", "mnist-cnn-5x5"), (1, 2, 4), 3, 1
INTRODUCTION = """\
# One training by several processes

Measured by `python -m benchmarks.workers`: 1, 2 and 4 processes of one machine, which communicate over its loopback
interface. A round times each number of processes once: the steps, without compilation. All processes share the same
cores, so the numbers show the cost of the exchange, not the gain from more machines. Images per second, as median
(lowest–highest):

"""

app = console.new_app()


@app.command()
@console.command
def main(
    systems: Annotated[list[str] | None, typer.Argument(help="Systems to time.  [default: all]")] = None,
) -> None:
    """Time training by several processes, and write benchmarks/WORKERS.md."""
    rows = pairs.read_rows(MEASUREMENTS)
    pairs.check_known(systems or (), NAMES)
    for name in systems or NAMES:
        rounds: list[dict[str, Row]] = []
        for number in range(ROUNDS):
            console.say(f"{name}: {number + 1} of {ROUNDS}")
            rounds.append({str(count): measure(name, count) for count in COUNTS})
            rows[name] = {"date": pairs.today(), "pairs": rounds}
            pairs.write_rows(MEASUREMENTS, rows, TABLE, text(rows))


def measure(name: str, count: int) -> Row:
    """Train a system by several processes.

    Args:
        name: Name of the system.
        count: Number of processes.

    Returns:
        Measurement of the chief.
    """
    run = SYSTEMS[name].run
    addresses = ",".join(free_addresses(count))

    def train(index: int) -> Row:
        cluster = ["--workers", addresses, "--index", str(index)] if count > 1 else []
        return pairs.measure("epochs", run.arrays, run.recipe_path, EPOCHS, Storage.DISK, *cluster)

    with ThreadPoolExecutor(count) as processes:
        chief, *_ = processes.map(train, range(count))
    return chief


def text(rows: dict[str, Row]) -> str:
    """Return benchmarks/WORKERS.md."""
    header = ["system", "rounds", *(f"{count} process" if count == 1 else f"{count} processes" for count in COUNTS)]
    lines = [pairs.cells(*header), pairs.cells(*["---"] * len(header))]
    for name, row in rows.items():
        sides = [[pair[str(count)] for pair in row["pairs"]] for count in COUNTS]
        spreads = [pairs.spread([each["images"] / each["seconds"] for each in side], 0) for side in sides]
        lines.append(pairs.cells(f"`{name}`", len(row["pairs"]), *spreads))
    return INTRODUCTION + "".join(lines) + pairs.machines(rows)


def free_addresses(count: int) -> list[str]:
    """Return host:port of `count` ports of this machine at which no process listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


if __name__ == "__main__":
    app()
