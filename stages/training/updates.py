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
        self._fused = None if _needs_keras(optimizer, variables) else _fused(optimizer)
        if self._fused is None:
            optimizer.build(variables)
            self.state = [variable.value for variable in optimizer.variables]
            return
        self._slots = [
            {name: tf.Variable(tf.zeros(variable.shape), trainable=False) for name in self._fused.slots}
            for variable in variables
        ]
        self.state = [slot for slots in self._slots for slot in slots.values()]

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
        settings = self._fused.settings(self._optimizer, tf.cast(step + 1, tf.float32))
        decay = self._optimizer.weight_decay
        for variable, gradient, slots in zip(self._variables, gradients, self._slots, strict=True):
            if decay:
                variable.value.assign_sub(variable.value * (decay * learning_rate))
            handles = {name: slot.handle for name, slot in slots.items()}
            self._fused.operation(var=variable.value.handle, lr=learning_rate, grad=gradient, **handles, **settings)


class Fused(NamedTuple):
    """An optimizer as one operation.

    Attributes:
        operation: Takes a variable, its slots, `lr`, `grad` and the settings.
        slots: What the operation calls that which the optimizer remembers of a variable.
        settings: Returns the operation's other arguments, from Keras's optimizer and the number of the step, from 1.
    """

    operation: Callable[..., Any]
    slots: tuple[str, ...]
    settings: Callable[[Any, tf.Tensor], dict[str, Any]]


def _descend(var: tf.Tensor, lr: tf.Tensor, grad: tf.Tensor) -> Any:
    return tf.raw_ops.ResourceApplyGradientDescent(var=var, alpha=lr, delta=grad)


def _momentum_settings(sgd: keras.optimizers.SGD, _: tf.Tensor) -> dict[str, Any]:
    return {"momentum": sgd.momentum, "use_nesterov": sgd.nesterov}


def _adam_settings(adam: keras.optimizers.Adam, number: tf.Tensor) -> dict[str, Any]:
    powers = {"beta1_power": tf.pow(adam.beta_1, number), "beta2_power": tf.pow(adam.beta_2, number)}
    return {**powers, "beta1": adam.beta_1, "beta2": adam.beta_2, "epsilon": adam.epsilon}


def _rmsprop_settings(rmsprop: keras.optimizers.RMSprop, _: tf.Tensor) -> dict[str, Any]:
    return {"rho": rmsprop.rho, "momentum": rmsprop.momentum, "epsilon": rmsprop.epsilon}


def _adadelta_settings(adadelta: keras.optimizers.Adadelta, _: tf.Tensor) -> dict[str, Any]:
    return {"rho": adadelta.rho, "epsilon": adadelta.epsilon}


MOMENTUM = Fused(tf.raw_ops.ResourceApplyKerasMomentum, ("accum",), _momentum_settings)
ADAM = Fused(tf.raw_ops.ResourceApplyAdam, ("m", "v"), _adam_settings)
FUSED = {
    keras.optimizers.SGD: Fused(_descend, (), lambda *_: {}),
    keras.optimizers.Adam: ADAM,
    keras.optimizers.AdamW: ADAM,
    keras.optimizers.RMSprop: Fused(tf.raw_ops.ResourceApplyRMSProp, ("ms", "mom"), _rmsprop_settings),
    keras.optimizers.Adadelta: Fused(tf.raw_ops.ResourceApplyAdadelta, ("accum", "accum_update"), _adadelta_settings),
}
KERAS_SETTINGS = ("clipnorm", "global_clipnorm", "clipvalue", "gradient_accumulation_steps")


def _fused(optimizer: keras.optimizers.Optimizer) -> Fused | None:
    has_momentum = type(optimizer) is keras.optimizers.SGD and optimizer.momentum
    return MOMENTUM if has_momentum else FUSED.get(type(optimizer))


def _needs_keras(optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]) -> bool:
    """Tell whether the recipe asks for more than the one operation can do."""
    beyond = [getattr(optimizer, name, None) for name in (*KERAS_SETTINGS, "amsgrad", "centered")]
    constrained = [variable.constraint for variable in variables]
    return any(beyond) or any(constrained)
