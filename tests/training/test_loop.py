from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from stages.training import determinism, loop, network
from stages.training.history import Epoch
from stages.training.recipe import Recipe, Training
from stages.training.splits import Examples
from tests import tiny

RECIPE = Recipe.model_validate(YAML(typ="safe").load(tiny.RECIPE))
WHERE = Path("recipes/mlp.yaml")


def examples(count: int, seed: int) -> Examples:
    images, labels = tiny.digits(count, seed)
    return images[..., None], labels.astype(np.int32)


def train(
    epochs: int = 2, batch_size: int = 20, validation: Examples | None = None, **optimizer: object
) -> tuple[list[Epoch], list[int]]:
    """Return the history, and how long it was each time that it was told."""
    determinism.settle(seed=0, threads=2)
    model = network.build(RECIPE, WHERE, (28, 28, 1), tiny.NUM_CLASSES)
    chosen = RECIPE.optimizer.model_validate(optimizer) if optimizer else RECIPE.optimizer
    told: list[int] = []
    history = loop.train(
        model,
        network.build_optimizer(chosen, WHERE),
        Training(epochs=epochs, batch_size=batch_size, validation="none"),
        examples(90, seed=1),
        validation,
        on_epoch=lambda epochs: told.append(len(epochs)),
    )
    return history, told


def test_a_tiny_set_is_learned_by_heart():
    history, _ = train(epochs=15)

    assert history[-1].accuracy == 1.0
    assert history[-1].loss < 0.05


def test_each_epoch_is_told_when_it_ends():
    history, told = train(epochs=3)

    assert [epoch.epoch for epoch in history] == [1, 2, 3]
    assert told == [1, 2, 3]


def test_without_validation_there_is_none_in_the_history():
    history, _ = train()

    assert {(None, None)} == {(epoch.val_loss, epoch.val_accuracy) for epoch in history}


def test_validation_is_scored_after_each_epoch():
    history, _ = train(validation=examples(40, seed=2))

    assert None not in [value for epoch in history for value in epoch]
    assert history[-1].val_loss < history[0].val_loss


def test_the_last_batch_may_be_smaller_than_the_others():
    history, _ = train(batch_size=80)

    assert len(history) == 2


def test_the_same_seed_gives_the_same_history():
    assert train()[0] == train()[0]


def test_a_loss_that_is_no_number_ends_the_training():
    with pytest.raises(loop.DivergedError, match=r"the loss (nan|inf) in epoch \d"):
        train(name="sgd", learning_rate=1e30)
