from pathlib import Path

import numpy as np
import pytest

from stages.training.runtime.workers import Workers
from stages.training.validation import BATCH_SIZE, Validator
from tests.training.tiny_training import AVERAGE, CNN, NUM_IMAGES, VIEWS, build_model, examples, job_of, on_disk, train


@pytest.mark.parametrize("recipe", [CNN, CNN.replace(*AVERAGE), VIEWS], ids=["weights", "averages", "views"])
def test_validation_is_scored_as_keras_scores_the_model(recipe: str):
    trained = train(recipe, validation=True)
    images, labels = examples(40, seed=2)
    probabilities = trained.model.predict(images.astype(np.float32), verbose=0)
    last = trained.history[-1]

    assert last.val_accuracy == (probabilities.argmax(axis=1) == labels).mean()
    assert last.val_loss == pytest.approx(-np.log(probabilities[np.arange(40), labels]).mean(), rel=1e-5)
    assert last.val_loss != trained.history[0].val_loss


@pytest.mark.parametrize("recipe", [CNN, CNN.replace(*AVERAGE)], ids=["weights", "averages"])
def test_validation_changes_nothing_else(recipe: str):
    seen, unseen = train(recipe, validation=True), train(recipe)

    assert seen.values() == unseen.values()
    assert [epoch[:3] for epoch in seen.history] == [epoch[:3] for epoch in unseen.history]


@pytest.mark.parametrize(("count", "shards"), [(1, 1), (499, 2), (500, 3), (1203, 4)])
def test_any_number_of_images_is_scored_in_batches_and_shards(count: int, shards: int):
    model = build_model(job_of(CNN))
    images, labels = examples(count, seed=3)
    loss, accuracy = Validator(model, shards, Workers()).score((images, labels))
    probabilities = model.predict(images.astype(np.float32), verbose=0)

    assert BATCH_SIZE == 500
    assert accuracy == (probabilities.argmax(axis=1) == labels).mean()
    assert loss == pytest.approx(-np.log(probabilities[np.arange(count), labels]).mean(), rel=1e-5)


def test_images_on_the_disk_have_the_same_score(tmp_path: Path):
    validator = Validator(build_model(job_of(CNN)), 1, Workers())

    assert validator.score(on_disk(tmp_path)) == validator.score(examples(NUM_IMAGES, seed=1))
