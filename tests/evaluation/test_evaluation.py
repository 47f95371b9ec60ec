from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.evaluation import evaluation
from tests import accumulators


class HalfSure:
    """Model that gives half of the probability to the class in the first pixel, and shares the rest."""

    def predict_on_batch(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        probabilities = np.full((len(images), 3), 0.25, np.float32)
        probabilities[np.arange(len(images)), images[:, 0, 0, 0].astype(int)] = 0.5
        return probabilities


def mapped(path: Path, pixels: list[int]) -> npt.NDArray[np.uint8]:
    np.save(path, np.array(pixels, np.uint8).reshape(-1, 1, 1, 1))
    return np.load(path, mmap_mode="r")


def test_both_splits_are_scored_and_mistakes_are_those_on_the_test_images(tmp_path: Path):
    splits = {
        "train": (mapped(tmp_path / "train.npy", [0, 1, 2, 2]), np.array([0, 1, 2, 2])),
        "test": (mapped(tmp_path / "test.npy", [0, 1, 2]), np.array([0, 2, 2])),
    }
    results = evaluation.evaluate(HalfSure(), splits, num_classes=3, run_name="run")
    probabilities = HalfSure().predict_on_batch(splits["test"][0])

    assert (results.train.accuracy, results.train.errors) == (1.0, 0)
    assert (results.test.accuracy, results.test.errors) == (2 / 3, 1)
    assert results.bins == accumulators.bins(probabilities, splits["test"][1])
    assert results.mistakes == accumulators.mistakes(probabilities, splits["test"][1])
    assert [mistake.index for mistake in results.mistakes.most_confident] == [1]
