from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from stages.training.compute import translation

COUNT, HEIGHT, WIDTH, CHANNELS = 2000, 6, 9, 2


def layer_of(**settings: Any) -> layers.RandomTranslation:
    whole = {"height_factor": 1.49 / HEIGHT, "width_factor": 2.49 / WIDTH}
    return layers.RandomTranslation(**(whole | {"interpolation": "nearest", "fill_mode": "constant"} | settings))


def image() -> np.ndarray:
    return 1 + np.arange(HEIGHT * WIDTH * CHANNELS, dtype=np.float32).reshape(HEIGHT, WIDTH, CHANNELS)


def moved(layer: layers.RandomTranslation, step: int = 0) -> np.ndarray:
    return translation.translate(layer, tf.constant([image()] * COUNT), tf.constant([step, 1], tf.int64)).numpy()


def all_shifts(fill: float = 0.0) -> dict[tuple[int, int], bytes]:
    """Return the image moved by each shift that may come, made with NumPy."""
    shifts = {}
    for down in range(-1, 2):
        for right in range(-2, 3):
            framed = np.full((HEIGHT + 2, WIDTH + 4, CHANNELS), fill, np.float32)
            framed[1 + down : 1 + down + HEIGHT, 2 + right : 2 + right + WIDTH] = image()
            shifts[down, right] = framed[1 : 1 + HEIGHT, 2 : 2 + WIDTH].tobytes()
    return shifts


@pytest.mark.parametrize("fill", [0.0, 7.5])
def test_each_image_is_moved_by_whole_pixels_and_the_rest_is_filled(fill: float):
    known = {content: shift for shift, content in all_shifts(fill).items()}
    found = [known[one.tobytes()] for one in moved(layer_of(fill_value=fill))]
    downs, rights = ([shift[axis] for shift in found] for axis in (0, 1))

    assert set(found) == set(known.values())
    for value in range(-1, 2):  # as often as one another: ±1.49 pixels, rounded
        assert downs.count(value) / COUNT == pytest.approx(1 / 3, abs=0.05)
    for value in range(-2, 3):
        assert rights.count(value) / COUNT == pytest.approx(1 / 5, abs=0.05)


def test_keras_moves_by_the_same_shifts():
    known = set(all_shifts().values())
    by_keras = {one.tobytes() for one in layer_of(seed=1)(tf.constant([image()] * 200), training=True).numpy()}

    assert by_keras <= known
    assert len(by_keras) > len(known) / 2


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({"height_factor": (0.0, 1.49 / HEIGHT), "width_factor": 0.0}, {(0, 0), (1, 0)}),
        ({"height_factor": 0.0, "width_factor": (-1.49 / WIDTH, 0.0)}, {(0, 0), (0, -1)}),
    ],
    ids=["down", "left"],
)
def test_a_shift_to_one_side_is_to_the_side_of_keras(factors: dict[str, Any], expected: set[tuple[int, int]]):
    known = {content: shift for shift, content in all_shifts().items()}
    layer = layer_of(**factors, seed=1)
    by_keras = layer(tf.constant([image()] * 100), training=True).numpy()

    assert {known[one.tobytes()] for one in moved(layer)} == expected
    assert {known[one.tobytes()] for one in by_keras} == expected


def test_the_same_step_moves_the_same_and_another_does_not():
    assert np.array_equal(moved(layer_of()), moved(layer_of()))
    assert not np.array_equal(moved(layer_of()), moved(layer_of(), step=1))


@pytest.mark.parametrize("settings", [{"interpolation": "bilinear"}, {"fill_mode": "reflect"}], ids=str)
def test_what_is_interpolated_or_reflected_is_left_to_keras(settings: dict[str, Any]):
    assert translation.supports(layer_of())
    assert not translation.supports(layer_of(**settings))
