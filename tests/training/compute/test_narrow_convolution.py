from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from stages.training.compute import narrow_convolution


def convolution(**settings: Any) -> layers.Conv2D:
    return layers.Conv2D(**({"filters": 5, "kernel_size": 3, "padding": "same"} | settings))


def tensor(*shape: int, seed: int = 0) -> tf.Tensor:
    """Return whole numbers small enough for their sums to be exact in bfloat16."""
    random = np.random.Generator(np.random.PCG64(seed))
    return tf.constant(random.integers(-1, 2, shape), tf.bfloat16)


@pytest.mark.parametrize("shape", [(4, 7, 7, 3), (8, 3, 8, 2), (12, 9, 1, 1)], ids=str)
def test_images_and_gradients_are_those_of_the_convolution(shape: tuple[int, ...]):
    images, kernel = tensor(*shape), tensor(3, 3, shape[3], 5, seed=1)
    weights = tensor(*shape[:3], 5, seed=2)
    results = []
    for convolve in (narrow_convolution.convolve, lambda images, kernel: tf.nn.conv2d(images, kernel, 1, "SAME")):
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            convolved = convolve(images, kernel)
            loss = tf.reduce_sum(tf.cast(convolved * weights, tf.float32))
        results.append([convolved, *tape.gradient(loss, [images, kernel])])

    for expected, actual in zip(results[1], results[0], strict=True):
        np.testing.assert_array_equal(tf.cast(actual, tf.float32), tf.cast(expected, tf.float32))


def test_narrow_images_are_supported():
    assert narrow_convolution.supports(convolution(), tensor(4, 20, 8, 2))


@pytest.mark.parametrize(
    "settings",
    [{"kernel_size": 5}, {"kernel_size": (3, 1)}, {"strides": 2}, {"dilation_rate": 2}, {"padding": "valid"}],
    ids=str,
)
def test_other_convolutions_are_not_supported(settings: dict[str, Any]):
    assert not narrow_convolution.supports(convolution(**settings), tensor(4, 7, 7, 2))


@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 7, 9, 2), "bfloat16"), ((6, 7, 7, 2), "bfloat16"), ((4, 7, 7, 2), "float32")], ids=str
)
def test_wide_images_and_batches_that_leave_a_rest_and_float32_are_not_supported(shape: tuple[int, ...], dtype: str):
    assert not narrow_convolution.supports(convolution(), tf.cast(tensor(*shape), dtype))
