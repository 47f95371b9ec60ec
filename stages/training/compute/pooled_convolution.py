"""Small convolution and the max-pooling after it, as one matrix product and one maximum.

A convolution with few channels leaves most of a CPU idle. Here every pixel of the pooled image reads one patch, which
all positions of its pooling window have in common. The kernel, shifted to each position, forms the columns of one
matrix. The product patches × matrix holds the convolutions of a window side by side; their maximum is the pooled pixel.

A patch consists of whole blocks of a window's size: a few large copies, which XLA compiles sooner than many small ones.
XLA fuses the operations around the product into few loops. Without XLA this is slower than a convolution.
"""

from collections.abc import Callable

import tensorflow as tf
from keras import layers

MAX_COLUMNS = 64  # of the patches and of the matrix; with more channels the convolution itself is faster


def supports(convolution: layers.Conv2D, pooling: layers.MaxPooling2D) -> bool:
    """Tell whether a convolution is small and unpadded, and whether the pooling windows do not overlap."""
    kernel, pool = convolution.kernel.shape, pooling.pool_size
    columns = kernel[2] * (kernel[0] + pool[0] - 1) * (kernel[1] + pool[1] - 1), kernel[3] * pool[0] * pool[1]
    return (
        max(columns) <= MAX_COLUMNS
        and tuple(pooling.strides) == tuple(pool)
        and pooling.padding == "valid"
        and convolution.padding == "valid"
        and set(convolution.strides) == set(convolution.dilation_rate) == {1}
    )


def convolve_and_pool(images: tf.Tensor, kernel: tf.Tensor, pool_size: tuple[int, int]) -> tf.Tensor:
    """Return max_pool(conv2d(images, kernel)), both unpadded; the first of equal values receives the gradient.

    Args:
        images: Floats, (N, height, width, channels).
        kernel: Same dtype, (kernel height, kernel width, channels, filters).
        pool_size: Height and width of a pooling window, in pixels; windows do not overlap.

    Returns:
        Same dtype, (N, pooled height, pooled width, filters).
    """
    height, width, channels, filters = kernel.shape
    rows, columns = pool_size
    pooled = (images.shape[1] - height + 1) // rows, (images.shape[2] - width + 1) // columns
    down, across = (height + 2 * rows - 2) // rows, (width + 2 * columns - 2) // columns  # blocks of a patch
    blocks = _in_blocks(_fit(images, rows * (pooled[0] + down - 1), columns * (pooled[1] + across - 1)), pool_size)
    patches = tf.concat(
        [blocks[:, top : top + pooled[0], left : left + pooled[1]] for top in range(down) for left in range(across)], 3
    )
    shifted = [
        tf.pad(kernel, [[top, rows * down - height - top], [left, columns * across - width - left], [0, 0], [0, 0]])
        for top in range(rows)
        for left in range(columns)
    ]
    kernels = tf.reshape(
        tf.transpose(tf.stack(shifted), [0, 4, 1, 2, 3]), [-1, rows * down, columns * across, channels]
    )
    matrix = tf.reshape(_in_blocks(kernels, pool_size), [rows * columns * filters, -1])
    products = tf.matmul(tf.reshape(patches, [-1, matrix.shape[1]]), matrix, transpose_b=True)
    windows = tf.reshape(products, [-1, rows * columns, filters])
    return tf.reshape(_maximum(windows), [-1, *pooled, filters])


def _fit(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Return images cropped, or padded with zeros, at the bottom and on the right."""
    images = images[:, :height, :width]
    return tf.pad(images, [[0, 0], [0, height - images.shape[1]], [0, width - images.shape[2]], [0, 0]])


def _in_blocks(images: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Return images with each block of `size` pixels as one pixel with more channels (space to depth)."""
    (height, width, channels), (rows, columns) = images.shape[1:], size
    split = tf.reshape(images, [-1, height // rows, rows, width // columns, columns, channels])
    shape = [-1, height // rows, width // columns, rows * columns * channels]
    return tf.reshape(tf.transpose(split, [0, 1, 3, 2, 4, 5]), shape)


def _maximum_and_gradient(windows: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Return the maximum over the second axis; the first of equal values receives the gradient, as in max-pooling."""
    maximum = tf.reduce_max(windows, 1)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        remaining, gradients = upstream, []
        for number in tf.unstack(windows, axis=1):
            is_maximum = number == maximum
            gradients.append(tf.where(is_maximum, remaining, tf.zeros_like(remaining)))
            remaining = tf.where(is_maximum, tf.zeros_like(remaining), remaining)
        return tf.stack(gradients, 1)

    return maximum, gradient


_maximum: Callable[[tf.Tensor], tf.Tensor] = tf.custom_gradient(_maximum_and_gradient)
