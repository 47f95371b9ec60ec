"""A small convolution and the max-pooling after it, as one matrix product and a maximum.

A convolution with few channels leaves most of a processor idle. Here each place of the pooled image reads one patch,
which all the places of its pooling window share, and the kernel, shifted to each of them, stands in the columns of one
matrix: patches × matrix gives a window's numbers side by side, and their maximum is the pooled image. XLA turns what
stands around the product into few loops; without XLA this is slower than a convolution.
"""

from collections.abc import Callable

import tensorflow as tf
from keras import layers

MOST_COLUMNS = 64  # of the patches and of the matrix; with more channels the convolution itself is faster


def suits(convolution: layers.Conv2D, pooling: layers.MaxPooling2D) -> bool:
    """Tell whether a convolution is small, and whether pooling windows lie side by side, whole, in its image."""
    kernel, pool = convolution.kernel.shape, pooling.pool_size
    columns = kernel[2] * (kernel[0] + pool[0] - 1) * (kernel[1] + pool[1] - 1), kernel[3] * pool[0] * pool[1]
    return (
        max(columns) <= MOST_COLUMNS
        and tuple(pooling.strides) == tuple(pool)
        and pooling.padding == "valid"
        and convolution.padding == "valid"
        and set(convolution.strides) == set(convolution.dilation_rate) == {1}
    )


def convolve_and_pool(images: tf.Tensor, kernel: tf.Tensor, pool_size: tuple[int, int]) -> tf.Tensor:
    """Return max_pool(conv2d(images, kernel)), both unpadded; where numbers are equal, the first has the gradient.

    Args:
        images: Floats, (N, height, width, channels).
        kernel: The same dtype, (kernel height, kernel width, channels, filters).
        pool_size: Height and width of a window, in pixels; the windows lie side by side.

    Returns:
        The same dtype, (N, pooled height, pooled width, filters).
    """
    kernel_height, kernel_width, channels, filters = kernel.shape
    rows, columns = pool_size
    patch = kernel_height + rows - 1, kernel_width + columns - 1
    pooled = (images.shape[1] - kernel_height + 1) // rows, (images.shape[2] - kernel_width + 1) // columns
    down, across = (pooled[0] - 1) * rows + 1, (pooled[1] - 1) * columns + 1
    pixels = [
        images[:, top : top + down : rows, left : left + across : columns]
        for top in range(patch[0])
        for left in range(patch[1])
    ]
    patches = tf.reshape(tf.concat(pixels, 3), [-1, patch[0] * patch[1] * channels])
    shifted = [
        tf.pad(kernel, [[top, rows - 1 - top], [left, columns - 1 - left], [0, 0], [0, 0]])
        for top in range(rows)
        for left in range(columns)
    ]
    matrix = tf.reshape(tf.stack(shifted, 3), [-1, rows * columns * filters])
    windows = tf.reshape(tf.matmul(patches, matrix), [-1, rows * columns, filters])
    return tf.reshape(_maximum(windows), [-1, *pooled, filters])


def _maximum_and_gradient(windows: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Return the maximum over the second axis; its gradient goes to the first of equal numbers, as in max-pooling."""
    maximum = tf.reduce_max(windows, 1)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        remaining, parts = upstream, []
        for number in tf.unstack(windows, axis=1):
            is_maximum = number == maximum
            parts.append(tf.where(is_maximum, remaining, tf.zeros_like(remaining)))
            remaining = tf.where(is_maximum, tf.zeros_like(remaining), remaining)
        return tf.stack(parts, 1)

    return maximum, gradient


_maximum: Callable[[tf.Tensor], tf.Tensor] = tf.custom_gradient(_maximum_and_gradient)
