"""Seeds and threads; whole trainings give the same bytes in tests/model/test_keras_file.py and tests/training."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.common.determinism import enable_determinism


def drawn(seed: int) -> list[float]:
    """Return a number of each generator after the seed was set, with the threads that all tests have."""
    enable_determinism(seed, threads=2)
    return [random.random(), float(np.random.rand()), float(keras.random.uniform(())), float(tf.random.uniform(()))]


def test_every_random_number_follows_from_the_seed():
    first = drawn(3)
    assert drawn(3) == first
    assert not set(drawn(4)) & set(first)


def test_operations_are_deterministic():
    enable_determinism(seed=0, threads=2)
    probabilities = tf.Variable([[0.5, 0.5]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="random ops must have a seed specified"):
        tf.raw_ops.Multinomial(logits=probabilities, num_samples=1)


@pytest.mark.parametrize(("threads", "shards", "expected"), [(2, 1, (2, 1)), (8, 4, (2, 4)), (6, 6, (1, 6))])
def test_shards_divide_the_threads_and_a_cluster_is_joined_before_the_first_operation(
    threads: int, shards: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    calls: list[object] = []
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", calls.append)
    monkeypatch.setattr(tf.config.threading, "set_inter_op_parallelism_threads", calls.append)
    monkeypatch.setattr(tf, "zeros", lambda shape: calls.append("operation"))
    enable_determinism(0, threads, shards, join=lambda: calls.append("join"))
    assert calls == [*expected, "join", "operation"]


def test_nothing_is_said(capfd: pytest.CaptureFixture[str]):
    enable_determinism(seed=0, threads=2)
    assert capfd.readouterr() == ("", "")
