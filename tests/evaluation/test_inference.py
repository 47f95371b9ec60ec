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
    """Answers with the share of white in an image's first pixel, and keeps what it was asked."""

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
def test_every_image_is_answered_in_order(kind: Callable[[Any, Path], Any], tmp_path: Path):
    images, model = numbered_images(), FirstPixel()
    probabilities = inference.predict(model, kind(images, tmp_path), "looking")

    assert probabilities[:, 0] == pytest.approx(images.ravel() / 255)
    assert probabilities.dtype == np.float32


def test_the_model_sees_no_more_than_a_batch_of_numbers_at_once():
    model = FirstPixel()
    inference.predict(model, numbered_images(), "looking")

    assert [(inference.BATCH_SIZE, "float32")] * 2 + [(1, "float32")] == [(len(b), b.dtype) for b in model.batches]


class Noted:
    """A tally that keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[int, list[float], list[int]]] = []

    def add(self, probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> None:
        self.given.append((len(labels), probabilities[:, 0].tolist(), labels.tolist()))


def test_tallies_get_each_answer_with_its_label(tmp_path: Path):
    images, first, second = numbered_images(), Noted(), Noted()
    labels = np.arange(NUM_IMAGES, dtype=np.int32)
    inference.count(FirstPixel(), from_file(images, tmp_path), labels, "looking", first, second)

    assert first.given == second.given
    assert [inference.BATCH_SIZE, inference.BATCH_SIZE, 1] == [count for count, _, _ in first.given]
    assert labels.tolist() == [label for _, _, of_batch in first.given for label in of_batch]
    answers = [answer for _, of_batch, _ in first.given for answer in of_batch]
    assert answers == pytest.approx(images.ravel() / 255)


STREAM = """
import sys
from pathlib import Path
import numpy as np
from stages.evaluation import calibration, inference, mistakes, scores, tables
from stages.images.rows import FileRows

class Model:
    def predict_on_batch(self, batch):
        return np.full((len(batch), 200), 1 / 200, np.float32)

path, count = Path(sys.argv[1]), int(sys.argv[2])
path.unlink(missing_ok=True)
np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, 28, 28, 1))  # takes no place on the disk
images = FileRows(np.lib.format.open_memmap(path, mode="r"))
labels = np.arange(count, dtype=np.int32) % 200
if sys.argv[3] == "count":
    tallies = scores.Tally(count, 200), calibration.Tally(), mistakes.Tally()
    inference.count(Model(), images, labels, "looking", *tallies)
else:
    batches = inference.predict_batches(Model(), images, "looking")
    tables.write_predictions(path.with_suffix(".csv"), batches, labels, list(map(str, range(200))))
"""


@pytest.mark.parametrize(("what", "images", "held"), [("count", 200_000, 157 + 160), ("write", 40_000, 31 + 32)])
def test_memory_does_not_grow_with_the_images(tmp_path: Path, what: str, images: int, held: int):
    few, many = (peak_memory(STREAM, tmp_path / "images.npy", str(count), what) for count in (1000, images))

    assert many < few + held / 5  # MB; images and probabilities take `held`
