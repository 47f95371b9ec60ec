"""The model card, of a network that was never trained; with its template, `card_template`."""

import platform
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from stages.common import hashes, params
from stages.evaluation import card
from stages.evaluation.card import TrainedRun
from stages.evaluation.evaluation import Evaluation
from stages.images import arrays
from stages.images.catalog import Dataset
from stages.model import build, keras_file
from stages.model.recipe import Recipe
from tests import accumulators

MODEL, LITERT, CARD = (Path(f"models/tiny-mlp.{suffix}") for suffix in ("keras", "tflite", "md"))
RECIPE, DATASET = Path("recipes/mlp.yaml"), Path("datasets/tiny.yaml")

EXPECTED = """\
# tiny-mlp

Says which of 10 classes an image of Tiny shows. Trained by the recipe `mlp` with seed 0; 12,730 parameters.

## Result

|  | test images | training images |
|---|---|---|
| images | 50 | 200 |
| accuracy | 0.9000 | 1.0000 |
| balanced accuracy | 0.9000 | 1.0000 |
| macro F1 | 0.8667 | 1.0000 |
| 95 % interval of the accuracy | 0.7864…0.9565 |  |
| errors | 5 | 0 |
| loss (cross-entropy, nats) | 0.6611 | 0.3567 |
| expected calibration error | 0.2000 |  |
| published accuracy | 0.9500 |  |
| gain | -0.0500 |  |

Balanced accuracy is the mean recall of the classes that have images, macro F1 their mean F1.
The interval is Wilson's (1927), the calibration error that of Guo et al. (2017) with 15 bins.

## Limits

- It sees grey images of 28 × 28 pixels, 0…255; anything else must be made into such first.
- It knows no answer but its 10 classes, and gives one to every image.
- It was trained and scored on Tiny alone; nothing is known of it on other images.
- Its weakest classes, with their accuracy: 0 (0.0000), 1 (1.0000), 2 (1.0000).
- Its commonest mistakes: 0 taken for 1 (5 of 5).
- Its accuracy on the images it was trained on differs by +0.1000 from that on the test images.
- Its confidence differs from its accuracy by 0.2000 on average.

## Each class

| class | test images | accuracy (recall) | 95 % interval | precision | F1 |
|---|---|---|---|---|---|
| 0 | 5 | 0.0000 | 0.0000…0.4345 | 0.0000 | 0.0000 |
| 1 | 5 | 1.0000 | 0.5655…1.0000 | 0.5000 | 0.6667 |
| 2 | 5 | 1.0000 | 0.5655…1.0000 | 1.0000 | 1.0000 |
| 3 | 5 | 1.0000 | 0.5655…1.0000 | 1.0000 | 1.0000 |
| 4 | 5 | 1.0000 | 0.5655…1.0000 | 1.0000 | 1.0000 |
| 5 | 5 | 1.0000 | 0.5655…1.0000 | 1.0000 | 1.0000 |
| 6 | 5 | 1.0000 | 0.5655…1.0000 | 1.0000 | 1.0000 |
| 7 | 5 | 1.0000 | 0.5655…1.0000 | 1.0000 | 1.0000 |
| 8 | 5 | 1.0000 | 0.5655…1.0000 | 1.0000 | 1.0000 |
| 9 | 5 | 1.0000 | 0.5655…1.0000 | 1.0000 | 1.0000 |

## Use

Plain Keras is enough; the scaling of pixels is a layer of the model.

```python
import keras, numpy as np

classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
model = keras.saving.load_model("tiny-mlp.keras")
images = np.zeros((1, 28, 28, 1), np.uint8)  # yours, 0…255
probabilities = model.predict(images)  # float32, (1, 10)
print(classes[probabilities[0].argmax()])
```

`tiny-mlp.tflite` is the same network for LiteRT (`ai-edge-litert`), without TensorFlow:
one image at a time, float32 (1, 28, 28, 1), 0…255, in; float32 (1, 10) out.

## Network

| layer | kind | output | parameters |
|---|---|---|---|
| `image` | InputLayer | 28 × 28 × 1 | 0 |
| `rescale` | Rescaling | 28 × 28 × 1 | 0 |
| `flatten` | Flatten | 784 | 0 |
| `hidden` | Dense | 16 | 12,560 |
| `classes` | Dense | 10 | 170 |

## Recipe

`recipes/mlp.yaml`, with seed 0:

```yaml
{recipe}
```

## Data

- dataset: Tiny
- licence: CC0
- source: tests/tiny.py
- images: 200 to train on, 50 to test on

| array | SHA-256 |
|---|---|
{arrays}

## Made with

- model file: `models/tiny-mlp.keras`, {model_bytes:,} bytes, SHA-256 `{model_hash}`
- LiteRT file: `models/tiny-mlp.tflite`, 6 bytes, SHA-256 `{litert_hash}`
- trained on 2 processor threads, in float32
- scored with Python {python}, tensorflow {tensorflow}, keras {keras}, numpy {numpy}
"""


