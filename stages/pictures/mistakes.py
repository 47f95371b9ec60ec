"""The most confident mistakes: images that a model was surest of, and wrong about."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.evaluation.mistakes import Tally
from stages.images.arrays import Images, Labels
from stages.pictures import look, tiles


def draw(path: Path, run: str, images: Images, labels: Labels, mistakes: Tally, classes: Sequence[str]) -> None:
    """Draw the mistakes with the highest probability, the surest first.

    Args:
        path: The PNG file.
        run: The run's name.
        images: uint8, (N, height, width, 1 or 3), 0…255, as mapped.
        labels: Integers, (N,), 0…num_classes - 1.
        mistakes: Those made on these images.
        classes: What each label means.
    """
    surest, wrong = mistakes.surest, mistakes.wrong
    note = f"none in {mistakes.images:,} test images"
    if surest:
        which = f"the {len(surest)} most confident of" if len(surest) < wrong else "all"
        note = f"{which} {wrong:,} in {mistakes.images:,} test images"
    names = [look.short(name, tiles.LONGEST_NAME) for name in classes]
    words = [
        [
            (f"is {names[labels[mistake.index]]}", look.INK),
            (f"said {names[mistake.predicted]}", look.VERMILLION),
            (f"{look.percent(mistake.confidence)} sure", look.GREY),
        ]
        for mistake in surest
    ]
    shown = images[np.array([mistake.index for mistake in surest], dtype=np.int64)]
    tiles.gallery(path, look.title(run, "mistakes"), note, shown, words)
