from collections.abc import Iterator

import keras
import numpy as np
import pytest

from stages.model import build
from stages.training import loop
from stages.training.batches.shuffle import epoch_permutation
from stages.training.batches.windows import Window, open_windows
from stages.training.compute.forward import Shard
from stages.training.runtime.workers import Cluster, Workers
from stages.training.steps import NoGradientError, RefusedError, Steps, split_batch
from tests.training.tiny_training import (
    ADAM,
    CNN,
    IN_SHARDS,
    MLP,
    NUM_IMAGES,
    POOLED,
    SGD,
    VIEWS,
    build_model,
    changed,
    examples,
    job_of,
    train,
)


@pytest.mark.parametrize(
    ("num_images", "num_shards", "expected"),
    [
        (8, 2, [Shard(0, 0, 4, 0.5), Shard(1, 4, 8, 0.5)]),
        (5, 2, [Shard(0, 0, 2, 0.4), Shard(1, 2, 5, 0.6)]),
        (2, 4, [Shard(0, 0, 1, 0.5), Shard(1, 1, 2, 0.5)]),
        (3, 1, [Shard(0, 0, 3, 1.0)]),
        (0, 3, []),
    ],
)
def test_a_batch_is_split_into_shards_of_about_the_same_size(num_images: int, num_shards: int, expected: list[Shard]):
    assert split_batch(num_images, num_shards) == expected


@pytest.mark.parametrize("num_images", range(1, 40))
def test_shards_are_a_batch_without_gaps(num_images: int):
    for num_shards in range(1, 9):
        shards = split_batch(num_images, num_shards)
        sizes = [shard.end - shard.start for shard in shards]

        assert [shard.number for shard in shards] == list(range(min(num_shards, num_images)))
        assert [index for shard in shards for index in range(shard.start, shard.end)] == list(range(num_images))
        assert max(sizes) - min(sizes) <= 1
        assert sum(shard.fraction for shard in shards) == pytest.approx(1)


def steps_of(text: str, workers: Workers | None = None) -> tuple[Steps, Iterator[Window]]:
    """Return the steps of a training, and the windows of its epochs."""
    job = job_of(text)
    steps = Steps(job, build_model(job), build.build_optimizer(job.recipe), workers or Workers())
    windows = open_windows(job.examples, job.training.batch_size, steps.local_slice)
    return steps, windows.iterate((epoch_permutation(job.seed, epoch, NUM_IMAGES) for epoch in range(2)), 0)


@pytest.mark.usefixtures("plain_steps")
def test_totals_are_those_since_the_last_reset():
    steps, windows = steps_of(changed(MLP, ("batch_size: 20", "batch_size: 30")))
    window = next(windows)
    steps.run(window, 0, 1, 0)
    first = steps.totals()
    steps.run(window, 1, 2, 1)  # 30 images, and the last 20 of the epoch
    of_epoch = steps.totals()
    steps.reset_totals()

    assert 30 * np.log(10) / 2 < first.loss < of_epoch.loss
    assert 0 <= first.correct <= 30
    assert first.correct <= of_epoch.correct <= NUM_IMAGES
    assert (first.first_bad_step, of_epoch.first_bad_step) == (None, None)
    assert steps.totals() == (0.0, 0, None)


@pytest.mark.usefixtures("plain_steps")
def test_the_first_step_whose_loss_is_no_number_is_remembered():
    steps, windows = steps_of(changed(MLP, ("adam, learning_rate: 0.01", "sgd, learning_rate: 1e30")))
    steps.run(next(windows), 0, 4, 0)
    steps.reset_totals()

    assert steps.totals().first_bad_step == 1


def test_a_process_alone_trains_on_the_whole_batch():
    steps, _ = steps_of(changed(MLP, IN_SHARDS))

    assert [steps.local_slice(count) for count in (20, 1, 0)] == [range(20), range(1), range(0)]


def test_workers_train_on_slices_without_gaps_and_may_have_none():
    slices = []
    for index in range(3):
        workers = Workers(Cluster(["a:1", "b:2", "c:3"], index))
        workers.replicas, workers.local_replicas = 3, range(index, index + 1)  # as after joining
        steps, _ = steps_of(changed(MLP, IN_SHARDS), workers)
        slices.append([steps.local_slice(count) for count in (20, 6, 2)])

    assert slices == [
        [range(6), range(2), range(2)],
        [range(6, 13), range(2, 4), range(0)],
        [range(13, 20), range(4, 6), range(0)],
    ]


@pytest.mark.usefixtures("plain_steps")
def test_weights_that_the_loss_does_not_change_with_are_named():
    rounded = changed(
        MLP,
        ("flatten, hidden]", "flatten, hidden, codes]"),
        ("optimizer:", "  codes: {layer: Hashing, num_bins: 8}\noptimizer:"),
    )
    steps, windows = steps_of(rounded)

    with pytest.raises(NoGradientError, match=r"^hidden/kernel, hidden/bias$"):
        steps.run(next(windows), 0, 1, 0)