@pytest.fixture(autouse=True)
def _in_project(deterministic: None, preprocessed: Path) -> None:
    """A project with arrays and a network that was never trained, as the working folder."""
    MODEL.parent.mkdir()
    LITERT.write_bytes(b"LiteRT")
    save_model()


def save_model() -> None:
    keras_file.save(build.build_model(Recipe.load(RECIPE), (28, 28, 1), 10), MODEL)


def trained_run() -> TrainedRun:
    info = arrays.read_info(Path("data/processed/tiny"))
    return TrainedRun(
        run=params.find_run("tiny-mlp"),
        recipe=Recipe.load(RECIPE),
        dataset=Dataset.load(DATASET),
        info=info,
        model=keras_file.load(MODEL, info.image_shape, len(info.classes)),
        has_litert=True,
    )


def results(wrong: int = 5) -> Evaluation:
    """Return results of a model that is 70 % sure; it takes the first test images of class 0 for class 1."""
    test, train = (np.arange(count) % 10 for count in (50, 200))
    predicted = np.where((test == 0) & (np.arange(50) < 10 * wrong), 1, test)
    of_test, of_train = (
        np.where(np.eye(10, dtype=bool)[each], 0.7, 0.3 / 9).astype("f4") for each in (predicted, train)
    )
    return Evaluation(
        train=accumulators.score(of_train, train),
        test=accumulators.score(of_test, test),
        bins=accumulators.bins(of_test, test),
        mistakes=accumulators.mistakes(of_test, test),
    )


def sections(
    trained: TrainedRun, evaluation: Evaluation | None = None, published: float | None = None
) -> dict[str, str]:
    """Return the sections of a card, by title."""
    _, *parts = re.split(r"^## (.+)\n", card.render(trained, evaluation or results(), published), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_whole_card():
    card.write(CARD, trained_run(), results(), 0.95)
    paths = [
        Path(f"data/processed/tiny/{split}_{kind}.npy") for split in ("test", "train") for kind in ("images", "labels")
    ]

    assert CARD.read_text(encoding="utf-8") == EXPECTED.format(
        recipe=RECIPE.read_text().rstrip("\n"),
        arrays="\n".join(f"| `{path}` | `{hashes.sha256(path)}` |" for path in paths),
        model_bytes=MODEL.stat().st_size,
        model_hash=hashes.sha256(MODEL),
        litert_hash=hashes.sha256(LITERT),
        python=".".join(platform.python_version().split(".")[:2]),
        tensorflow=version("tensorflow"),
        keras=version("keras"),
        numpy=version("numpy"),
    )


def test_without_a_published_accuracy_there_is_no_gain():
    result = sections(trained_run())["Result"]

    assert "published" not in result
    assert "gain" not in result


def test_without_mistakes_the_card_says_so():
    limits = sections(trained_run(), results(wrong=0))["Limits"]

    assert "- It made no mistake on the test images.\n" in limits
    assert "commonest" not in limits


def test_a_dataset_without_licence_or_source_has_no_line_for_them():
    named = re.compile(r"^(title|licence|source): .*\n", re.MULTILINE)
    DATASET.write_text(named.sub("", DATASET.read_text()))

    assert sections(trained_run())["Data"].startswith(
        "\n- dataset: tiny\n- images: 200 to train on, 50 to test on\n\n|"
    )


def test_the_card_says_that_litert_cannot_have_the_network():
    without = sections(replace(trained_run(), has_litert=False))

    assert "- LiteRT file: none, since LiteRT lacks what a layer needs\n" in without["Made with"]
    assert "LiteRT" not in without["Use"]


def test_the_card_lists_the_network_that_is_averaged_over_several_views():
    assert "views" not in sections(trained_run())["Network"]
    RECIPE.write_text(f"{RECIPE.read_text()}test_time: {{flip: true, shift: 2}}\n")
    save_model()
    network = sections(trained_run())["Network"]

    assert "| `hidden` | Dense | 16 | 12,560 |" in network
    assert network.endswith(
        "\n\nThe model's answer is the mean of what this network answers to 6 views of the image.\n\n"
    )


def test_the_card_does_not_claim_a_precision_that_was_only_asked_for():
    RECIPE.write_text(RECIPE.read_text().replace("validation: none", "validation: none, precision: bfloat16"))
    origin = sections(trained_run())["Made with"]

    assert "2 processor threads, asked for bfloat16; float32 where the processor lacks it\n" in origin


def test_the_card_says_when_the_test_images_were_seen_in_training():
    warning = "validated on the test images"
    assert warning not in sections(trained_run())["Limits"]
    RECIPE.write_text(RECIPE.read_text().replace("validation: none", "validation: test"))

    assert warning in sections(trained_run())["Limits"]


def test_the_code_on_the_card_runs_in_the_models_folder():
    code = re.search("```python\n(.*?)```", sections(trained_run())["Use"], re.DOTALL)[1]
    alone = [sys.executable, "-P", "-c", code]
    done = subprocess.run(alone, cwd=MODEL.parent, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] in list("0123456789")


def test_characters_of_markdown_are_escaped():
    assert card.markdown_text("<b>&Co|*x*\n[1]_~~") == r"\<b\>\&Co\|\*x\* \[1\]\_\~\~"
