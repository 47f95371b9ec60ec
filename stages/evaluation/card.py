"""The model card: what a model is, what it learned from, and how far it can be trusted, as Markdown.

After M. Mitchell et al.: Model cards for model reporting, FAT* 2019; it holds what was measured, and nothing else.
"""

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages import atomic
from stages.evaluation import calibration, intervals
from stages.evaluation.calibration import Bin
from stages.evaluation.scores import Scores
from stages.images.arrays import Description
from stages.images.catalog import Dataset
from stages.plan import Run
from stages.training import views
from stages.training.recipe import Recipe

if TYPE_CHECKING:
    import keras

LIBRARIES = ("tensorflow", "keras", "numpy")
WEAKEST = 3  # classes and mistakes named as limits
MARKDOWN = re.compile(r"([\\`*_\[\]<>|&~#])")  # signs that would mean something


@dataclass(frozen=True)
class Evaluated:
    """A run and all that is known of it once it was scored.

    Attributes:
        name: The run's name.
        run: Its line in params.yaml.
        path: Its model's file.
        lite: The same model for LiteRT, or None where LiteRT lacks what a layer needs.
        model: The model in it.
        recipe: What it was trained by.
        dataset: The dataset's own file.
        data: What its arrays are.
        published: Test accuracy that somebody else reported for the same system, 0…1, or None.
        test: Scores on the test images.
        train: Scores on the training images.
        bins: The test images by confidence.
    """

    name: str
    run: Run
    path: Path
    lite: Path | None
    model: "keras.Model"
    recipe: Recipe
    dataset: Dataset
    data: Description
    published: float | None
    test: Scores
    train: Scores
    bins: Sequence[Bin]


def write(path: Path, of: Evaluated) -> None:
    """Write the card; the same model, data and libraries give the same bytes."""
    sections = {
        "Result": _result(of),
        "Limits": _limits(of),
        "Each class": _classes(of),
        "Use": _use(of),
        "Network": _network(of),
        "Recipe": _recipe(of),
        "Data": _data(of),
        "Made with": _origin(of),
    }
    text = f"# {of.name}\n\n{_summary(of)}\n"
    text += "".join(f"\n## {title}\n\n" + "".join(f"{line}\n" for line in lines) for title, lines in sections.items())
    with atomic.new_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _summary(of: Evaluated) -> str:
    parameters = of.model.count_params()
    return (
        f"Says which of {len(of.data.classes)} classes an image of {_title(of)} shows. "
        f"Trained by the recipe `{of.run.recipe}` with seed {of.run.seed}; {parameters:,} parameters."
    )


def _result(of: Evaluated) -> Iterator[str]:
    images = of.data.test.images
    low, high = intervals.wilson(images - of.test.errors, images)
    rows = [
        ("images", f"{images:,}", f"{of.data.train.images:,}"),
        ("accuracy", f"{of.test.accuracy:.4f}", f"{of.train.accuracy:.4f}"),
        ("95 % interval of the accuracy", f"{low:.4f}…{high:.4f}", ""),
        ("errors", f"{of.test.errors:,}", f"{of.train.errors:,}"),
        ("loss (cross-entropy, nats)", f"{of.test.loss:.4f}", f"{of.train.loss:.4f}"),
        ("expected calibration error", f"{calibration.expected_error(of.bins):.4f}", ""),
    ]
    if of.published is not None:
        rows.append(("published accuracy", f"{of.published:.4f}", ""))
        rows.append(("gain", f"{of.test.accuracy - of.published:+.4f}", ""))
    yield from _table(("", "test images", "training images"), rows)
    yield ""
    yield "The interval is Wilson's (1927), the calibration error that of Guo et al. (2017) with 15 bins."


def _limits(of: Evaluated) -> Iterator[str]:
    height, width, channels = of.data.image_shape
    colour = "grey" if channels == 1 else "colour"
    yield f"- It sees {colour} images of {height} × {width} pixels, 0…255; anything else must be made into such first."
    yield f"- It knows no answer but its {len(of.data.classes)} classes, and gives one to every image."
    yield f"- It was trained and scored on {_title(of)} alone; nothing is known of it on other images."
    if of.recipe.training.validation == "test":
        yield "- Its curves were validated on the test images: whoever chose the recipe by them has chosen by the test."
    there = [number for number, each in enumerate(of.test.by_class) if each.images]
    weakest = sorted(there, key=lambda number: of.test.by_class[number].recall)[:WEAKEST]
    named = ", ".join(
        f"{_plain(of.data.classes[number])} ({of.test.by_class[number].recall:.4f})" for number in weakest
    )
    yield f"- Its weakest classes, with their accuracy: {named}."
    taken = list(_commonest_mistakes(of))
    yield f"- Its commonest mistakes: {', '.join(taken)}." if taken else "- It made no mistake on the test images."
    gap = of.train.accuracy - of.test.accuracy
    yield f"- Its accuracy on the images it was trained on differs by {gap:+.4f} from that on the test images."
    yield f"- How sure it is lies off how often it is right by {calibration.expected_error(of.bins):.4f} on average."


