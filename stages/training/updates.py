"""What changes the weights after each step: Keras's optimizers, the common ones in one operation a variable.

Keras computes an update in a dozen small operations for each variable; TensorFlow has each of the common optimizers as
one operation with the same arithmetic. An optimizer with a setting beyond these is left to Keras.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf


class Updates:
    """Applies gradients to a model's variables.

    Args:
        optimizer: As `network.build_optimizer` returns it.
        variables: The trainable variables of the model.

    Attributes:
        state: What the optimizer remembers, for checkpoints.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]) -> None:
        self._optimizer, self._variables = optimizer, variables
        self._fused = None if _needs_keras(optimizer, variables) else FUSED.get(type(optimizer))
        if self._fused is None:
            optimizer.build(variables)
            self.state = [variable.value for variable in optimizer.variables]
            return
        count = self._fused.slots
        self._slots = [[tf.Variable(tf.zeros(v.shape), trainable=False) for _ in range(count)] for v in variables]
        self.state = [slot for slots in self._slots for slot in slots]

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor, step: tf.Tensor) -> None:
        """Change the variables.

        Args:
            gradients: float32, one for each variable.
            learning_rate: float32 scalar, of this step.
            step: int32 scalar, 0 for the first step since training began.
        """
        if self._fused is None:
            self._optimizer.learning_rate.assign(learning_rate)
            self._optimizer.apply(gradients, self._variables)
            return
        number = tf.cast(step + 1, tf.float32)
        for variable, gradient, slots in zip(self._variables, gradients, self._slots, strict=True):
            self._fused.apply(self._optimizer, variable.value, gradient, slots, learning_rate, number)

    def finish(self) -> None:
        """Give the variables their averages, if the recipe's optimizer keeps some (`use_ema`)."""
        if self._fused is None:
            self._optimizer.finalize_variable_values(self._variables)


class Fused(NamedTuple):
    """An optimizer as one operation: how many slots a variable has, and what applies a gradient."""

    slots: int
    apply: Callable[[Any, tf.Variable, tf.Tensor, list[tf.Variable], tf.Tensor, tf.Tensor], Any]


def _sgd(_: Any, variable: tf.Variable, gradient: tf.Tensor, slots: Any, rate: tf.Tensor, number: tf.Tensor) -> Any:
    return tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)


def _adam(
    adam: keras.optimizers.Adam,
    variable: tf.Variable,
    gradient: tf.Tensor,
    slots: list[tf.Variable],
    rate: tf.Tensor,
    number: tf.Tensor,
) -> Any:
    return tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=slots[0].handle,
        v=slots[1].handle,
        beta1_power=tf.pow(adam.beta_1, number),
        beta2_power=tf.pow(adam.beta_2, number),
        lr=rate,
        beta1=adam.beta_1,
        beta2=adam.beta_2,
        epsilon=adam.epsilon,
        grad=gradient,
    )


def _rmsprop(
    rmsprop: keras.optimizers.RMSprop,
    variable: tf.Variable,
    gradient: tf.Tensor,
    slots: list[tf.Variable],
    rate: tf.Tensor,
    number: tf.Tensor,
) -> Any:
    return tf.raw_ops.ResourceApplyRMSProp(
        var=variable.handle,
        ms=slots[0].handle,
        mom=slots[1].handle,
        lr=rate,
        rho=rmsprop.rho,
        momentum=rmsprop.momentum,
        epsilon=rmsprop.epsilon,
        grad=gradient,
    )


def _adadelta(
    adadelta: keras.optimizers.Adadelta,
    variable: tf.Variable,
    gradient: tf.Tensor,
    slots: list[tf.Variable],
    rate: tf.Tensor,
    number: tf.Tensor,
) -> Any:
    return tf.raw_ops.ResourceApplyAdadelta(
        var=variable.handle,
        accum=slots[0].handle,
        accum_update=slots[1].handle,
        lr=rate,
        rho=adadelta.rho,
        epsilon=adadelta.epsilon,
        grad=gradient,
    )


FUSED = {
    keras.optimizers.Adam: Fused(2, _adam),
    keras.optimizers.RMSprop: Fused(2, _rmsprop),
    keras.optimizers.Adadelta: Fused(2, _adadelta),
    keras.optimizers.SGD: Fused(0, _sgd),
}
KERAS_SETTINGS = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "gradient_accumulation_steps")


def _needs_keras(optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]) -> bool:
    """Tell whether the recipe asks for more than the one operation can do."""
    beyond = [getattr(optimizer, name, None) for name in (*KERAS_SETTINGS, "amsgrad", "centered", "nesterov")]
    constrained = [variable.constraint for variable in variables]
    momentum_of_sgd = type(optimizer) is keras.optimizers.SGD and optimizer.momentum
    return any(beyond) or any(constrained) or bool(momentum_of_sgd)
