"""First test images, with a model's predictions."""

from pathlib import Path

from stages.evaluation.inference import Probabilities
from stages.plots import style, tiles
from stages.plots.tiles import LabelledImages

MOST_IMAGES = 24


def draw(path: Path, run_name: str, test_images: LabelledImages, probabilities: Probabilities) -> None:
    """Draw the first test images with the predicted class; a wrong one has a cross and the true class.

    Args:
        path: PNG file to write.
        run_name: Name of the run, for the title.
        test_images: All test images.
        probabilities: float32, (N, num_classes), 0…1, each row summing to 1: of the first MOST_IMAGES test images, or
            of more.
    """
    names = [style.shortened(name, tiles.LONGEST_NAME) for name in test_images.classes]
    captions = []
    for label, row in zip(test_images.labels[:MOST_IMAGES], probabilities[:MOST_IMAGES], strict=True):
        predicted = int(row.argmax())
        mark, colour = ("✓", style.BLUE) if predicted == label else ("✗", style.VERMILLION)
        lines = [(f"{mark} {names[predicted]}", colour), (f"{style.percent(row[predicted])} sure", style.GREY)]
        captions.append(lines if predicted == label else [*lines, (f"is {names[label]}", style.INK)])
    title, note = style.title(run_name, "predictions"), f"what it says of the first {len(captions)} test images"
    tiles.draw_gallery(path, title, note, test_images.images[:MOST_IMAGES], captions)
