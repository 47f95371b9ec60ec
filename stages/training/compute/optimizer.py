"""Fused optimizer: the common Keras optimizers as one operation for each variable.

Keras computes an update as a dozen small operations for each variable. TensorFlow has the common optimizers as single
operations with the same arithmetic. Optimizers and settings without such an operation are left to Keras.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from stages.training.state import unique_names


class FusedOptimizer:
    """Optimizer of a model's variables.

    Args:
        optimizer: Keras optimizer, as `build.build_optimizer` returns it.
        variables: Trainable variables of the model, by name.

    Attributes:
        variables: Slots and other variables of the optimizer by name, such as `conv1/kernel/m`.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, variables: Mapping[str, keras.Variable]) -> None:
        self._optimizer, self._trained = optimizer, list(variables.values())
        self._fused = None if _needs_keras(optimizer, self._trained) else _fused(optimizer)
        if self._fused is None:
            optimizer.build(self._trained)
            values = [variable.value for variable in optimizer.variables]
            self.variables = dict(zip(unique_names(optimizer.variables), values, strict=True))
            return
        self._slots = [
            {name: tf.Variable(tf.zeros(variable.shape), trainable=False) for name in self._fused.slots}
            for variable in self._trained
        ]
        self.variables = {
            f"{path}/{name}": slot
            for path, slots in zip(variables, self._slots, strict=True)
            for name, slot in slots.items()
        }

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor, step: tf.Tensor) -> None:
        """Apply gradients to the variables.

        Args:
            gradients: float32, one for each variable.
            learning_rate: float32 scalar, for this step.
            step: int32 scalar, number of the step since training began, from 0.
        """
        if self._fused is None:
            self._optimizer.learning_rate.assign(learning_rate)
            self._optimizer.apply(gradients, self._trained)
            return
        settings = self._fused.settings(self._optimizer, tf.cast(step + 1, tf.float32))
        decay = self._optimizer.weight_decay
        for variable, gradient, slots in zip(self._trained, gradients, self._slots, strict=True):
            if decay:
                variable.value.assign_sub(variable.value * (decay * learning_rate))
            handles = {name: slot.handle for name, slot in slots.items()}
            self._fused.operation(var=variable.value.handle, lr=learning_rate, grad=gradient, **handles, **settings)


class FusedOperation(NamedTuple):
    """Optimizer as one operation.

    Attributes:
        operation: Function of a variable, its slots, `lr`, `grad` and the settings.
        slots: Argument names of the slots, the state that the optimizer keeps for each variable.
        settings: Function that returns the other arguments, from Keras's optimizer and the step's number from 1.
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


MOMENTUM = FusedOperation(tf.raw_ops.ResourceApplyKerasMomentum, ("accum",), _momentum_settings)
ADAM = FusedOperation(tf.raw_ops.ResourceApplyAdam, ("m", "v"), _adam_settings)
FUSED = {
    keras.optimizers.SGD: FusedOperation(_descend, (), lambda *_: {}),
    keras.optimizers.Adam: ADAM,
    keras.optimizers.AdamW: ADAM,
    keras.optimizers.RMSprop: FusedOperation(tf.raw_ops.ResourceApplyRMSProp, ("ms", "mom"), _rmsprop_settings),
    keras.optimizers.Adadelta: FusedOperation(
        tf.raw_ops.ResourceApplyAdadelta, ("accum", "accum_update"), _adadelta_settings
    ),
}
KERAS_SETTINGS = ("clipnorm", "global_clipnorm", "clipvalue", "gradient_accumulation_steps")


def _fused(optimizer: keras.optimizers.Optimizer) -> FusedOperation | None:
    has_momentum = type(optimizer) is keras.optimizers.SGD and optimizer.momentum
    return MOMENTUM if has_momentum else FUSED.get(type(optimizer))


def _needs_keras(optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]) -> bool:
    """Tell whether the recipe asks for more than the fused operation supports."""
    beyond = [getattr(optimizer, name, None) for name in (*KERAS_SETTINGS, "amsgrad", "centered")]
    constrained = [variable.constraint for variable in variables]
    return any(beyond) or any(constrained)
