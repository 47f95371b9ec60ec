from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from stages.training.compute.pooled_convolution import convolve_and_pool, supports

BATCH = 3
Pooled = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
# height, width and channels of the images; height, width and filters of the kernel; height and width of a window
Size = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int]]
SIZES: dict[str, Size] = {
    "one channel": ((8, 8, 1), (3, 3, 4), (2, 2)),
    "channels": ((8, 8, 3), (3, 3, 2), (2, 2)),
    "a rest on each side": ((9, 11, 2), (3, 3, 2), (2, 2)),
    "windows of three": ((14, 14, 1), (3, 3, 2), (3, 3)),
    "windows of three and a rest": ((13, 15, 2), (3, 3, 2), (3, 3)),
    "two by three": ((10, 11, 2), (3, 3, 3), (2, 3)),
    "three by one": ((10, 9, 1), (2, 3, 2), (3, 1)),
    "a window of one": ((6, 5, 2), (3, 3, 2), (1, 1)),
    "a kernel of one": ((6, 7, 2), (1, 1, 3), (2, 2)),
    "an even kernel": ((9, 9, 1), (2, 4, 3), (2, 2)),
    "a large kernel": ((12, 12, 1), (5, 5, 2), (2, 2)),
    "one window alone": ((4, 4, 2), (3, 3, 2), (2, 2)),
    "one filter": ((8, 8, 1), (3, 3, 1), (2, 2)),
}


def by_tensorflow(pool: tuple[int, int]) -> Pooled:
    return lambda images, kernel: tf.nn.max_pool2d(tf.nn.conv2d(images, kernel, 1, "VALID"), pool, pool, "VALID")


def ours(pool: tuple[int, int]) -> Pooled:
    return lambda images, kernel: convolve_and_pool(images, kernel, pool)


def floats(size: Size) -> tuple[tf.Tensor, tf.Tensor]:
    """Return images and a kernel among whose products no two are equal."""
    (height, width, channels), (kernel_height, kernel_width, filters), _ = size
    random = np.random.Generator(np.random.PCG64(1))
    images = random.normal(size=(BATCH, height, width, channels))
    kernel = random.normal(size=(kernel_height, kernel_width, channels, filters))
    return tf.constant(images, tf.float32), tf.constant(kernel, tf.float32)


def integers(size: Size) -> tuple[tf.Tensor, tf.Tensor]:
    """Return images, black but for some places, and a kernel of small integers: many sums are equal, and exact."""
    images, kernel = (np.rint(numbers) for numbers in floats(size))
    images[:, : images.shape[1] // 2] = 0
    images[-1] = 0
    return tf.constant(images, tf.float32), tf.constant(kernel, tf.float32)


def computed(pooled: Pooled, images: tf.Tensor, kernel: tf.Tensor) -> list[np.ndarray]:
    """Return the pooled images, and the gradients for images and kernel; each pooled number has a weight of its own."""
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        answer = pooled(images, kernel)
        weights = tf.reshape(tf.range(1.0, tf.size(answer, tf.int32) + 1), answer.shape)
        total = tf.reduce_sum(answer * weights)
    return [answer.numpy(), *(gradient.numpy() for gradient in tape.gradient(total, [images, kernel]))]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_values_and_gradients_are_those_of_tensorflow(size: Size):
    expected, actual = (computed(of(size[2]), *floats(size)) for of in (by_tensorflow, ours))

    for one, other in zip(expected, actual, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5 * np.abs(one).max())


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_first_of_equal_numbers_has_the_gradient(size: Size):
    expected, actual = (computed(of(size[2]), *integers(size)) for of in (by_tensorflow, ours))

    for one, other in zip(expected, actual, strict=True):
        assert np.array_equal(one, other)


def test_a_black_image_gives_its_gradient_to_the_first_place_of_each_window():
    images, kernel = tf.zeros([1, 6, 6, 1]), tf.ones([1, 1, 1, 1])
    _, gradient, _ = computed(ours((3, 2)), images, kernel)

    assert {(row, column): gradient[0, row, column, 0] for row, column in np.argwhere(gradient[0, ..., 0])} == {
        (0, 0): 1, (0, 2): 2, (0, 4): 3,
        (3, 0): 4, (3, 2): 5, (3, 4): 6,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a rest on each side", "two by three"])
def test_xla_gives_the_same(name: str):
    size = SIZES[name]
    compiled = tf.function(ours(size[2]), jit_compile=True, autograph=False)

    for one, other in zip(computed(ours(size[2]), *integers(size)), computed(compiled, *integers(size)), strict=True):
        assert np.array_equal(one, other)


def test_bfloat16_stays_bfloat16():
    size = SIZES["channels"]
    images, kernel = (tf.cast(numbers, tf.bfloat16) for numbers in integers(size))  # exact in its eight bits
    pooled = convolve_and_pool(images, kernel, size[2])

    assert pooled.dtype == tf.bfloat16
    assert np.array_equal(tf.cast(pooled, tf.float32), by_tensorflow(size[2])(*integers(size)))


def supported(channels: int = 1, pooling: dict[str, Any] | None = None, **settings: Any) -> bool:
    convolution = layers.Conv2D(**{"filters": 8, "kernel_size": 3} | settings)
    convolution.build((None, 20, 20, channels))
    return supports(convolution, layers.MaxPooling2D(**{"pool_size": 2} | (pooling or {})))


def test_small_convolutions_are_supported():
    assert supported()
    assert supported(channels=4, filters=16)
    assert supported(pooling={"pool_size": 3}, filters=7)
    assert supported(pooling={"pool_size": (2, 3), "strides": (2, 3)})
    assert supported(kernel_size=(7, 5))


@pytest.mark.parametrize(
    "settings",
    [
        {"padding": "same"},
        {"strides": 2},
        {"strides": (1, 2)},
        {"dilation_rate": 2},
        {"channels": 5},
        {"filters": 17},
        {"kernel_size": 8},
        {"filters": 8, "pooling": {"pool_size": 3}},
        {"pooling": {"strides": 1}},
        {"pooling": {"strides": 3}},
        {"pooling": {"strides": (2, 1)}},
        {"pooling": {"padding": "same"}},
    ],
    ids=str,
)
def test_others_are_not_supported(settings: dict[str, Any]):
    assert not supported(**settings)
