"""Exponential moving average (EMA) of a model's weights: often better than the last weights, at little cost."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keras
import tensorflow as tf


class ExponentialMovingAverage:
    """Average of a model's trainable variables; the moving statistics of normalization layers are averages already.

    After step t: average = d · average + (1 - d) · weights, where d = min(decay, (1 + t) / (10 + t)). The smaller decay
    of the first steps soon forgets the random initial weights.

    Args:
        variables: Trainable variables of the model, by name.
        decay: Fraction of the average that each step keeps, 0…1; 0.999 averages over about a thousand steps.

    Attributes:
        averages: Averages, by the names of the variables.

    Source: B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the growing decay
    is that of `tf.train.ExponentialMovingAverage`.
    """

    def __init__(self, variables: Mapping[str, keras.Variable], decay: float) -> None:
        self._variables, self._decay = variables, decay
        self.averages = {name: tf.Variable(each.value, trainable=False) for name, each in variables.items()}

    def update(self, step: tf.Tensor) -> None:
        """Update the averages after a step; steps are numbered from 0."""
        number = tf.cast(step, tf.float32)
        decay = tf.minimum(self._decay, (1 + number) / (10 + number))
        for name, average in self.averages.items():
            average.assign_sub((average - self._variables[name].value) * (1 - decay))

    def assign_to_model(self) -> None:
        """Assign the averages to the model's variables."""
        for name, average in self.averages.items():
            self._variables[name].assign(average.value())

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Assign the averages to the model's variables while the block runs, then the weights again."""
        weights = {name: variable.numpy() for name, variable in self._variables.items()}
        self.assign_to_model()
        try:
            yield
        finally:
            for name, value in weights.items():
                self._variables[name].assign(value)
