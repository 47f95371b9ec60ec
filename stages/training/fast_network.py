"""The network as it is computed in training: the same function in fewer or cheaper operations.

What is trained is the Keras model that is saved, its own variables. Some layers are computed in another way here:

- A monotone activation between a convolution and its max-pooling is put off until after the pooling, which leaves it a
  quarter of the numbers: max(f(x)) = f(max(x)), to the last bit.
- Where XLA can have the whole network, small convolutions are matrix products (pooled_convolution.py).
- Images are moved by whole pixels without an affine transformation (augmentation.py).
- Dropout draws a byte for each number, or two where a byte is too coarse for the rate, in place of a float.
- BatchNormalization is one operation.
- A convolution of narrow images has its weights' gradient from images side by side (narrow_convolution.py).
- In bfloat16, convolutions and matrix products and what stands between them are computed in that type.

Every other layer is computed by Keras, in float32.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import keras
import tensorflow as tf
from keras import layers

from stages.training import augmentation, narrow_convolution, views
from stages.training.network import SEPARATE_INPUTS
from stages.training.pooled_convolution import convolve_and_pool, suits
from stages.training.recipe import CLASSES, IMAGE, Recipe

# XLA fuses a step of small matrix products into few loops, which halves its time; its own convolutions are slow.
XLA_LAYERS = {"Activation", "BatchNormalization", "Dense", "Dropout", "Flatten", "ReLU", "Rescaling", "InputLayer"}
MONOTONE = {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "tanh", "sigmoid", "softplus", "softsign"}


class FastNetwork:
    """A model's layers, computed as in training.

    Args:
        model: The Keras model, as `network.build` returns it.
        recipe: Its recipe.
        dtype: What convolutions and matrix products are computed in: "float32" or "bfloat16".
        seed: Start of the random numbers of dropout and shifts.

    Attributes:
        suits_xla: Whether XLA makes it faster.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, dtype: str, seed: int) -> None:
        self._recipe, self._seed, self._dtype = recipe, seed, tf.as_dtype(dtype)
        classifier = views.classifier_of(model)
        self._layers = {name: classifier.get_layer(name) for name in [*recipe.network, CLASSES]}
        self._inputs = recipe.inputs()
        late = {name: reader for name in recipe.network if (reader := self._pooling_before_activation(name))}
        self._convolution_before = {pooling: convolution for convolution, pooling in late.items()}
        rest = {type(layer).__name__ for name, layer in self._layers.items() if name not in {*late, *late.values()}}
        are_small = [suits(self._layers[convolution], self._layers[pooling]) for convolution, pooling in late.items()]
        self.suits_xla = rest <= XLA_LAYERS and all(are_small)
        self._skipped = set(late) if self.suits_xla else set()  # they are computed by their pooling

    def __call__(self, images: tf.Tensor, step: tf.Tensor, shard: int = 0, share: float = 1.0) -> tf.Tensor:
        """Return the logits of a batch, or of a shard of it.

        Args:
            images: float32, (N, height, width, channels), 0…255.
            step: int32, the number of this step since training began; random numbers follow from it.
            shard: Which part of the batch this is; random numbers follow from it too.
            share: How much of the batch it is, 0…1, by which normalization layers let their moving statistics follow.

        Returns:
            float32, (N, num_classes).
        """
        tensors = {IMAGE: images}
        for number, name in enumerate(self._recipe.network):
            seed = tf.stack([tf.cast(step, tf.int64) + shard * 2**32, self._seed * 2**16 + number])
            tensors[name] = self._compute(name, [tensors[each] for each in self._inputs[name]], seed, share)
        return tf.cast(self._dense(self._layers[CLASSES], tensors[self._recipe.network[-1]]), tf.float32)

    def _compute(self, name: str, read: list[tf.Tensor], seed: tf.Tensor, share: float) -> tf.Tensor:
        layer, first = self._layers[name], read[0]
        if layer.activity_regularizer is not None:
            return _as_keras_does(layer, read, share)
        kind = type(layer)
        if name in self._skipped:
            return first
        if kind is layers.Conv2D and _is_simple(layer):
            convolved = self._convolve(layer, first)
            return convolved if name in self._convolution_before.values() else layer.activation(convolved)
        if kind is layers.MaxPooling2D and _is_channels_last(layer):
            return self._pool(layer, first)
        if kind is layers.Dense and first.shape.rank == 2:
            return self._dense(layer, first)
        if kind is layers.Dropout and layer.noise_shape is None and layer.rate > 0:
            return _drop(first, layer.rate, seed)
        if kind is layers.BatchNormalization and first.shape.rank == 4 and _is_fusible(layer):
            return _normalize(layer, first, share)
        if kind is layers.RandomTranslation and augmentation.suits(layer):
            return augmentation.translate(layer, first, seed)
        if kind is layers.Add and len({tuple(each.shape) for each in read}) == 1:
            return tf.add_n([tf.cast(each, first.dtype) for each in read])
        if kind is layers.ReLU and _is_plain(layer):
            return tf.nn.relu(first)
        if kind is layers.Activation:
            return layer.activation(first)
        if kind is layers.Flatten and _is_channels_last(layer):
            return tf.reshape(first, [-1, first.shape[1:].num_elements()])
        return _as_keras_does(layer, read, share)

    def _convolve(self, layer: layers.Conv2D, images: tf.Tensor) -> tf.Tensor:
        images, kernel = tf.cast(images, self._dtype), self._weights(layer.kernel)
        if narrow_convolution.suits(layer, images):
            convolved = narrow_convolution.convolve(images, kernel)
        else:
            padding = layer.padding.upper()
            convolved = tf.nn.conv2d(images, kernel, layer.strides, padding, dilations=layer.dilation_rate)
        return self._add_bias(layer, convolved)  # at once: TensorFlow makes one operation of both

    def _pool(self, layer: layers.MaxPooling2D, images: tf.Tensor) -> tf.Tensor:
        before = self._convolution_before.get(layer.name)
        if before in self._skipped:
            convolution, images = self._layers[before], tf.cast(images, self._dtype)
            products = convolve_and_pool(images, self._weights(convolution.kernel), layer.pool_size)
            pooled = self._add_bias(convolution, products)
        else:
            pooled = tf.nn.max_pool2d(images, layer.pool_size, layer.strides, layer.padding.upper())
        return self._layers[before].activation(pooled) if before else pooled

    def _dense(self, layer: layers.Dense, vectors: tf.Tensor) -> tf.Tensor:
        product = self._add_bias(layer, tf.matmul(tf.cast(vectors, self._dtype), self._weights(layer.kernel)))
        return product if layer.name == CLASSES else layer.activation(product)  # the loss takes the logits

    def _add_bias(self, layer: keras.Layer, numbers: tf.Tensor) -> tf.Tensor:
        return tf.nn.bias_add(numbers, self._weights(layer.bias)) if layer.use_bias else numbers

    def _weights(self, variable: keras.Variable) -> tf.Tensor:
        return tf.cast(variable.value, self._dtype)

    def _pooling_before_activation(self, name: str) -> str | None:
        """Return the max-pooling that alone reads a layer, if that is a convolution with a monotone activation."""
        layer = self._layers[name]
        readers = [reader for reader, read in self._inputs.items() if name in read]
        if (
            type(layer) is not layers.Conv2D
            or not _is_simple(layer)
            or getattr(layer.activation, "__name__", "") not in MONOTONE
            or layer.activity_regularizer is not None
            or len(readers) != 1
        ):
            return None
        [reader] = readers
        pooling = self._layers[reader]
        fits = type(pooling) is layers.MaxPooling2D and _is_channels_last(pooling)
        return reader if fits and pooling.activity_regularizer is None else None


