"""The first test images, and what a model takes them for."""

from collections.abc import Sequence
from pathlib import Path

from stages.evaluation.inference import Probabilities
from stages.images.arrays import Images, Labels
from stages.pictures import look, tiles

SHOWN = 24


def draw(
    path: Path, run: str, images: Images, labels: Labels, probabilities: Probabilities, classes: Sequence[str]
) -> None:
    """Draw the first test images with the predicted class; a wrong one has a cross and the true class.

    Args:
        path: The PNG file.
        run: The run's name.
        images: uint8, (N, height, width, 1 or 3), 0…255, as mapped.
        labels: Integers, (N,), 0…num_classes - 1.
        probabilities: Those of the first images at least, (N, num_classes), 0…1, each row summing to 1.
        classes: What each label means.
    """
    names = [look.short(name, tiles.LONGEST_NAME) for name in classes]
    words = []
    for label, row in zip(labels[:SHOWN], probabilities[:SHOWN], strict=True):
        predicted = int(row.argmax())
        mark, colour = ("✓", look.BLUE) if predicted == label else ("✗", look.VERMILLION)
        lines = [(f"{mark} {names[predicted]}", colour), (f"{look.percent(row[predicted])} sure", look.GREY)]
        words.append(lines if predicted == label else [*lines, (f"is {names[label]}", look.INK)])
    title, note = look.title(run, "predictions"), f"what it says of the first {len(words)} test images"
    tiles.gallery(path, title, note, images[:SHOWN], words)
