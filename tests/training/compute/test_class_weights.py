"""Class weights, by hand and in a step of the training."""

from pathlib import Path

import keras
import numpy as np
import pytest

from stages.common.determinism import enable_determinism
from stages.model import build
from stages.model.recipe import Recipe
from stages.training.compute import class_weights
from stages.training.job import TrainingJob
from stages.training.loop import Trainer
from stages.training.runtime.checkpoint import Checkpoint
from stages.training.runtime.workers import Workers
from tests import tiny

RECIPE = """\
network: [rescale, flatten, hidden]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  flatten: {layer: Flatten}
  hidden: {layer: Dense, units: 8, activation: tanh, kernel_regularizer: l2}
optimizer: {name: sgd, learning_rate: 0.1}
training: {epochs: 3, batch_size: 60, validation: none, class_weights: balanced}
"""


def test_weights_are_inverse_to_the_frequency_and_one_on_average():
    weights = class_weights.balanced(np.array([0, 0, 0, 1]), 2)
    assert weights.dtype == np.float32
    assert weights.tolist() == pytest.approx([2 / 3, 2])
    assert np.mean(weights[[0, 0, 0, 1]]) == pytest.approx(1)


def test_a_class_without_examples_counts_nothing():
    assert class_weights.balanced(np.array([0, 2, 2, 2]), 3).tolist() == pytest.approx([2, 0, 2 / 3])


@pytest.mark.parametrize("shards", [1, 2])
def test_a_training_is_that_of_keras_with_class_weight(shards: int):
    """One batch an epoch, since Keras shuffles in another order."""
    text = RECIPE.replace("batch_size: 60", f"batch_size: 60, shards: {shards}")
    recipe = Recipe.parse(text, Path("recipes/tiny.yaml"))
    images, labels = tiny.digits(200, seed=1)
    rare = np.concatenate([np.flatnonzero(labels < 2)[:28], np.flatnonzero(labels >= 2)[:32]])
    images, labels = images[rare][..., None], labels[rare].astype(np.int32)
    weights = dict(enumerate(class_weights.balanced(labels, 10).tolist()))
    enable_determinism(0, threads=2)
    ours, theirs = (build.build_model(recipe, (28, 28, 1), 10) for _ in range(2))
    theirs.set_weights(ours.get_weights())

    job = TrainingJob(
        recipe=recipe, seed=0, dtype="float32", num_classes=10, examples=(images, labels), validation=None
    )
    trainer = Trainer(job, ours, build.build_optimizer(recipe), Checkpoint("tiny"), Workers())
    history = trainer.train(lambda epochs: None, lambda: None)
    theirs.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    fitted = theirs.fit(images, labels, epochs=3, batch_size=60, class_weight=weights, verbose=0).history

    assert max(weights.values()) > 2 * min(weights.values())
    for expected, actual in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
    assert [epoch.accuracy for epoch in history] == pytest.approx(fitted["accuracy"])
