from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.training.compute.ema import ExponentialMovingAverage

STEPS = 12
Weights = list[np.ndarray]


def weights(number: int) -> Weights:
    """Return the weights after a number of steps, 0 for those at the start."""
    random = np.random.Generator(np.random.PCG64([1, number]))
    return [random.normal(size=shape).astype(np.float32) for shape in ((4, 3), (3,), ())]


def averages(decay: float) -> Iterator[Weights]:
    """Yield the averages after each step, from the formula."""
    average = [value.astype(np.float64) for value in weights(0)]
    for step in range(STEPS):
        keep = min(decay, (1 + step) / (10 + step))
        average = [keep * old + (1 - keep) * new for old, new in zip(average, weights(step + 1), strict=True)]
        yield average


def trained(decay: float) -> Iterator[tuple[ExponentialMovingAverage, list[keras.Variable]]]:
    """Yield an average and its variables after each step."""
    variables = [keras.Variable(value) for value in weights(0)]
    average = ExponentialMovingAverage(named(variables), decay)
    update = tf.function(average.update, autograph=False)
    for step in range(STEPS):
        assign(variables, weights(step + 1))
        update(tf.constant(step))
        yield average, variables


def named(variables: list[keras.Variable]) -> dict[str, keras.Variable]:
    return {str(number): variable for number, variable in enumerate(variables)}


def assign(variables: list[keras.Variable], values: Weights) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def assert_close(expected: Weights, actual: list[tf.Variable] | list[keras.Variable]) -> None:
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_allclose(other.numpy(), one, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decay", [0.001, 0.25, 0.999])  # from the first step on, from the third, not within these
def test_the_averages_are_those_of_the_formula(decay: float):
    for expected, (average, variables) in zip(averages(decay), trained(decay), strict=True):
        assert_close(expected, list(average.averages.values()))
        assert not np.allclose(expected[0], variables[0].numpy(), rtol=0, atol=1e-4)


def test_an_update_leaves_the_weights_alone():
    *_, (_, variables) = trained(0.9)

    assert all(np.array_equal(one, other.numpy()) for one, other in zip(weights(STEPS), variables, strict=True))


def test_the_model_has_the_averages_for_a_while():
    *_, (average, variables) = trained(0.9)
    *_, expected = averages(0.9)
    with average.swapped_in():
        assert_close(expected, variables)

    assert all(np.array_equal(one, other.numpy()) for one, other in zip(weights(STEPS), variables, strict=True))
    assert_close(expected, list(average.averages.values()))


def test_the_model_has_the_averages_for_good():
    *_, (average, variables) = trained(0.9)
    *_, expected = averages(0.9)
    average.assign_to_model()

    assert_close(expected, variables)
    assign(variables, weights(0))
    assert_close(expected, list(average.averages.values()))  # they are no longer the model's own


def test_the_weights_come_back_from_a_block_that_raises():
    *_, (average, variables) = trained(0.9)
    with pytest.raises(ZeroDivisionError), average.swapped_in():
        raise ZeroDivisionError

    assert all(np.array_equal(one, other.numpy()) for one, other in zip(weights(STEPS), variables, strict=True))


def test_the_averages_are_all_that_it_remembers():
    *_, (average, _) = trained(0.9)
    variables = [keras.Variable(value) for value in weights(0)]
    other = ExponentialMovingAverage(named(variables), 0.9)
    assert other.averages.keys() == average.averages.keys() == named(variables).keys()
    for name, value in average.averages.items():
        other.averages[name].assign(value.numpy())
    with other.swapped_in():
        assert_close([each.numpy() for each in average.averages.values()], variables)
