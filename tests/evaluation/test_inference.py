from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stages.evaluation import inference

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


def as_memory_map(images: npt.NDArray[np.uint8], folder: Path) -> npt.NDArray[np.uint8]:
    np.save(folder / "images.npy", images)
    return np.load(folder / "images.npy", mmap_mode="r")


@pytest.mark.parametrize("kind", [lambda images, _: images, lambda images, _: list(images), as_memory_map])
def test_every_image_is_answered_in_order(kind: Callable[[Any, Path], Any], tmp_path: Path):
    images, model = numbered_images(), FirstPixel()
    probabilities = inference.predict(model, kind(images, tmp_path), "looking")

    assert probabilities[:, 0] == pytest.approx(images.ravel() / 255)
    assert probabilities.dtype == np.float32


def test_the_model_sees_no_more_than_a_batch_of_numbers_at_once():
    model = FirstPixel()
    inference.predict(model, numbered_images(), "looking")

    assert [(inference.BATCH_SIZE, "float32")] * 2 + [(1, "float32")] == [(len(b), b.dtype) for b in model.batches]
