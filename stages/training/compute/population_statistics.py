"""Population statistics of BatchNormalization, recomputed where a training is too short for moving averages.

A moving average with momentum m takes about 1 / (1 - m) steps to forget its initial mean of 0 and variance of 1. After
fewer steps, inference normalizes with statistics that no image has, and a network that learned its training images
answers at random.

Source: Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3.2, PreciseBN.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from stages.images.rows import FileRows
from stages.model.test_time import classifier_of
from stages.training.batches.shuffle import epoch_permutation
from stages.training.compute.forward import ForwardPass
from stages.training.job import TrainingJob

MIN_TIME_CONSTANTS = 10  # steps · (1 - momentum); exp(-10) = 0.00005 of the initial values remain
MAX_IMAGES = 1 << 14


class PopulationStatistics:
    """Means and variances of a model's BatchNormalization layers over training images.

    Args:
        job: Training job.
        model: Keras model of the job's recipe.
    """

    def __init__(self, job: TrainingJob, model: keras.Model) -> None:
        self._job, self._layers = job, _batch_norms(model)
        self._averages = [each for layer in self._layers for each in (layer.moving_mean, layer.moving_variance)]
        own = {id(variable) for variable in self._averages}
        self._random_states = [each for each in model.non_trainable_variables if id(each) not in own]
        self._forward = tf.function(ForwardPass(model, job.recipe, job.dtype, job.seed), autograph=False)

    def are_needed(self, num_steps: int) -> bool:
        """Return True if the moving average of a layer is wrong after so few steps."""
        return any(num_steps * (1 - layer.momentum) < MIN_TIME_CONSTANTS for layer in self._layers)

    @contextmanager
    def swapped_in(self, epoch: int) -> Iterator[None]:
        """Recompute the statistics, and restore the moving averages at the end; the arguments of `recompute`."""
        with _restored(self._averages):
            self.recompute(epoch)
            yield

    def recompute(self, epoch: int) -> None:
        """Assign the statistics for the current weights, over at most 16,384 images.

        The images are drawn and augmented as in an epoch of the training.

        Args:
            epoch: Number of finished epochs; the random numbers follow from it.
        """
        job = self._job
        order = epoch_permutation(job.seed, epoch, job.num_images)[:MAX_IMAGES]
        counts, means, squares = [], [], []
        # without momentum, a moving average is the statistic of the last batch
        with _momentum_of_zero(self._layers), _restored(self._random_states):
            for start in range(0, len(order), job.training.batch_size):
                rows = np.sort(order[start : start + job.training.batch_size])
                step = tf.constant(epoch * job.steps_per_epoch + start // job.training.batch_size)
                self._forward(tf.constant(_read(job, rows), tf.float32), step)
                counts.append(len(rows))
                means.append([layer.moving_mean.numpy().astype(np.float64) for layer in self._layers])
                squares.append(
                    [
                        layer.moving_variance.numpy() + mean**2
                        for layer, mean in zip(self._layers, means[-1], strict=True)
                    ]
                )
        for number, layer in enumerate(self._layers):
            mean, square = (
                np.average([of_batch[number] for of_batch in moment], axis=0, weights=counts)
                for moment in (means, squares)
            )
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(np.maximum(square - mean**2, 0))


def _batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    layers = classifier_of(model).layers
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable]


def _read(job: TrainingJob, rows: np.ndarray) -> np.ndarray:
    images = job.examples[0]
    return images.read(rows) if isinstance(images, FileRows) else images[rows]


@contextmanager
def _momentum_of_zero(layers: list[keras.layers.BatchNormalization]) -> Iterator[None]:
    """Set the momentum of layers to zero while TensorFlow traces their calls."""
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


@contextmanager
def _restored(variables: list[keras.Variable]) -> Iterator[None]:
    """Restore the values of variables at the end."""
    values = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
