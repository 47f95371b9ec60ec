"""Evaluation of a model on both splits of its dataset, in one pass over each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stages.evaluation import inference
from stages.evaluation.calibration import Bin, CalibrationAccumulator
from stages.evaluation.mistakes import MistakeAccumulator, Mistakes
from stages.evaluation.scores import ScoreAccumulator, Scores
from stages.images.arrays import Images, Labels, Split
from stages.images.rows import FileRows

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Evaluation:
    """Results of a model.

    Attributes:
        train: Scores on the training images.
        test: Scores on the test images.
        bins: Test images by confidence.
        mistakes: Mistakes on the test images.
    """

    train: Scores
    test: Scores
    bins: Sequence[Bin]
    mistakes: Mistakes


def evaluate(
    model: "keras.Model", splits: Mapping[Split, tuple[Images, Labels]], num_classes: int, run_name: str
) -> Evaluation:
    """Return the results of a model on the training and the test images.

    Args:
        model: Model from images to class probabilities.
        splits: Images and labels of each split, as `arrays.read_split` returns them.
        num_classes: Number of classes.
        run_name: Name of the run, for the progress bars.
    """
    scores = {split: ScoreAccumulator(len(labels), num_classes) for split, (_, labels) in splits.items()}
    bins, mistakes = CalibrationAccumulator(), MistakeAccumulator()
    accumulators: dict[Split, list[inference.Accumulator]] = {
        "train": [scores["train"]],
        "test": [scores["test"], bins, mistakes],
    }
    for split, (images, labels) in splits.items():
        description = f"scoring {run_name} on the {split} images"
        inference.accumulate(model, FileRows(images), labels, description, *accumulators[split])
    return Evaluation(
        train=scores["train"].result(), test=scores["test"].result(), bins=bins.result(), mistakes=mistakes.result()
    )
