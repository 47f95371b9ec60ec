"""Forward pass of training: the network's function in fewer or cheaper operations.

The variables are those of the Keras model that is saved. Some layers are computed in another way here:

- A monotone activation between a convolution and its max-pooling moves behind the pooling, which leaves it a quarter of
  the numbers: max(f(x)) = f(max(x)), to the last bit.
- Small convolutions are matrix products where XLA compiles the whole network (pooled_convolution.py).
- Images are translated by whole pixels without an affine transformation (translation.py).
- Dropout draws one byte for each number instead of a float, or two bytes where one is too coarse for the rate.
- BatchNormalization is one operation.
- The kernel's gradient of a convolution of narrow images is computed on images side by side (narrow_convolution.py).
- In bfloat16, convolutions, matrix products and the layers between them are computed in that type.

Keras computes every other layer, in float32.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers

from stages.model import test_time
from stages.model.build import call_arguments, training_argument
from stages.model.recipe import CLASSES, IMAGE, Recipe
from stages.training.compute import narrow_convolution, pooled_convolution, translation

# XLA fuses a step of small matrix products into few loops, which halves its time; its own convolutions are slow.
XLA_LAYERS = {"Activation", "BatchNormalization", "Dense", "Dropout", "Flatten", "ReLU", "Rescaling", "InputLayer"}
MONOTONE = {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "tanh", "sigmoid", "softplus", "softsign"}


class Shard(NamedTuple):
    """Shard of a batch.

    Attributes:
        number: Number of the shard in the batch, from 0.
        start: Index of its first image in the batch.
        end: Index after its last image.
        fraction: Fraction of the batch, 0…1.
    """

    number: int
    start: int
    end: int
    fraction: float


class ForwardPass:
    """Forward pass of a model, from images to logits.

    Args:
        model: Keras model, as `build.build_model` returns it.
        recipe: Recipe of the model.
        dtype: Type of convolutions and matrix products: "float32" or "bfloat16".
        seed: Seed of the random numbers of dropout and translation.

    Attributes:
        suits_xla: True if XLA makes the network faster.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, dtype: str, seed: int) -> None:
        self._recipe, self._seed, self._dtype = recipe, seed, tf.as_dtype(dtype)
        classifier = test_time.classifier_of(model)
        self._layers = {name: classifier.get_layer(name) for name in [*recipe.network, CLASSES]}
        self._inputs = recipe.inputs()
        pooled = {name: pooling for name in recipe.network if (pooling := self._pooling_after(name))}
        self._convolution_before = {pooling: convolution for convolution, pooling in pooled.items()}
        others = {
            type(layer).__name__ for name, layer in self._layers.items() if name not in {*pooled, *pooled.values()}
        }
        are_small = [pooled_convolution.supports(self._layers[name], self._layers[pooled[name]]) for name in pooled]
        self.suits_xla = others <= XLA_LAYERS and all(are_small)
        self._fused = set(pooled) if self.suits_xla else set()  # convolutions computed together with their pooling

    def __call__(self, images: tf.Tensor, step: tf.Tensor, shard: Shard | None = None) -> tf.Tensor:
        """Return the logits of a batch, or of a shard of it.

        Args:
            images: float32, (N, height, width, channels), 0…255.
            step: int32, number of the step since training began; random numbers follow from it.
            shard: Shard of the batch, or None for all of it. Random numbers follow from its number, and normalization
                layers update their moving statistics by its fraction.

        Returns:
            float32, (N, num_classes).
        """
        number_of_shard, fraction = (shard.number, shard.fraction) if shard else (0, 1.0)
        tensors = {IMAGE: images}
        for number, name in enumerate(self._recipe.network):
            seed = tf.stack([tf.cast(step, tf.int64) + number_of_shard * 2**32, self._seed * 2**16 + number])
            tensors[name] = self._compute(name, [tensors[each] for each in self._inputs[name]], seed, fraction)
        return tf.cast(self._dense(self._layers[CLASSES], tensors[self._recipe.network[-1]]), tf.float32)

    def _compute(self, name: str, inputs: list[tf.Tensor], seed: tf.Tensor, fraction: float) -> tf.Tensor:
        layer, first = self._layers[name], inputs[0]
        if layer.activity_regularizer is not None:
            return _call_keras(layer, inputs, fraction)
        kind = type(layer)
        if name in self._fused:
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
            return _normalize(layer, first, fraction)
        if kind is layers.RandomTranslation and translation.supports(layer):
            return translation.translate(layer, first, seed)
        if kind is layers.Add and len({tuple(each.shape) for each in inputs}) == 1:
            return tf.add_n([tf.cast(each, first.dtype) for each in inputs])
        if kind is layers.ReLU and _is_plain(layer):
            return tf.nn.relu(first)
        if kind is layers.Activation:
            return layer.activation(first)
        if kind is layers.Flatten and _is_channels_last(layer):
            return tf.reshape(first, [-1, first.shape[1:].num_elements()])
        return _call_keras(layer, inputs, fraction)

    def _convolve(self, layer: layers.Conv2D, images: tf.Tensor) -> tf.Tensor:
        images, kernel = tf.cast(images, self._dtype), self._weights(layer.kernel)
        if narrow_convolution.supports(layer, images):
            convolved = narrow_convolution.convolve(images, kernel)
        else:
            padding = layer.padding.upper()
            convolved = tf.nn.conv2d(images, kernel, layer.strides, padding, dilations=layer.dilation_rate)
        return self._add_bias(layer, convolved)  # at once: TensorFlow makes one operation of both

    def _pool(self, layer: layers.MaxPooling2D, images: tf.Tensor) -> tf.Tensor:
        before = self._convolution_before.get(layer.name)
        if before in self._fused:
            convolution, images = self._layers[before], tf.cast(images, self._dtype)
            products = pooled_convolution.convolve_and_pool(images, self._weights(convolution.kernel), layer.pool_size)
            pooled = self._add_bias(convolution, products)
        else:
            pooled = tf.nn.max_pool2d(images, layer.pool_size, layer.strides, layer.padding.upper())
        return self._layers[before].activation(pooled) if before else pooled

    def _dense(self, layer: layers.Dense, vectors: tf.Tensor) -> tf.Tensor:
        product = self._add_bias(layer, tf.matmul(tf.cast(vectors, self._dtype), self._weights(layer.kernel)))
        return product if layer.name == CLASSES else layer.activation(product)  # the loss takes logits

    def _add_bias(self, layer: keras.Layer, numbers: tf.Tensor) -> tf.Tensor:
        return tf.nn.bias_add(numbers, self._weights(layer.bias)) if layer.use_bias else numbers

    def _weights(self, variable: keras.Variable) -> tf.Tensor:
        return tf.cast(variable.value, self._dtype)

    def _pooling_after(self, name: str) -> str | None:
        """Return the max-pooling that alone reads a layer, if the layer is a convolution with a monotone activation."""
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
    """Set a fraction of the numbers to zero and scale the others.

    The rate is exact to 1/65536. The scale is that of the rate applied, so the mean stays.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.
    """
    kind = tf.uint8 if rate * 256 == int(rate * 256) else tf.uint16
    dropped = round(rate * kind.max) if kind is tf.uint16 else int(rate * 256)
    size = tf.size(numbers)
    words = (size * kind.size + 3) // 4
    bits = tf.random.stateless_uniform([words], seed, minval=None, maxval=None, dtype=tf.uint32)
    drawn = tf.reshape(tf.reshape(tf.bitcast(bits, kind), [-1])[:size], tf.shape(numbers))
    scale = tf.constant((kind.max + 1) / (kind.max + 1 - dropped), numbers.dtype)
    return numbers * tf.where(drawn >= tf.constant(dropped, kind), scale, tf.zeros([], numbers.dtype))


def _normalize(layer: layers.BatchNormalization, images: tf.Tensor, fraction: float) -> tf.Tensor:
    """Normalize a shard by its own mean and variance, and update the moving statistics by its fraction of the batch.

    As in Keras, the moving variance averages the biased variance, not the estimate that divides by N - 1.
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
        moving.value.assign_sub((moving.value - of_batch) * (1 - layer.momentum) * fraction)
    return normalized


def _call_keras(layer: keras.Layer, inputs: list[tf.Tensor], fraction: float) -> tf.Tensor:
    is_shard = fraction < 1 and type(layer) is layers.BatchNormalization
    with _updating_by(fraction, layer) if is_shard else nullcontext():
        return layer(*call_arguments(layer, inputs), **training_argument(layer))


@contextmanager
def _updating_by(fraction: float, layer: layers.BatchNormalization) -> Iterator[None]:
    """Scale the update of the moving statistics by a fraction; Keras reads the momentum while TensorFlow traces."""
    momentum = layer.momentum
    layer.momentum = 1 - (1 - momentum) * fraction
    try:
        yield
    finally:
        layer.momentum = momentum
