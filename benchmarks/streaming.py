"""Time the training on images from the disk against the same from memory, up to 10 GB; write benchmarks/STREAMING.md.

python -m benchmarks.streaming

The images are made on the spot in a folder of the system's temporary files, or of TMPDIR, and deleted in the end.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks import pairs
from benchmarks.epochs import Where
from benchmarks.pairs import Row
from stages import console
from stages.images import arrays
from stages.images.arrays import Description, Images, Split
from stages.training import splits

MEASURED, TABLE = Path("benchmarks/streaming.json"), Path("benchmarks/STREAMING.md")
NUM_CLASSES, SIZE = 10, 28
INTRODUCTION = """\
# Images from the disk

Images are read from the disk, in windows of at most 64 MB, while the steps train on the window before. Measured by
`python -m benchmarks.streaming`: synthetic images of 28 × 28 pixels, each run a process of its own, the pace of the
steps without compilation. The recipe `mlp` asks for the most images a second, and so the most of the disk. Memory is
the peak of what the process held, TensorFlow and pages of files included. Median (lowest–highest).

"""


class Case(NamedTuple):
    """What is measured together.

    Attributes:
        recipe: What is trained.
        images: On how many.
        epochs: How often each is seen.
        times: How often that is measured.
    """

    recipe: str
    images: int
    epochs: int
    times: int


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
    """Measure, and write the table."""
    rows: dict[str, Row] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as scratch:
            rows[f"{case.recipe} {case.images}"] = measure(write_images(Path(scratch) / "data", case.images), case)
        pairs.write_rows(MEASURED, rows, TABLE, text(rows))


def measure(data: Path, case: Case) -> Row:
    """Train from memory, if it has the place, and from the disk, in turn."""
    sides = (Where.MEMORY, Where.DISK) if case.images * SIZE**2 <= splits.IN_MEMORY_BYTES else (Where.DISK,)
    recipe = pairs.ROOT / "recipes" / f"{case.recipe}.yaml"
    measured = []
    for number in range(case.times):
        console.say(f"{case.recipe}, {case.images:,} images: {number + 1} of {case.times}")
        measured.append({side.value: pairs.measure("epochs", data, recipe, case.epochs, side.value) for side in sides})
    return {"recipe": case.recipe, "images": case.images, "date": pairs.today(), "pairs": measured}


class Noise:
    """Random images, made when they are read, `arrays.Rows`."""

    def __init__(self, count: int) -> None:
        self.shape = (count, SIZE, SIZE)
        self._random = np.random.Generator(np.random.PCG64(0))

    def __getitem__(self, some: slice) -> Images:
        """Return as many new images as are asked for, uint8, 0…255."""
        count = len(range(*some.indices(self.shape[0])))
        return self._random.integers(0, 256, (count, SIZE, SIZE), dtype=np.uint8)


def write_images(folder: Path, count: int) -> Path:
    """Write the arrays of a dataset of random images, in constant memory."""
    folder.mkdir(parents=True)
    described = {}
    sizes: dict[Split, int] = {"train": count, "test": NUM_CLASSES}
    for split, images in sizes.items():
        labels = np.arange(images) % NUM_CLASSES
        described[split] = arrays.write_split(folder, split, Noise(images), labels, NUM_CLASSES, lambda _: None)
    classes = [str(label) for label in range(NUM_CLASSES)]
    arrays.write_description(folder, Description(classes=classes, image_shape=(SIZE, SIZE, 1), **described))
    return folder


def text(rows: dict[str, Row]) -> str:
    """Return the table."""
    lines = [
        pairs.cells(
            "recipe", "images", "size", "µs an image, memory", "µs an image, disk", "pace of memory", "peak MB, disk"
        ),
        pairs.cells(*["---"] * 7),
    ]
    for row in rows.values():
        sides = {side: [pair[side] for pair in row["pairs"] if side in pair] for side in ("memory", "disk")}
        paces = {side: [1e6 * each["seconds"] / each["images"] for each in there] for side, there in sides.items()}
        shares = [100 * memory / disk for memory, disk in zip(paces["memory"], paces["disk"], strict=False)]
        peak = median(each["peak_mb"] or 0 for each in sides["disk"])
        size = f"{row['images'] * SIZE * SIZE / 1e9:.2f} GB"
        spreads = (pairs.spread(paces["memory"], 2), pairs.spread(paces["disk"], 2), pairs.spread(shares, 0, "%"))
        lines.append(pairs.cells(row["recipe"], f"{row['images']:,}", size, *spreads, f"{peak:.0f}"))
    return INTRODUCTION + "".join(lines) + pairs.machines(rows)


if __name__ == "__main__":
    app()
