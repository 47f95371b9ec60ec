"""Train some epochs on a folder of arrays, and print the time of the steps and the memory as JSON.

    python -m benchmarks.epochs data/processed/mnist recipes/mlp.yaml 5 disk

The clock runs from the end of the first step to the end of the last. Compilation is not included.
"""

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stages.common import console

app = console.new_app()


class Storage(StrEnum):
    """Place of the images during the training."""

    MEMORY = "memory"
    DISK = "disk"


@app.command()
@console.command
def main(
    folder: Path,
    recipe_path: Path,
    epochs: int,
    storage: Storage,
    addresses: Annotated[str | None, typer.Option("--workers", help="host:port of each worker.")] = None,
    index: Annotated[int | None, typer.Option(help="Index of this worker, from 0.")] = None,
) -> None:
    """Train a recipe on a folder of arrays, and print the time and the memory."""
    from benchmarks.side import create_trainer, machine, with_training
    from stages.images import arrays
    from stages.model.recipe import Recipe
    from stages.training.batches.holdout import load_examples
    from stages.training.runtime.workers import Workers, find_cluster

    recipe = Recipe.load(recipe_path)
    recipe = with_training(recipe, epochs=epochs, validation="none", keep="last", patience=None)
    num_classes = len(arrays.read_info(folder).classes)
    workers = Workers(find_cluster(addresses, index))
    examples = load_examples(folder, recipe, on_disk=storage is Storage.DISK)
    trainer = create_trainer(recipe, 0, num_classes, examples, workers, checkpoint_seconds=float("inf")).trainer
    ticks: list[float] = []
    trainer.train(on_epoch=lambda _: None, on_tick=lambda: ticks.append(time.monotonic()))
    train, _ = examples
    num_images = epochs * len(train[1]) - recipe.training.batch_size  # the first step is not timed
    measured = {"images": num_images, "seconds": ticks[-1] - ticks[0], "peak_mb": _peak_mb(), "machine": machine()}
    typer.echo(json.dumps(measured))


def _peak_mb() -> float | None:
    """Return the most memory this process held, in MB, pages of files included; None if the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    [line] = [line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    app()