def _commonest_mistakes(of: Evaluated) -> Iterator[str]:
    confusion = of.test.confusion
    mistakes = confusion - np.diag(confusion.diagonal())
    for place in np.argsort(-mistakes, axis=None, kind="stable")[:WEAKEST]:
        actual, predicted = np.unravel_index(place, mistakes.shape)
        if mistakes[actual, predicted]:
            names = f"{_plain(of.data.classes[actual])} taken for {_plain(of.data.classes[predicted])}"
            yield f"{names} ({mistakes[actual, predicted]:,} of {confusion[actual].sum():,})"


def _classes(of: Evaluated) -> Iterator[str]:
    rows = []
    for name, scores, right in zip(of.data.classes, of.test.by_class, of.test.confusion.diagonal(), strict=True):
        low, high = intervals.wilson(int(right), scores.images)
        numbers = (f"{number:.4f}" for number in (scores.recall, scores.precision, scores.f1))
        accuracy, precision, f1 = numbers
        rows.append((_plain(name), f"{scores.images:,}", accuracy, f"{low:.4f}…{high:.4f}", precision, f1))
    yield from _table(("class", "test images", "accuracy (recall)", "95 % interval", "precision", "F1"), rows)


def _use(of: Evaluated) -> Iterator[str]:
    height, width, channels = of.data.image_shape
    yield "Plain Keras is enough; the scaling of pixels is a layer of the model."
    yield ""
    yield "```python"
    yield "import keras, numpy as np"
    yield ""
    yield f"classes = {json.dumps(of.data.classes, ensure_ascii=False)}"
    yield f'model = keras.saving.load_model("{of.path.name}")'
    yield f"images = np.zeros((1, {height}, {width}, {channels}), np.uint8)  # yours, 0…255"
    yield f"probabilities = model.predict(images)  # float32, (1, {len(of.data.classes)})"
    yield "print(classes[probabilities[0].argmax()])"
    yield "```"
    if of.lite:
        classes = len(of.data.classes)
        yield ""
        yield f"`{of.lite.name}` is the same network for LiteRT (`ai-edge-litert`), without TensorFlow:"
        yield f"one image at a time, float32 (1, {height}, {width}, {channels}), 0…255, in; float32 (1, {classes}) out."


def _network(of: Evaluated) -> Iterator[str]:
    rows = [
        (f"`{layer.name}`", type(layer).__name__, _shape(layer.output.shape), f"{layer.count_params():,}")
        for layer in views.classifier_of(of.model).layers
    ]
    yield from _table(("layer", "kind", "output", "parameters"), rows)
    if (num_views := views.count(of.model)) > 1:
        yield ""
        yield f"The model's answer is the mean of what this network answers to {num_views} views of the image."


def _recipe(of: Evaluated) -> Iterator[str]:
    yield f"`{of.run.recipe_path}`, with seed {of.run.seed}:"
    yield ""
    yield "```yaml"
    yield of.run.recipe_path.read_text(encoding="utf-8").rstrip("\n")
    yield "```"


def _data(of: Evaluated) -> Iterator[str]:
    known = {"dataset": of.dataset.title or of.run.dataset, "licence": of.dataset.licence, "source": of.dataset.source}
    yield from (f"- {what}: {_plain(value)}" for what, value in known.items() if value)
    yield f"- images: {of.data.train.images:,} to train on, {of.data.test.images:,} to test on"
    yield ""
    arrays = sorted(of.run.data.glob("*.npy"))
    yield from _table(("array", "SHA-256"), [(f"`{array}`", f"`{_sha256(array)}`") for array in arrays])


def _origin(of: Evaluated) -> Iterator[str]:
    training = of.recipe.training
    yield f"- model file: {_fingerprint(of.path)}"
    yield f"- LiteRT file: {_fingerprint(of.lite) if of.lite else 'none, since LiteRT lacks what a layer needs'}"
    precision = "in float32"
    if training.precision != "float32":
        precision = f"asked for {training.precision}; float32 where the processor lacks it"
    yield f"- trained on {training.threads} processor thread{'s' * (training.threads > 1)}, {precision}"
    python = ".".join(platform.python_version_tuple()[:2])
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield f"- scored with Python {python}, {libraries}"


def _title(of: Evaluated) -> str:
    return _plain(of.dataset.title or of.run.dataset)


def _shape(shape: tuple[int | None, ...]) -> str:
    return " × ".join("any" if side is None else str(side) for side in shape[1:])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _plain(text: str) -> str:
    """Return a text in which no sign means anything to Markdown."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprint(path: Path) -> str:
    return f"`{path}`, {path.stat().st_size:,} bytes, SHA-256 `{_sha256(path)}`"