EMBEDDING = """\
network: [flatten, words_1, pool]
layers:
  flatten: {layer: Flatten}
  words_1: {layer: Embedding, input_dim: 10, output_dim: 2}
  pool: {layer: GlobalAveragePooling1D}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 2, batch_size: 20, validation: none}
"""


def test_what_tensorflow_refuses_in_the_first_step_is_told_with_its_layer():
    steps, windows = steps_of(EMBEDDING)

    with pytest.raises(RefusedError, match=r"^indices\[\d+,\d+\] = \d+ is not in \[0, 10\)$") as caught:
        steps.run(next(windows), 0, 4, 0)
    assert caught.value.place == "layers.words_1"


@pytest.mark.usefixtures("plain_steps")
def test_an_error_after_the_first_step_is_no_fault_of_the_recipe(monkeypatch: pytest.MonkeyPatch):
    steps, windows = steps_of(MLP)
    window = next(windows)
    steps.run(window, 0, 1, 0)
    monkeypatch.setattr(steps, "_run", lambda *_: int("none"))

    with pytest.raises(ValueError, match="invalid literal"):
        steps.run(window, 1, 1, 1)


@pytest.mark.usefixtures("plain_steps", "step_by_step")
@pytest.mark.parametrize("batch_size", [30, 80, 200])
def test_every_image_is_seen_once_an_epoch(batch_size: int):
    """With a learning rate of almost nothing, an epoch's loss is that of the network at its start."""
    settings = ("learning_rate: 0.01", "learning_rate: 1e-30"), ("batch_size: 20", f"batch_size: {batch_size}")
    ticks: list[None] = []
    trained = train(changed(MLP, *settings), on_tick=lambda: ticks.append(None))
    images, labels = examples(NUM_IMAGES, seed=1)
    probabilities = trained.model.predict(images.astype(np.float32), verbose=0)

    assert len(ticks) == 2 * (-(-NUM_IMAGES // batch_size) + 1)  # after each step, and after each epoch
    for epoch in trained.history:
        assert epoch.accuracy == pytest.approx((probabilities.argmax(axis=1) == labels).mean())
        assert epoch.loss == pytest.approx(-np.log(probabilities[np.arange(NUM_IMAGES), labels]).mean(), rel=1e-5)


@pytest.mark.usefixtures("plain_steps")
@pytest.mark.parametrize("recipe", [MLP, CNN], ids=["mlp", "cnn"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(recipe: str):
    first, second, other = train(recipe, seed=5), train(recipe, seed=5), train(recipe, seed=6)

    assert (first.history, first.values()) == (second.history, second.values())
    assert first.history != other.history
    assert first.values() != other.values()


@pytest.mark.usefixtures("step_by_step")
def test_how_many_steps_a_call_does_changes_no_bit(monkeypatch: pytest.MonkeyPatch):
    expected = train(CNN)
    monkeypatch.setattr(loop, "_next_steps_per_call", lambda steps_per_call, seconds: 3)
    actual = train(CNN)

    assert (actual.history, actual.values()) == (expected.history, expected.values())


@pytest.mark.parametrize("seed", [2**31 - 1, 2**32 - 1])
def test_any_seed_that_a_run_may_have_trains(seed: int):
    assert len(train(CNN, seed=seed).history) == 2


WITH_LOSSES = changed(
    POOLED,
    ("activation: relu}", "activation: relu, kernel_regularizer: l2, activity_regularizer: l2}"),
    (ADAM, SGD),
)


@pytest.mark.parametrize("batch_size", [20, 27, 79])  # alike, the last batch of 26, the last batch of one image
def test_shards_add_up_to_the_batch(batch_size: int):
    text = changed(WITH_LOSSES, ("batch_size: 20", f"batch_size: {batch_size}"))
    whole, split = train(text), train(changed(text, IN_SHARDS))

    for expected, actual in zip(whole.model.variables, split.model.variables, strict=True):
        np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=1e-3, atol=1e-5)
    for one, other in zip(whole.history, split.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
        assert one.accuracy == other.accuracy


@pytest.mark.usefixtures("plain_steps")
def test_label_smoothing_is_the_loss_of_keras():
    settings = (
        ("learning_rate: 0.01", "learning_rate: 1e-30"),
        ("batch_size: 20", "batch_size: 20, label_smoothing: 0.2"),
    )
    trained = train(changed(MLP, *settings))
    images, labels = examples(NUM_IMAGES, seed=1)
    probabilities = trained.model.predict(images.astype(np.float32), verbose=0)
    smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)

    assert trained.history[-1].loss == pytest.approx(float(smooth(np.eye(10)[labels], probabilities)), rel=1e-5)


def test_views_change_the_answer_and_nothing_in_training():
    penalties = "filters: 4", "filters: 4, kernel_regularizer: l2, activity_regularizer: l2"
    one, many = train(changed(CNN, penalties), validation=True), train(changed(VIEWS, penalties), validation=True)

    assert one.values() == many.values()
    assert [epoch[:3] for epoch in one.history] == [epoch[:3] for epoch in many.history]
    assert one.history[-1].val_loss != many.history[-1].val_loss
