"""Most confident mistakes of a model."""

from pathlib import Path

import numpy as np

from stages.evaluation.mistakes import Mistakes
from stages.plots import style, tiles
from stages.plots.tiles import LabelledImages


def draw(path: Path, run_name: str, test_images: LabelledImages, mistakes: Mistakes) -> None:
    """Draw the mistakes with the highest confidence, in descending order.

    Args:
        path: PNG file to write.
        run_name: Name of the run, for the title.
        test_images: Images that the mistakes were made on.
        mistakes: Mistakes to draw.
    """
    most_confident, errors = mistakes.most_confident, mistakes.errors
    note = f"none in {mistakes.images:,} test images"
    if most_confident:
        drawn = f"the {len(most_confident)} most confident of" if len(most_confident) < errors else "all"
        note = f"{drawn} {errors:,} in {mistakes.images:,} test images"
    names = [style.shortened(name, tiles.LONGEST_NAME) for name in test_images.classes]
    captions = [
        [
            (f"is {names[test_images.labels[mistake.index]]}", style.INK),
            (f"said {names[mistake.predicted]}", style.VERMILLION),
            (f"{style.percent(mistake.confidence)} sure", style.GREY),
        ]
        for mistake in most_confident
    ]
    images = test_images.images[np.array([mistake.index for mistake in most_confident], dtype=np.int64)]
    tiles.draw_gallery(path, style.title(run_name, "mistakes"), note, images, captions)
