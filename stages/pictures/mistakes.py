"""The most confident mistakes: images that a model was surest of, and wrong about."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.evaluation.inference import Probabilities
from stages.images.arrays import Images, Labels
from stages.pictures import look, tiles

SHOWN = 24


def draw(
    path: Path, run: str, images: Images, labels: Labels, probabilities: Probabilities, classes: Sequence[str]
) -> None:
    """Draw the mistakes with the highest probability, the surest first.

    Args:
        path: The PNG file.
        run: The run's name.
        images: uint8, (N, height, width, 1 or 3), 0…255, as mapped.
        labels: Integers, (N,), 0…num_classes - 1.
        probabilities: (N, num_classes), 0…1, each row summing to 1.
        classes: What each label means.
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN]
    note = f"none in {len(labels):,} test images"
    if wrong.size:
        which = f"the {len(surest)} most confident of" if len(surest) < len(wrong) else "all"
        note = f"{which} {len(wrong):,} in {len(labels):,} test images"
    names = [look.short(name, tiles.LONGEST_NAME) for name in classes]
    words = [
        [
            (f"is {names[labels[index]]}", look.INK),
            (f"said {names[predicted[index]]}", look.VERMILLION),
            (f"{look.percent(confidence[index])} sure", look.GREY),
        ]
        for index in surest
    ]
    tiles.gallery(path, look.title(run, "mistakes"), note, images[surest], words)
