from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stages.evaluation import inference
from stages.images.rows import FileRows
from tests.processes import peak_memory

NUM_IMAGES = 2 * inference.BATCH_SIZE + 1


class FirstPixel:
    """Model whose probability of class 0 is the brightness of the first pixel; it records its batches."""

    def __init__(self) -> None:
        self.batches: list[npt.NDArray[np.float32]] = []

    def predict_on_batch(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.batches.append(batch)
        white = batch[:, 0, 0] / 255
        return np.concatenate([white, 1 - white], axis=1)


def numbered_images() -> npt.NDArray[np.uint8]:
    return (np.arange(NUM_IMAGES) % 256).astype(np.uint8).reshape(-1, 1, 1, 1)


def from_file(images: npt.NDArray[np.uint8], folder: Path) -> FileRows:
    np.save(folder / "images.npy", images)
    return FileRows(np.load(folder / "images.npy", mmap_mode="r"))


@pytest.mark.parametrize("kind", [lambda images, _: images, lambda images, _: list(images), from_file])
def test_every_image_is_predicted_in_order(kind: Callable[[Any, Path], Any], tmp_path: Path):
    images, model = numbered_images(), FirstPixel()
    probabilities = inference.predict(model, kind(images, tmp_path), "classifying")

    assert probabilities[:, 0] == pytest.approx(images.ravel() / 255)
    assert probabilities.dtype == np.float32


def test_the_model_sees_one_batch_at_a_time():
    model = FirstPixel()
    inference.predict(model, numbered_images(), "classifying")

    batches = [(len(batch), batch.dtype) for batch in model.batches]
    assert batches == [(inference.BATCH_SIZE, "float32")] * 2 + [(1, "float32")]


class Recorder:
    """Accumulator that records its updates."""

    def __init__(self) -> None:
        self.updates: list[tuple[int, list[float], list[int]]] = []

    def update(self, probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> None:
        self.updates.append((len(labels), probabilities[:, 0].tolist(), labels.tolist()))


def test_accumulators_get_each_prediction_with_its_label(tmp_path: Path):
    images, first, second = numbered_images(), Recorder(), Recorder()
    labels = np.arange(NUM_IMAGES, dtype=np.int32)
    inference.accumulate(FirstPixel(), from_file(images, tmp_path), labels, "scoring", first, second)

    assert first.updates == second.updates
    assert [count for count, _, _ in first.updates] == [inference.BATCH_SIZE, inference.BATCH_SIZE, 1]
    assert [label for _, _, of_batch in first.updates for label in of_batch] == labels.tolist()
    predictions = [prediction for _, of_batch, _ in first.updates for prediction in of_batch]
    assert predictions == pytest.approx(images.ravel() / 255)


STREAM = """
import sys
from pathlib import Path
import numpy as np
from stages.evaluation import inference, tables
from stages.evaluation.calibration import CalibrationAccumulator
from stages.evaluation.mistakes import MistakeAccumulator
from stages.evaluation.scores import ScoreAccumulator
from stages.images.rows import FileRows

class Model:
    def predict_on_batch(self, batch):
        return np.full((len(batch), 200), 1 / 200, np.float32)

path, count = Path(sys.argv[1]), int(sys.argv[2])
path.unlink(missing_ok=True)
np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, 28, 28, 1))  # a sparse file
images = FileRows(np.lib.format.open_memmap(path, mode="r"))
labels = np.arange(count, dtype=np.int32) % 200
if sys.argv[3] == "accumulate":
    accumulators = ScoreAccumulator(count, 200), CalibrationAccumulator(), MistakeAccumulator()
    inference.accumulate(Model(), images, labels, "scoring", *accumulators)
else:
    batches = inference.predict_batches(Model(), images, "predicting")
    tables.write_predictions(path.with_suffix(".csv"), batches, labels, list(map(str, range(200))))
"""


@pytest.mark.parametrize(
    ("action", "images", "megabytes"), [("accumulate", 200_000, 157 + 160), ("write", 40_000, 31 + 32)]
)
def test_memory_does_not_grow_with_the_images(tmp_path: Path, action: str, images: int, megabytes: int):
    few, many = (peak_memory(STREAM, tmp_path / "images.npy", str(count), action) for count in (1000, images))

    assert many < few + megabytes / 5  # images and probabilities together take `megabytes`
