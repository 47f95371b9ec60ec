import sys
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest

from stages.common.errors import InputError
from stages.model import build, keras_file, test_time
from stages.model.recipe import Recipe
from tests.model.test_build import random_images

PATH = Path("recipes/tiny.yaml")
SHAPE, NUM_CLASSES = (8, 10, 3), 4
NETWORK = """\
network: [conv, norm, flatten]
layers:
  conv: {layer: Conv2D, filters: 4, kernel_size: 3, activation: relu}
  norm: {layer: BatchNormalization}
  flatten: {layer: Flatten}
optimizer: {name: sgd}
training: {epochs: 1, batch_size: 2, validation: none}
"""
NAMES_OF_VIEWS = ("averaged", "classifier", "mean", "mirrored", "crop-up-left", "pad-up-left", "pad-down-right")

pytestmark = pytest.mark.usefixtures("deterministic")


def recipe(text: str) -> Recipe:
    return Recipe.parse(text, PATH)


def averaged(views: str) -> keras.Model:
    """Return a network whose answers differ from image to image, averaged over several views."""
    model = build.build_model(recipe(f"{NETWORK}test_time: {views}\n"), SHAPE, NUM_CLASSES)
    random = np.random.Generator(np.random.PCG64(1))
    for variable in model.trainable_variables:
        variable.assign(random.normal(0, 0.05, variable.shape))
    return model


def moved(images: npt.NDArray[np.float32], down: int, right: int) -> npt.NDArray[np.float32]:
    """Return the images moved, one pixel after another, black where nothing moves in."""
    made = np.zeros_like(images)
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            if 0 <= row - down < SHAPE[0] and 0 <= column - right < SHAPE[1]:
                made[:, row, column] = images[:, row - down, column - right]
    return made


@pytest.mark.parametrize(
    ("views", "mirrors", "moves"),
    [
        ("{flip: true}", [1, -1], [0]),
        ("{shift: 2}", [1], [0, 2, -2]),
        ("{flip: true, shift: 1}", [1, -1], [0, 1, -1]),
        ("{shift: 7}", [1], [0, 7, -7]),
    ],
)
def test_the_answer_is_the_mean_over_the_views(views: str, mirrors: list[int], moves: list[int], tmp_path: Path):
    images = random_images(5, SHAPE).astype(np.float32)
    model = averaged(views)
    classifier = test_time.classifier_of(model)
    seen = [moved(images[:, :, ::way], pixels, pixels) for way in mirrors for pixels in moves]
    answers = [classifier(view, training=False).numpy() for view in seen]
    keras_file.save(model, tmp_path / "model.keras")
    loaded = keras_file.load(tmp_path / "model.keras", SHAPE, NUM_CLASSES)

    assert test_time.count_views(model) == test_time.count_views(loaded) == len(seen)
    assert min(abs(answer - answers[0]).max() for answer in answers[1:]) > 1e-3
    for each in (model, loaded):
        assert each(images, training=False).numpy() == pytest.approx(np.mean(answers, axis=0), abs=1e-6)


def test_the_network_inside_has_all_the_variables():
    model = averaged("{flip: true}")
    classifier = test_time.classifier_of(model)

    assert [id(each) for each in classifier.variables] == [id(each) for each in model.variables]
    assert [id(each) for each in classifier.trainable_variables] == [id(each) for each in model.trainable_variables]


def test_a_network_asked_once_is_itself():
    model = build.build_model(recipe(NETWORK), SHAPE, NUM_CLASSES)

    assert test_time.classifier_of(model) is model
    assert test_time.count_views(model) == 1


def test_the_same_network_has_the_same_bytes_again_in_the_same_process(tmp_path: Path):
    paths = [tmp_path / "first.keras", tmp_path / "second.keras"]
    for path in paths:
        keras_file.save(averaged("{flip: true, shift: 2}"), path)
    first, second = (path.read_bytes() for path in paths)

    assert first == second


def test_the_layers_of_a_recipe_may_have_the_names_of_the_views(tmp_path: Path):
    layers = "".join(f"  {name}: {{layer: Dense, units: 3}}\n" for name in NAMES_OF_VIEWS)
    text = NETWORK.replace("[conv", f"[{', '.join(NAMES_OF_VIEWS)}, conv").replace("layers:\n", f"layers:\n{layers}")
    model = build.build_model(recipe(f"{text}test_time: {{flip: true, shift: 2}}\n"), SHAPE, NUM_CLASSES)
    keras_file.save(model, tmp_path / "model.keras")
    loaded = keras_file.load(tmp_path / "model.keras", SHAPE, NUM_CLASSES)
    images = random_images(5, SHAPE).astype(np.float32)

    assert set(NAMES_OF_VIEWS) < {layer.name for layer in test_time.classifier_of(loaded).layers}
    assert np.array_equal(model(images, training=False), loaded(images, training=False))


@pytest.mark.parametrize("shift", [8, 9, sys.maxsize])
def test_a_move_beyond_the_image_is_refused(shift: int):
    with pytest.raises(InputError) as caught:
        averaged(f"{{shift: {shift}}}")

    expected = f"{PATH}: test_time.shift: expected fewer pixels than the images have, 8 × 10, received {shift}; "
    assert str(caught.value).startswith(expected)
