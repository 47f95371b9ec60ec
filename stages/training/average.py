"""The exponential moving average of a model's weights: often better than the last weights, at little cost."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf


class WeightAverage:
    """Follows the trainable variables of a model; the normalization layers' moving statistics are averages already.

    The average after step t is that of before, times d, plus the weights, times 1 - d, where d = min(decay,
    (1 + t) / (10 + t)): in the first steps it follows more closely, so that it soon forgets the random start.

    Args:
        variables: What is averaged.
        decay: How much of the average each step keeps, 0…1; 0.999 averages over about a thousand steps.

    Attributes:
        state: The averages, for checkpoints.

    Source: B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the growing decay
    is that of `tf.train.ExponentialMovingAverage`.
    """

    def __init__(self, variables: list[keras.Variable], decay: float) -> None:
        self._variables, self._decay = variables, decay
        self.state = [tf.Variable(variable.value, trainable=False) for variable in variables]

    def follow(self, step: tf.Tensor) -> None:
        """Take in the weights after a step; steps are numbered from 0."""
        number = tf.cast(step, tf.float32)
        decay = tf.minimum(self._decay, (1 + number) / (10 + number))
        for average, variable in zip(self.state, self._variables, strict=True):
            average.assign_sub((average - variable.value) * (1 - decay))

    def publish(self) -> None:
        """Give the model the averages for good."""
        for average, variable in zip(self.state, self._variables, strict=True):
            variable.assign(average.value())

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averages while the block runs."""
        weights = [variable.numpy() for variable in self._variables]
        self.publish()
        yield
        for variable, value in zip(self._variables, weights, strict=True):
            variable.assign(value)
