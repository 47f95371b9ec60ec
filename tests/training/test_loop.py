import os
import signal
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from ruamel.yaml import YAML

from stages.images.rows import FileRows
from stages.training import determinism, fast_network, loop, network, windows
from stages.training.checkpoint import Checkpoint
from stages.training.history import Epoch
from stages.training.recipe import Recipe
from stages.training.splits import Examples
from stages.training.workers import Workers
from tests import tiny

WHERE = Path("recipes/tiny.yaml")
NUM_IMAGES, BATCHES = 80, 4  # of 20 images each
MLP = tiny.RECIPE
CNN = """\
network: [shift, rescale, conv, norm, pool, flatten, drop]
layers:
  shift: {layer: RandomTranslation, height_factor: 0.1, width_factor: 0.1}
  rescale: {layer: Rescaling, scale: 1/255}
  conv: {layer: Conv2D, filters: 4, kernel_size: 3, activation: relu}
  norm: {layer: BatchNormalization, momentum: 0.8}
  pool: {layer: MaxPooling2D, pool_size: 4}
  flatten: {layer: Flatten}
  drop: {layer: Dropout, rate: 0.3}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 2, batch_size: 20, validation: none, schedule: {name: cosine, warmup_epochs: 0.5}}
"""
ADAM = "{name: adam, learning_rate: 0.01}"
SGD = "{name: sgd, learning_rate: 0.05, momentum: 0.9}"
WILD = "{name: sgd, learning_rate: 6.0}"  # so fast that the last epoch is not the best
BEST = MLP.replace(ADAM, WILD).replace(
    "epochs: 2, batch_size: 20, validation: none", "epochs: 4, batch_size: 20, validation: 40, keep: best"
)
AVERAGE = ("batch_size: 20", "batch_size: 20, ema_decay: 0.3")
VIEWS = f"{CNN}test_time: {{flip: true, shift: 2}}\n"
POOLED = """\
network: [rescale, conv, pool, flatten]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  conv: {layer: Conv2D, filters: 2, kernel_size: 3, activation: relu}
  pool: {layer: MaxPooling2D, pool_size: 2}
  flatten: {layer: Flatten}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 2, batch_size: 20, validation: none}
"""
IN_SHARDS = ("validation: none", "validation: none, shards: 2")
RESUMABLE = {
    "mlp": MLP,
    "cnn": CNN,
    "momentum": MLP.replace(ADAM, SGD),
    "best": BEST,
    "averages": BEST.replace(*AVERAGE),
    "shards": CNN.replace(*IN_SHARDS),
}


class StopError(Exception):
    """Stands for whatever ends a training."""


class Trained(NamedTuple):
    history: list[Epoch]
    model: keras.Model

    def values(self) -> list[bytes]:
        """Return the values of all variables, to the last bit."""
        return [variable.numpy().tobytes() for variable in self.model.variables]


