"""Train some epochs on a folder of arrays, in a process of its own; print the pace of the steps as JSON.

python -m benchmarks.epochs data/processed/mnist recipes/mlp.yaml 5 disk

The clock runs from the end of the first step, and so without compilation, to the end of the last.
"""

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stages import console

app = console.new_app()


class Where(StrEnum):
    """Where the images are while the network trains."""

    MEMORY = "memory"
    DISK = "disk"


@app.command()
@console.command
def main(
    data: Path,
    recipe: Path,
    epochs: int,
    where: Where,
    workers: Annotated[str | None, typer.Option()] = None,
    index: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Train, and print what it took."""
    from benchmarks.side import machine
    from stages.images import arrays
    from stages.training import checkpoint, determinism, network, precision, splits
    from stages.training.recipe import Recipe
    from stages.training.workers import Workers, find_cluster

    loaded = Recipe.load(recipe)
    changes = {"epochs": epochs, "validation": "none", "keep": "last", "patience": None}
    loaded = loaded.model_copy(update={"training": loaded.training.model_copy(update=changes)})
    description = arrays.read_description(data)
    team = Workers(find_cluster(workers, index))
    determinism.settle(0, loaded.training.threads, loaded.training.shards, team.join)
    model = network.build(loaded, recipe, description.image_shape, len(description.classes))
    optimizer = network.build_optimizer(loaded.optimizer, recipe)
    dtype = precision.supported(loaded.training.precision)

    from stages.training.loop import Loop

    examples, _ = splits.split(data, "none", recipe, where is Where.DISK)
    looks: list[float] = []
    kept = checkpoint.Checkpoint("benchmark")
    loop = Loop(model, optimizer, loaded, dtype, 0, examples, None, kept, float("inf"), team)
    loop.run(lambda _: None, lambda: looks.append(time.monotonic()))
    images = epochs * len(examples[1]) - loaded.training.batch_size
    measured = {"images": images, "seconds": looks[-1] - looks[0], "peak_mb": _peak_mb(), "machine": machine()}
    typer.echo(json.dumps(measured))


def _peak_mb() -> float | None:
    """Return the most memory that this process held, pages of files included, where the system tells it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    [line] = [line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    app()
