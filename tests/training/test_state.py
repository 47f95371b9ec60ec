"""Training state: names of its entries, and checkpoints that are restored by name. Whole trainings: test_loop.py."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.model import build
from stages.model.history import Epoch
from stages.model.recipe import Recipe
from stages.training.compute.optimizer import FusedOptimizer
from stages.training.runtime.checkpoint import Checkpoint
from stages.training.runtime.workers import Workers
from stages.training.state import TrainState, named_variables, prefixed, unique_names
from stages.training.steps import Steps
from tests.training.tiny_training import AVERAGE, BEST, CNN, MLP, PATH, VIEWS, build_model, changed, job_of

VALUES = {"model/a/kernel": [1.0, 2.0], "model/b/kernel": [3.0, 4.0], "totals/loss": 5.0}
EPOCHS = [Epoch(1, 0.5, 0.25, 0.75, 1 / 3), Epoch(2, 0.4, 0.5)]
# layers whose variables Keras names alike, or numbers by process
REPEATED = """\
network: [flip, augment, norm1, norm2, rows, attention, lstm]
layers:
  flip: {layer: RandomFlip}
  augment: {layer: RandAugment}
  norm1: {layer: BatchNormalization}
  norm2: {layer: BatchNormalization}
  rows: {layer: Reshape, target_shape: [28, 28]}
  attention: {layer: MultiHeadAttention, num_heads: 1, key_dim: 2, inputs: [rows, rows]}
  lstm: {layer: LSTM, units: 2}
