"""Time training on images from the disk against images in memory, up to 10 GB; write benchmarks/STREAMING.md.

    python -m benchmarks.streaming

The images are made in the system's folder of temporary files, or in TMPDIR, and deleted afterwards.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks import pairs
from benchmarks.epochs import Storage
from benchmarks.pairs import Row
from stages.common import console
from stages.images import arrays
from stages.images.arrays import DatasetInfo, Images, Split
from stages.training.batches.holdout import MAX_BYTES_IN_MEMORY

MEASUREMENTS, TABLE = Path("benchmarks/streaming.json"), Path("benchmarks/STREAMING.md")
NUM_CLASSES, SIZE = 10, 28
INTRODUCTION = """\
# Images from the disk

Images are read from the disk in windows of at most 64 MB, while the steps train on the window before. Measured by
`python -m benchmarks.streaming` with synthetic images of 28 × 28 pixels. Each training has a process of its own. The
time is that of the steps, without compilation. The recipe `mlp` needs the most images per second, and so the most from
the disk. Memory is the peak of the process, TensorFlow and pages of files included. Median (lowest–highest).

"""


class Case(NamedTuple):
    """Training that is timed from the disk and, if the images fit, from memory.

    Attributes:
        recipe: Name of the recipe.
        num_images: Number of training images.
        epochs: Number of epochs.
        repeats: Number of measurements.
    """

    recipe: str
    num_images: int
    epochs: int
    repeats: int


CASES = (
    Case("mlp", 60_000, 20, 3),
    Case("mlp", 1_200_000, 1, 3),
    Case("mlp", 12_000_000, 1, 1),
    Case("mnist-fast", 300_000, 1, 3),
)

app = console.new_app()


@app.command()
@console.command
def main() -> None:
    """Time training from the disk and from memory, and write benchmarks/STREAMING.md."""
    rows: dict[str, Row] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = write_images(Path(scratch) / "data", case.num_images)
            rows[f"{case.recipe} {case.num_images}"] = measure(folder, case)
        pairs.write_rows(MEASUREMENTS, rows, TABLE, text(rows))


def measure(folder: Path, case: Case) -> Row:
    """Train on a folder of arrays from memory, if they fit into it, and from the disk, in turn."""
    fits = case.num_images * SIZE**2 <= MAX_BYTES_IN_MEMORY
    storages = (Storage.MEMORY, Storage.DISK) if fits else (Storage.DISK,)
    recipe_path = pairs.ROOT / "recipes" / f"{case.recipe}.yaml"
    measured = []
    for number in range(case.repeats):
        console.say(f"{case.recipe}, {case.num_images:,} images: {number + 1} of {case.repeats}")
        arguments = (folder, recipe_path, case.epochs)
        measured.append({storage.value: pairs.measure("epochs", *arguments, storage) for storage in storages})
    return {"recipe": case.recipe, "images": case.num_images, "date": pairs.today(), "pairs": measured}


class Noise:
    """Random images that are made when they are read, an `arrays.ImageSequence`.

    Args:
        num_images: Number of images.
    """

    def __init__(self, num_images: int) -> None:
        self.shape = (num_images, SIZE, SIZE)
        self._random = np.random.Generator(np.random.PCG64(0))

    def __getitem__(self, some: slice) -> Images:
        """Return new images for a slice, uint8, (N, SIZE, SIZE), 0…255."""
        count = len(range(*some.indices(self.shape[0])))
        return self._random.integers(0, 256, (count, SIZE, SIZE), dtype=np.uint8)


def write_images(folder: Path, num_images: int) -> Path:
    """Write the arrays of a dataset of random images, in constant memory, and return their folder."""
    folder.mkdir(parents=True)
    info = {}
    counts: dict[Split, int] = {"train": num_images, "test": NUM_CLASSES}
    for split, count in counts.items():
        labels = np.arange(count) % NUM_CLASSES
        info[split] = arrays.write_split(folder, split, Noise(count), labels, NUM_CLASSES, lambda _: None)
    classes = [str(label) for label in range(NUM_CLASSES)]
    arrays.write_info(folder, DatasetInfo(classes=classes, image_shape=(SIZE, SIZE, 1), **info))
    return folder


def text(rows: dict[str, Row]) -> str:
    """Return benchmarks/STREAMING.md."""
    header = (
        "recipe", "images", "size", "µs per image, memory", "µs per image, disk", "pace relative to memory",
        "peak MB, disk",
    )  # fmt: skip
    lines = [pairs.cells(*header), pairs.cells(*["---"] * len(header))]
    for row in rows.values():
        sides = {each: [pair[each] for pair in row["pairs"] if each in pair] for each in Storage}
        times = {each: [1e6 * side["seconds"] / side["images"] for side in sides[each]] for each in Storage}
        memory, disk = times[Storage.MEMORY], times[Storage.DISK]
        percentages = [100 * in_memory / on_disk for in_memory, on_disk in zip(memory, disk, strict=False)]
        peak = median(side["peak_mb"] or 0 for side in sides[Storage.DISK])
        size = f"{row['images'] * SIZE * SIZE / 1e9:.2f} GB"
        spreads = (pairs.spread(memory, 2), pairs.spread(disk, 2), pairs.spread(percentages, 0, "%"))
        lines.append(pairs.cells(row["recipe"], f"{row['images']:,}", size, *spreads, f"{peak:.0f}"))
    return INTRODUCTION + "".join(lines) + pairs.machines(rows)


if __name__ == "__main__":
    app()