def changed(recipe: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in recipe
        recipe = recipe.replace(old, new)
    return recipe


def examples(count: int, seed: int) -> Examples:
    images, labels = tiny.digits(count, seed)
    return images[..., None], labels.astype(np.int32)


def on_disk(folder: Path) -> Examples:
    """Return the same images in a file, of which a window has two batches."""
    images, labels = examples(NUM_IMAGES, seed=1)
    np.save(folder / "images.npy", images)
    return FileRows(np.lib.format.open_memmap(folder / "images.npy", mode="r")), labels


def train(
    text: str = MLP,
    *,
    images: Examples | None = None,
    validation: bool = False,
    seed: int = 0,
    on_epoch: Callable[[list[Epoch]], None] = lambda _: None,
    look: Callable[[], None] = lambda: None,
    seconds_between_checkpoints: float = 1000,
) -> Trained:
    recipe = Recipe.check(YAML(typ="safe").load(text), WHERE)
    determinism.settle(seed, threads=2)
    model = network.build(recipe, WHERE, (28, 28, 1), tiny.NUM_CLASSES)
    optimizer = network.build_optimizer(recipe.optimizer, WHERE)
    held_out = examples(40, seed=2) if validation or recipe.training.validation != "none" else None
    checkpoint = Checkpoint("tiny")
    training = loop.Loop(
        model,
        optimizer,
        recipe,
        "float32",
        seed,
        images or examples(NUM_IMAGES, seed=1),
        held_out,
        checkpoint,
        seconds_between_checkpoints,
        Workers(),
    )
    try:
        return Trained(training.run(on_epoch, look), model)
    finally:
        checkpoint.wait()


def undisturbed(recipe: str = MLP) -> Trained:
    """Train from beginning to end, once for all tests."""
    return _undisturbed(recipe, bool(fast_network.XLA_LAYERS))


@cache
def _undisturbed(recipe: str, _compiled: bool) -> Trained:
    return train(recipe)


def stop_at(moment: int) -> Callable[[], None]:
    """Return a look that stops the training when it is called for that time, the first being 1."""
    calls = count(1)

    def look() -> None:
        if next(calls) == moment:
            raise StopError

    return look


def press_at(moment: int) -> Callable[[], None]:
    """Return a look that presses Ctrl-C when it is called for that time, the first being 1."""
    calls = count(1)

    def look() -> None:
        if next(calls) == moment:
            os.kill(os.getpid(), signal.SIGINT)

    return look


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back to Python after each step, however fast the steps are."""
    monkeypatch.setattr(loop, "_next_pace", lambda pace, seconds: 1)


@pytest.fixture
def plain_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without XLA, which takes a second or two to compile."""
    monkeypatch.setattr(fast_network, "XLA_LAYERS", set())


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[keras.Model]:
    """The models that are built from now on."""
    built: list[keras.Model] = []
    build = network.build
    monkeypatch.setattr(network, "build", lambda *arguments: built.append(build(*arguments)) or built[-1])
    return built


def test_a_tiny_set_is_learned_by_heart():
    history = train(changed(MLP, ("epochs: 2", "epochs: 15"))).history

    assert history[-1].accuracy == 1.0
    assert history[-1].loss < 0.05


@pytest.mark.usefixtures("plain_steps")
def test_each_epoch_is_told_when_it_ends():
    told: list[list[int]] = []
    train(changed(MLP, ("epochs: 2", "epochs: 3")), on_epoch=lambda epochs: told.append([e.epoch for e in epochs]))

    assert [[1], [1, 2], [1, 2, 3]] == told


@pytest.mark.usefixtures("plain_steps")
def test_without_validation_there_is_none_in_the_history():
    assert {(None, None)} == {(epoch.val_loss, epoch.val_accuracy) for epoch in train().history}


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


def test_views_change_the_answer_and_nothing_in_training():
    penalties = "filters: 4", "filters: 4, kernel_regularizer: l2, activity_regularizer: l2"
    one, many = train(changed(CNN, penalties), validation=True), train(changed(VIEWS, penalties), validation=True)

    assert one.values() == many.values()
    assert [epoch[:3] for epoch in one.history] == [epoch[:3] for epoch in many.history]
    assert one.history[-1].val_loss != many.history[-1].val_loss


@pytest.mark.usefixtures("plain_steps", "step_by_step")
@pytest.mark.parametrize("batch_size", [30, 80, 200])
def test_every_image_is_seen_once_an_epoch(batch_size: int):
    """With a learning rate of almost nothing, an epoch's loss is that of the network at its start."""
    settings = ("learning_rate: 0.01", "learning_rate: 1e-30"), ("batch_size: 20", f"batch_size: {batch_size}")
    looks: list[None] = []
    trained = train(changed(MLP, *settings), look=lambda: looks.append(None))
    images, labels = examples(NUM_IMAGES, seed=1)
    probabilities = trained.model.predict(images.astype(np.float32), verbose=0)

    assert len(looks) == 2 * (-(-NUM_IMAGES // batch_size) + 1)  # after each step, and after each epoch
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
    monkeypatch.setattr(loop, "_next_pace", lambda pace, seconds: 3)
    actual = train(CNN)

    assert (expected.history, expected.values()) == (actual.history, actual.values())


class Clock:
    """A time in which each training step takes a tenth of a second, and all else none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now, self.counts = 0.0, list[int]()
        self._run = loop.Steps.run
        monkeypatch.setattr(loop, "time", self)
        monkeypatch.setattr(loop.Steps, "run", lambda steps, *arguments: self._tick(steps, *arguments))

    def monotonic(self) -> float:
        return self._now

    def _tick(self, steps: loop.Steps, window: windows.Window, first: int, count: int, step: int) -> None:
        self._run(steps, window, first, count, step)
        self._now += count / 10
        self.counts.append(count)


@pytest.mark.usefixtures("plain_steps")
def test_calls_take_half_a_second_from_the_first_epoch_on(monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)
    train(changed(MLP, ("epochs: 2, batch_size: 20", "epochs: 3, batch_size: 10")))  # eight steps an epoch

    assert clock.counts == [1, 5, 2, 5, 3, 5, 3]


@pytest.mark.usefixtures("plain_steps")
def test_epochs_may_be_many_and_short():
    assert len(train(changed(MLP, ("epochs: 2, batch_size: 20", "epochs: 400, batch_size: 80"))).history) == 400


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
    whole, cut = train(text), train(changed(text, IN_SHARDS))

    for expected, actual in zip(whole.model.variables, cut.model.variables, strict=True):
        np.testing.assert_allclose(expected.numpy(), actual.numpy(), rtol=1e-3, atol=1e-5)
    for one, other in zip(whole.history, cut.history, strict=True):
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


@pytest.mark.usefixtures("plain_steps", "step_by_step")
def test_a_diverging_loss_is_told_with_its_step_and_keeps_the_checkpoint():
    wild = changed(MLP, ("adam, learning_rate: 0.01", "sgd, learning_rate: 1e30"))
    with pytest.raises(loop.DivergedError, match=r"^one that is infinite or no number in step 2 of epoch 1$"):
        train(wild, seconds_between_checkpoints=0)
    arrays, values = Checkpoint("tiny").load()

    assert values["batch"] == 1  # the step before
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.usefixtures("plain_steps")
def test_a_loss_that_diverges_later_names_the_epoch(models: list[keras.Model]):
    def poison(epochs: list[Epoch]) -> None:
        models[0].get_layer("classes").bias.assign(np.full(10, np.nan))

    with pytest.raises(loop.DivergedError, match=r"in step 1 of epoch 2$"):
        train(on_epoch=poison)


@pytest.mark.usefixtures("plain_steps")
@pytest.mark.parametrize("average", ["", ", ema_decay: 0.5"], ids=["weights", "averages"])
def test_weights_that_overflow_in_the_last_step_of_an_epoch_are_told(average: str):
    """The loss of that step, the only one, is still finite."""
    recipe = changed(
        MLP,
        ("scale: 1/255", "scale: 100"),
        (ADAM, "{name: sgd, learning_rate: 3e38}"),
        ("batch_size: 20", f"batch_size: {NUM_IMAGES}{average}"),
    )
    with pytest.raises(loop.DivergedError, match=r"^weights that are infinite or no numbers at the end of epoch 1$"):
        train(recipe)


@pytest.mark.usefixtures("plain_steps", "step_by_step")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_overflow_later_name_the_epoch(value: float, models: list[keras.Model]):
    told: list[int] = []

    looks = count(1)

    def poison() -> None:
        if next(looks) == 2 * BATCHES + 1:  # after the last step of the second epoch
            models[0].get_layer("classes").bias.assign(np.full(10, value))

    with pytest.raises(loop.DivergedError, match=r"at the end of epoch 2$"):
        train(look=poison, on_epoch=lambda epochs: told.append(len(epochs)))
    assert told == [1]


@pytest.mark.usefixtures("plain_steps")
def test_training_stops_when_it_gets_no_better():
    setting = (
        "epochs: 4, batch_size: 20, validation: 40, keep: best",
        "epochs: 30, batch_size: 20, validation: 40, patience: 3",
    )
    accuracies = [epoch.val_accuracy for epoch in train(changed(BEST, setting)).history]

    assert len(accuracies) < 30
    assert max(accuracies[-3:]) <= max(accuracies[:-3])
    for end in range(4, len(accuracies)):  # it did not miss an earlier moment
        assert max(accuracies[end - 3 : end]) > max(accuracies[: end - 3])


@pytest.mark.usefixtures("plain_steps")
@pytest.mark.parametrize("recipe", [BEST, BEST.replace(*AVERAGE)], ids=["weights", "averages"])
def test_keep_best_gives_the_weights_of_the_best_epoch(recipe: str):
    trained = train(recipe)
    best = max(trained.history, key=lambda epoch: epoch.val_accuracy)
    until_then = train(changed(recipe, ("epochs: 4", f"epochs: {best.epoch}"), (", keep: best", "")))

    assert best.epoch < len(trained.history)
    assert until_then.values() == trained.values()


@pytest.mark.usefixtures("plain_steps")
def test_averages_are_the_weights_that_are_kept(models: list[keras.Model]):
    recipe = changed(MLP, (ADAM, SGD), ("batch_size: 20", f"batch_size: {NUM_IMAGES}, ema_decay: 0.15"))
    after_one = train(changed(recipe, ("epochs: 2", "epochs: 1"))).model  # a step an epoch
    weights: list[np.ndarray] = []
    after_two = train(recipe, on_epoch=lambda _: weights.append(models[1].get_layer("classes").kernel.numpy())).model
    average = 0.15 * after_one.get_layer("classes").kernel.numpy() + 0.85 * weights[1]

    assert np.allclose(average, after_two.get_layer("classes").kernel.numpy(), rtol=0, atol=1e-7)
    assert not np.allclose(weights[1], average, rtol=0, atol=1e-4)


def stopped_and_resumed(recipe: str, moments: tuple[int, ...]) -> Trained:
    """Stop a training at each moment, counted in looks from where the one before left its checkpoint; end it then."""
    for moment in moments:
        with pytest.raises(StopError):
            train(recipe, look=stop_at(moment), seconds_between_checkpoints=0)
    return train(recipe, seconds_between_checkpoints=0)


@pytest.mark.usefixtures("plain_steps", "step_by_step")
@pytest.mark.parametrize("recipe", RESUMABLE.values(), ids=RESUMABLE)
def test_a_training_stopped_and_resumed_gives_the_same_bits(recipe: str, capsys: pytest.CaptureFixture[str]):
    """Stopped in mid-epoch, after an epoch's last step, in the middle of the next."""
    expected = undisturbed(recipe)
    capsys.readouterr()
    actual = stopped_and_resumed(recipe, (3, 3, 5))
    lines = capsys.readouterr().err.splitlines()

    assert expected.history == actual.history
    assert expected.values() == actual.values()
    assert [line for line in lines if line.startswith("going on")] == [
        f"going on from step {step} of epoch {epoch}, where this training was stopped"
        for step, epoch in ((2, 1), (4, 1), (3, 2))
    ]


@pytest.mark.parametrize("recipe", [MLP, CNN, POOLED], ids=["mlp", "cnn", "xla"])
def test_images_read_from_the_disk_give_the_same_bits(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Also stopped in the middle of a window."""
    expected = undisturbed(recipe)
    monkeypatch.setattr(windows, "WINDOW_BYTES", 2 * 20 * 28 * 28)
    monkeypatch.setattr(loop, "_next_pace", lambda pace, seconds: 1)
    images = on_disk(tmp_path)
    with pytest.raises(StopError):
        train(recipe, images=images, look=stop_at(4), seconds_between_checkpoints=0)
    actual = train(recipe, images=images)

    assert "going on from step 3 of epoch 1," in capsys.readouterr().err
    assert (expected.history, expected.values()) == (actual.history, actual.values())


@pytest.mark.parametrize("recipe", [MLP, POOLED], ids=["mlp", "xla"])
def test_an_epoch_that_ends_within_a_window_and_a_batch_gives_the_same_bits(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """80 images in batches of 30, two of which are a window: the second window has 20 images, and zeros."""
    recipe = recipe.replace("batch_size: 20", "batch_size: 30")
    expected = undisturbed(recipe)
    monkeypatch.setattr(windows, "WINDOW_BYTES", 2 * 30 * 28 * 28)
    actual = train(recipe, images=on_disk(tmp_path))

    assert "batch_size: 30" in recipe
    assert (expected.history, expected.values()) == (actual.history, actual.values())


@pytest.mark.usefixtures("step_by_step")
def test_a_training_in_xla_stopped_and_resumed_gives_the_same_bits():
    expected = undisturbed(POOLED)
    actual = stopped_and_resumed(POOLED, (3,))

    assert (expected.history, expected.values()) == (actual.history, actual.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step")
@pytest.mark.parametrize("moments", [(1,), (2, 1, 1), (2 * (BATCHES + 1),)], ids=["first", "no progress", "last"])
def test_no_moment_is_special(moments: tuple[int, ...]):
    expected = undisturbed()
    actual = stopped_and_resumed(MLP, moments)

    assert (expected.history, expected.values()) == (actual.history, actual.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step")
def test_a_training_stopped_while_it_tells_an_epoch_tells_it_again():
    expected = undisturbed()
    with pytest.raises(StopError):
        train(on_epoch=lambda _: stop_at(1)(), seconds_between_checkpoints=0)
    told: list[int] = []
    actual = train(on_epoch=lambda epochs: told.append(len(epochs)))

    assert [1, 2] == told
    assert (expected.history, expected.values()) == (actual.history, actual.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step")
def test_patience_counts_the_epochs_before_the_stop():
    setting = (
        "epochs: 4, batch_size: 20, validation: 40, keep: best",
        "epochs: 30, batch_size: 20, validation: 40, patience: 3",
    )
    recipe = changed(BEST, setting)
    expected = undisturbed(recipe)
    actual = stopped_and_resumed(recipe, (3 * BATCHES + 3,))

    assert (expected.history, expected.values()) == (actual.history, actual.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step", "hearing")
@pytest.mark.parametrize("recipe", [MLP, BEST.replace(*AVERAGE)], ids=["mlp", "averages"])
def test_ctrl_c_leaves_a_checkpoint_of_the_very_step(recipe: str, capsys: pytest.CaptureFixture[str]):
    expected = undisturbed(recipe)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, look=press_at(3))
    capsys.readouterr()
    actual = train(recipe)

    assert "going on from step 3 of epoch 1, where this training was stopped" in capsys.readouterr().err
    assert (expected.history, expected.values()) == (actual.history, actual.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step", "hearing")
@pytest.mark.parametrize("moment", [1, BATCHES, BATCHES + 1, 2 * (BATCHES + 1)])
def test_ctrl_c_may_come_at_any_moment(moment: int):
    expected = undisturbed()
    with pytest.raises(KeyboardInterrupt):
        train(look=press_at(moment))
    told: list[int] = []
    actual = train(on_epoch=lambda epochs: told.append(len(epochs)))

    assert (expected.history, expected.values()) == (actual.history, actual.values())
    assert told[-1] == 2  # even if the last epoch was over: DVC deletes the history before it starts a stage again


@pytest.mark.usefixtures("plain_steps")
def test_checkpoints_come_as_often_as_is_asked():
    train(seconds_between_checkpoints=1000)

    assert Checkpoint("tiny").load() is None