optimizer: {name: nadam}
training: {epochs: 1, batch_size: 20, validation: none}
"""


def variables(values: dict[str, Any] = VALUES) -> dict[str, tf.Variable]:
    return {name: tf.Variable(value) for name, value in values.items()}


def values_of(entries: dict[str, tf.Variable]) -> dict[str, Any]:
    return {name: variable.numpy().tolist() for name, variable in entries.items()}


def saved(state: TrainState) -> Checkpoint:
    checkpoint = Checkpoint("tiny")
    state.save(checkpoint)
    checkpoint.wait()
    return checkpoint


def zeros(*names: str) -> dict[str, tf.Variable]:
    """Return variables with these names and the shapes of VALUES, all zero."""
    return {name: tf.Variable(tf.zeros_like(VALUES.get(name, VALUES["totals/loss"]))) for name in names}


def own(file: bytes | None) -> bytes | None:
    return file


def test_a_state_comes_back_whole():
    state = TrainState(variables())
    state.epochs, state.batch, state.best = EPOCHS, 7, {"a/kernel": np.float32([8, 9]), "b/kernel": np.float32([10])}
    checkpoint = saved(state)
    entries = zeros(*VALUES)
    resumed = TrainState(entries)

    assert resumed.resume(checkpoint, own)
    assert values_of(entries) == VALUES
    assert (resumed.epochs, resumed.batch) == (EPOCHS, 7)
    assert {name: value.tolist() for name, value in resumed.best.items()} == {"a/kernel": [8, 9], "b/kernel": [10]}
    assert all(isinstance(epoch, Epoch) for epoch in resumed.epochs)


def test_without_a_checkpoint_a_state_stays_as_it_is():
    entries = variables()
    state = TrainState(entries)

    assert not state.resume(Checkpoint("none"), own)
    assert values_of(entries) == VALUES
    assert (state.epochs, state.batch, state.best) == ([], 0, {})


def test_entries_in_another_order_are_restored_by_name():
    """The two kernels have the same shape, so by position they would change places without an error."""
    checkpoint = saved(TrainState(variables()))
    entries = zeros(*reversed(VALUES))

    assert TrainState(entries).resume(checkpoint, own)
    assert values_of(entries) == VALUES


@pytest.mark.parametrize(
    ("names", "different"),
    [
        (["model/a/kernel", "model/c/kernel", "totals/loss"], ["model/b/kernel", "model/c/kernel"]),
        (["model/a/kernel", "model/b/kernel"], ["totals/loss"]),
        ([*VALUES, "ema/a/kernel"], ["ema/a/kernel"]),
    ],
    ids=["renamed", "fewer", "more"],
)
def test_a_checkpoint_of_other_entries_is_refused_and_changes_none(names: list[str], different: list[str]):
    checkpoint = saved(TrainState(variables()))
    entries = zeros(*names)

    with pytest.raises(
        ValueError, match=r"expected the entries of this training in .*tiny\.npz, received others: "
    ) as it:
        TrainState(entries).resume(checkpoint, own)
    assert str(it.value).endswith(str(different))
    assert not any(np.any(variable.numpy()) for variable in entries.values())


def test_what_is_saved_is_a_copy():
    """The training goes on while the checkpoint is written."""
    entries = variables()
    checkpoint = Checkpoint("tiny")
    TrainState(entries).save(checkpoint)
    for variable in entries.values():
        variable.assign(tf.zeros_like(variable))
    checkpoint.wait()
    arrays, _ = checkpoint.load() or ({}, {})

    assert {name: array.tolist() for name, array in arrays.items()} == VALUES


def test_every_worker_resumes_from_the_file_of_the_chief():
    sent = saved(TrainState(variables())).path.read_bytes()
    entries = zeros(*VALUES)

    assert TrainState(entries).resume(Checkpoint("of another worker"), lambda _: sent)
    assert values_of(entries) == VALUES


def test_a_prefix_stands_before_each_name():
    entries = variables({"loss": 0.0, "correct": 0})

    assert list(prefixed("totals", entries)) == ["totals/loss", "totals/correct"]
    assert prefixed("totals", entries)["totals/loss"] is entries["loss"]


def test_names_that_repeat_are_numbered():
    named = [keras.Variable(0.0, name=name) for name in ("kernel", "bias", "kernel", "kernel", "bias")]

    assert unique_names(named) == ["kernel", "bias", "kernel:1", "kernel:2", "bias:1"]


def test_variables_without_a_name_do_not_have_the_number_that_keras_gives_them():
    for _ in range(2):
        assert unique_names([keras.Variable(0.0), keras.Variable(1.0)]) == ["variable", "variable:1"]


def test_variables_are_named_by_layer_in_the_order_of_the_model():
    model = build_model(job_of(CNN))
    named = named_variables(model)

    assert [id(variable) for variable in named.values()] == [id(variable) for variable in model.variables]
    assert list(named) == [
        "shift/seed_generator_state", "conv/kernel", "conv/bias", "norm/gamma", "norm/beta", "norm/moving_mean",
        "norm/moving_variance", "drop/seed_generator_state", "classes/kernel", "classes/bias",
    ]  # fmt: skip


def test_the_variables_of_several_views_are_those_of_the_network():
    assert list(named_variables(build_model(job_of(VIEWS)))) == list(named_variables(build_model(job_of(CNN))))


def entries_of(text: str) -> dict[str, tf.Variable]:
    """Return the entries of a training at its start."""
    job = job_of(text)
    model = build_model(job)
    return Steps(job, model, build.build_optimizer(job.recipe), Workers()).variables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MLP, {"optimizer/classes/bias/v", "model/hidden/kernel", "totals/loss", "totals/correct"}),
        (changed(BEST, AVERAGE), {"model/classes/bias", "ema/classes/bias", "totals/correct"}),
        (MLP.replace("adam", "nadam"), {"optimizer/iteration", "optimizer/learning_rate", "optimizer/variable"}),
    ],
    ids=["fused", "averages", "by Keras"],
)
def test_the_entries_of_a_training_have_names(text: str, expected: set[str]):
    assert entries_of(text).keys() >= expected
    assert {name.split("/")[0] for name in entries_of(text)} <= {"model", "optimizer", "totals", "ema"}


def test_two_trainings_of_a_recipe_in_one_process_have_the_same_names():
    """Keras numbers the random number generators and the unnamed variables of a process."""
    all_names = []
    for _ in range(2):
        recipe = Recipe.parse(REPEATED, PATH)
        model = build.build_model(recipe, (28, 28, 1), 10)
        named = named_variables(model)
        trained = {name: each for name, each in named.items() if each.trainable}
        fused = FusedOptimizer(build.build_optimizer(recipe), trained)
        assert len(named) == len(model.variables)
        all_names.append([*named, *fused.variables])

    assert all_names[0] == all_names[1]
    assert {"augment/seed_generator_state", "augment/seed_generator_state:1", "lstm/recurrent_kernel"} < set(
        all_names[0]
    )


def test_a_checkpoint_of_another_recipe_is_refused():
    """Its key keeps them apart; this is what happens if it does not."""
    checkpoint, other = saved(TrainState(entries_of(MLP))), TrainState(entries_of(CNN))

    with pytest.raises(ValueError, match="model/conv/bias"):
        other.resume(checkpoint, own)
