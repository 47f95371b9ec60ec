import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.common import fingerprints
from stages.common.errors import InputError
from stages.images.rows import FileRows
from stages.model.recipe import Recipe
from stages.training import job
from stages.training.job import TrainingJob
from tests import tiny
from tests.pipeline import ROOT


def examples(count: int = 20, seed: int = 1) -> tuple[Any, Any]:
    images, labels = tiny.digits(count, seed)
    return images[..., None], labels.astype(np.int32)


def recipe(old: str = "", new: str = "") -> Recipe:
    assert old in tiny.RECIPE
    return Recipe.parse(tiny.RECIPE.replace(old, new) if old else tiny.RECIPE, Path("tiny.yaml"))


def another(place: int, position: tuple[int, ...] = (3,)) -> tuple[Any, Any]:
    """Return the examples, one byte of the images (0) or one label (1) another."""
    made = [array.copy() for array in examples()]
    made[place][position] ^= 1
    return made[0], made[1]


def make(**changes: Any) -> TrainingJob:
    values = {
        "recipe": recipe(),
        "seed": 0,
        "dtype": "float32",
        "num_classes": 10,
        "examples": examples(),
        "validation": examples(10, seed=2),
        "layout": (1, 1),
    }
    return TrainingJob(**values | changes)


def key(**changes: Any) -> str:
    return make(**changes).key


@pytest.fixture(scope="module")
def unchanged() -> str:
    return key()


FINGERPRINT_ONCE = cache(fingerprints.fingerprint_stage)  # of the code, which takes the most of a key's time


@pytest.fixture
def same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "fingerprint_stage", FINGERPRINT_ONCE)


DIFFERENT = {
    "seed": {"seed": 1},
    "workers": {"layout": (2, 2)},
    "GPUs": {"layout": (1, 2)},
    "precision": {"dtype": "bfloat16"},
    "classes": {"num_classes": 11},
    "an image": {"examples": another(0, (3, 5, 5, 0))},
    "a label": {"examples": another(1)},
    "fewer images": {"examples": examples(19)},
    "the images in another shape": {"examples": (examples()[0].reshape(-1, 14, 56, 1), examples()[1])},
    "the images in another order": {"examples": tuple(array[::-1] for array in examples())},
    "no validation": {"validation": None},
    "validation": {"validation": examples(10, seed=3)},
    **{
        new: {"recipe": recipe(old, new)}
        for old, new in (
            ("units: 16", "units: 17"),
            ("activation: relu", "activation: tanh"),
            ("learning_rate: 0.01", "learning_rate: 0.010000001"),
            ("epochs: 2", "epochs: 3"),
            ("batch_size: 20", "batch_size: 21"),
            ("validation: none", "validation: none, threads: 1"),
            ("validation: none", "validation: none, precision: bfloat16"),
            ("validation: none", "validation: none, label_smoothing: 0.1"),
            ("validation: none", "validation: none, schedule: {name: cosine}"),
            ("scale: 1/255", "scale: 1/256"),
            ("name: adam", "name: adam, clipnorm: 1.0"),
        )
    },
}


def test_two_keys_of_the_same_training_are_the_same(unchanged: str):
    assert key() == unchanged
    assert unchanged.isalnum()


def test_a_recipe_of_another_file_that_says_the_same_has_the_same_key(unchanged: str):
    assert key(recipe=Recipe.parse(f"# a comment\n{tiny.RECIPE}", Path("other.yaml"))) == unchanged


def test_images_on_the_disk_have_the_key_of_those_in_memory(
    unchanged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    images, labels = examples()
    np.save(tmp_path / "images.npy", images)
    rows = FileRows(np.lib.format.open_memmap(tmp_path / "images.npy", mode="r"))
    monkeypatch.setattr(job, "HASHED_NUMBERS", 3 * 28 * 28)  # three images at a time

    assert key(examples=(rows, labels)) == unchanged


@pytest.mark.usefixtures("same_code")
def test_another_kind_of_processor_has_another_key(unchanged: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job.processor, "kind", lambda: ["x86_64", "model name another"])

    assert key() != unchanged


@pytest.mark.usefixtures("same_code")
def test_another_gpu_has_another_key(unchanged: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job.processor, "gpus", lambda: ["NVIDIA A100"])

    assert key() != unchanged


def test_a_key_is_computed_once(monkeypatch: pytest.MonkeyPatch):
    """The images of ImageNet take a while."""
    made, hashed = make(), []
    monkeypatch.setattr(job, "_hash", lambda array: hashed.append(len(array)) or "hash")

    assert made.key == made.key
    assert hashed == [20, 20, 10, 10]


@pytest.mark.parametrize(("batch_size", "expected"), [(20, 1), (19, 2), (7, 3), (1, 20), (1000, 1)])
def test_the_last_batch_of_an_epoch_has_the_remaining_images(batch_size: int, expected: int):
    made = make(recipe=recipe("batch_size: 20", f"batch_size: {batch_size}"))

    assert (made.num_images, made.steps_per_epoch) == (20, expected)
    assert made.training is made.recipe.training


@pytest.mark.usefixtures("same_code")
@pytest.mark.parametrize("changes", DIFFERENT.values(), ids=DIFFERENT)
def test_two_keys_of_different_trainings_never_meet(changes: dict[str, Any], unchanged: str):
    assert key(**changes) != unchanged


@pytest.mark.parametrize("library", ["tensorflow", "keras", "numpy"])
def test_another_version_of_a_library_has_another_key(library: str, unchanged: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(f"{library}.__version__", "0.0.1")

    assert key() != unchanged


def test_changed_code_has_another_key_and_a_changed_comment_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    monkeypatch.setattr(fingerprints, "ROOT", tmp_path)
    module = tmp_path / "stages/training/batches/shuffle.py"
    source, keys = module.read_text(), []
    for added in ("", "\n# a comment", "\nCHANGED = 1"):
        module.write_text(source + added)
        keys.append(key())

    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "epochs: 2",
            "epochs: 1000000000",
            "expected at most 100000000 steps, which are 100000000 epochs",
        ),
        (
            "epochs: 2, batch_size: 20",
            "epochs: 5000001, batch_size: 1",
            "steps, which are 5000000 epochs, received 5000001",
        ),
        (
            "name: adam",
            "name: adam, gradient_accumulation_steps: 3",
            "no more than the 2 steps of the training",
        ),
        (
            "name: adam",
            "name: schedulefreeadamw, warmup_steps: 3",
            "optimizer.warmup_steps: expected no more than",
        ),
    ],
)
def test_too_many_or_too_few_steps_are_refused(old: str, new: str, expected: str):
    with pytest.raises(InputError) as caught:
        make(recipe=recipe(old, new)).check_steps()

    assert str(caught.value).startswith("tiny.yaml: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("epochs: 2", "epochs: 100000000"),
        ("name: adam", "name: adam, gradient_accumulation_steps: 2"),
        ("name: adam", "name: adam, gradient_accumulation_steps: null"),
    ],
)
def test_as_many_steps_as_there_may_be_are_accepted(old: str, new: str):
    make(recipe=recipe(old, new)).check_steps()
