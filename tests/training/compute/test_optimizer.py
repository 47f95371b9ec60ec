import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.model import build
from stages.model.recipe import Recipe
from stages.training.compute.optimizer import FusedOptimizer
from tests import tiny

SHAPES = ((5, 4), (4,), (3, 3, 1, 2))
RATES = np.float32([0.01, 0.02, 0.03, 0.005, 0.001])  # another in each step, as in a schedule
FUSED = {
    "adam": {"name": "adam"},
    "adam, other settings": {"name": "adam", "beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01},
    "rmsprop": {"name": "rmsprop"},
    "rmsprop with momentum": {"name": "rmsprop", "rho": 0.8, "momentum": 0.9, "epsilon": 0.001},
    "adadelta": {"name": "adadelta"},
    "adadelta, other settings": {"name": "adadelta", "rho": 0.8, "epsilon": 0.01},
    "sgd": {"name": "sgd"},
    "momentum": {"name": "sgd", "momentum": 0.9},
    "nesterov": {"name": "sgd", "momentum": 0.9, "nesterov": True},
    "weight decay": {"name": "adam", "weight_decay": 0.1},
    "momentum and weight decay": {"name": "sgd", "momentum": 0.9, "weight_decay": 0.1},
    "adamw": {"name": "adamw"},
}
LEFT_TO_KERAS = {
    "amsgrad": {"name": "adam", "amsgrad": True},
    "centered": {"name": "rmsprop", "centered": True},
    "clipnorm": {"name": "adam", "clipnorm": 0.5},
    "global_clipnorm": {"name": "sgd", "global_clipnorm": 0.5},
    "clipvalue": {"name": "rmsprop", "clipvalue": 0.1},
    "accumulation": {"name": "adam", "gradient_accumulation_steps": 2},
    "lion": {"name": "lion"},
    "nadam": {"name": "nadam"},
}


def variables(constraint: Any = None) -> list[keras.Variable]:
    random = np.random.Generator(np.random.PCG64(1))
    made = [
        keras.Variable(random.normal(size=shape).astype(np.float32), name=f"kernel{number}")
        for number, shape in enumerate(SHAPES)
    ]
    for variable in made:
        variable.constraint = constraint
    return made


def named(variables: list[keras.Variable]) -> dict[str, keras.Variable]:
    return {f"layer{number}/kernel": variable for number, variable in enumerate(variables)}


def gradients(step: int) -> list[tf.Tensor]:
    random = np.random.Generator(np.random.PCG64([2, step]))
    return [tf.constant(random.normal(size=shape).astype(np.float32)) for shape in SHAPES]


def build_optimizer(settings: dict[str, Any]) -> keras.optimizers.Optimizer:
    text = tiny.RECIPE.replace("{name: adam, learning_rate: 0.01}", json.dumps(settings))
    return build.build_optimizer(Recipe.parse(text, Path("recipes/tiny.yaml")))


def updated(settings: dict[str, Any], constraint: Any = None) -> tuple[list[keras.Variable], FusedOptimizer]:
    changed = variables(constraint)
    fused = FusedOptimizer(build_optimizer(settings), named(changed))
    apply = tf.function(fused.apply)
    for step, rate in enumerate(RATES):
        apply(gradients(step), tf.constant(rate), tf.constant(step))
    return changed, fused


def updated_by_keras(settings: dict[str, Any], constraint: Any = None) -> list[keras.Variable]:
    changed = variables(constraint)
    optimizer = build_optimizer(settings)
    for step, rate in enumerate(RATES):
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(zip(gradients(step), changed, strict=True))
    return changed


def assert_close(expected: list[keras.Variable], actual: list[keras.Variable]) -> None:
    for start, one, other in zip(variables(), expected, actual, strict=True):
        assert not np.allclose(start.numpy(), one.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(other.numpy(), one.numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("settings", FUSED.values(), ids=FUSED)
def test_five_fused_steps_are_those_of_keras(settings: dict[str, Any]):
    actual, fused = updated(settings)

    assert_close(updated_by_keras(settings), actual)
    slots = ("momentum" in settings) if settings["name"] == "sgd" else 2
    assert len(fused.variables) == slots * len(SHAPES)  # its own, not Keras's
    assert {name.rpartition("/")[0] for name in fused.variables} == (set(named(actual)) if slots else set())


@pytest.mark.parametrize("settings", LEFT_TO_KERAS.values(), ids=LEFT_TO_KERAS)
def test_what_one_operation_cannot_do_is_done_by_keras(settings: dict[str, Any]):
    actual, fused = updated(settings)
    optimizer = build_optimizer(settings)
    optimizer.build(variables())

    assert_close(updated_by_keras(settings), actual)
    assert [each.shape for each in fused.variables.values()] == [each.shape for each in optimizer.variables]


def test_constraints_are_left_to_keras():
    constraint = keras.constraints.MaxNorm(0.5)
    actual, _ = updated({"name": "adam"}, constraint)

    assert_close(updated_by_keras({"name": "adam"}, constraint), actual)
    assert all(np.linalg.norm(variable.numpy(), axis=0).max() < 0.5001 for variable in actual)


@pytest.mark.parametrize("settings", [FUSED["adam"], FUSED["rmsprop"], LEFT_TO_KERAS["nadam"]], ids=lambda s: s["name"])
def test_the_state_is_all_that_an_optimizer_remembers(settings: dict[str, Any]):
    """Two steps, then the state and the variables go to another, which does the rest."""
    first, second = variables(), variables()
    before, after = (FusedOptimizer(build_optimizer(settings), named(each)) for each in (first, second))
    for step in range(2):
        before.apply(gradients(step), tf.constant(RATES[step]), tf.constant(step))
    assert after.variables.keys() == before.variables.keys()
    for name, slot in before.variables.items():
        after.variables[name].assign(slot.numpy())
    for new, old in zip(second, first, strict=True):
        new.assign(old.numpy())
    for step in range(2, 5):
        after.apply(gradients(step), tf.constant(RATES[step]), tf.constant(step))
    expected, _ = updated(settings)

    for one, other in zip(expected, second, strict=True):
        np.testing.assert_allclose(other.numpy(), one.numpy(), rtol=1e-6, atol=1e-6)