def _is_simple(layer: layers.Conv2D) -> bool:
    return _is_channels_last(layer) and layer.groups == 1


def _is_plain(layer: layers.ReLU) -> bool:
    return not layer.negative_slope and not layer.threshold and layer.max_value is None


def _is_channels_last(layer: keras.Layer) -> bool:
    return str(layer.data_format) == "channels_last"


def _is_fusible(layer: layers.BatchNormalization) -> bool:
    renormalizes = getattr(layer, "renorm", False)  # Keras before 3.13 cannot
    return all((layer.axis in (-1, 3), layer.center, layer.scale, layer.trainable, not renormalizes))


def _drop(numbers: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Set a share of the numbers to zero and scale the others, as N. Srivastava et al., "Dropout", JMLR 2014.

    The rate is met to within 1/65536; the scale is that of the rate that was met, so the mean stays.
    """
    kind = tf.uint8 if rate * 256 == int(rate * 256) else tf.uint16
    dropped = round(rate * kind.max) if kind is tf.uint16 else int(rate * 256)
    size = tf.size(numbers)
    words = (size * kind.size + 3) // 4
    bits = tf.random.stateless_uniform([words], seed, minval=None, maxval=None, dtype=tf.uint32)
    drawn = tf.reshape(tf.reshape(tf.bitcast(bits, kind), [-1])[:size], tf.shape(numbers))
    scale = tf.constant((kind.max + 1) / (kind.max + 1 - dropped), numbers.dtype)
    return numbers * tf.where(drawn >= tf.constant(dropped, kind), scale, tf.zeros([], numbers.dtype))


def _normalize(layer: layers.BatchNormalization, images: tf.Tensor, share: float) -> tf.Tensor:
    """Normalize a shard by its own mean and variance, and let the layer's moving ones follow by its share of a batch.

    As Keras does, the moving variance follows the variance of the batch itself, not the estimate that divides by N - 1.
    """
    normalized, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=images,
        scale=layer.gamma.value,
        offset=layer.beta.value,
        mean=[],
        variance=[],
        epsilon=layer.epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(images) // images.shape[3], tf.float32)
    for moving, of_batch in ((layer.moving_mean, mean), (layer.moving_variance, variance * (count - 1) / count)):
        moving.value.assign_sub((moving.value - of_batch) * (1 - layer.momentum) * share)
    return normalized


def _as_keras_does(layer: keras.Layer, read: list[tf.Tensor], share: float) -> tf.Tensor:
    training = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}
    together = len(read) > 1 and type(layer).__name__ not in SEPARATE_INPUTS
    is_part = share < 1 and type(layer) is layers.BatchNormalization
    with _following_by(share, layer) if is_part else nullcontext():
        return layer(read, **training) if together else layer(*read, **training)


@contextmanager
def _following_by(share: float, layer: layers.BatchNormalization) -> Iterator[None]:
    """Let moving statistics follow by a share of what they would; Keras reads the momentum while it traces."""
    momentum = layer.momentum
    layer.momentum = 1 - (1 - momentum) * share
    try:
        yield
    finally:
        layer.momentum = momentum
