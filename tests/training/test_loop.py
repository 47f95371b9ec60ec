import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import keras
import numpy as np
import pytest

from stages.common import signals
from stages.model.history import Epoch
from stages.training import loop
from stages.training.batches import windows
from stages.training.runtime.checkpoint import Checkpoint
from stages.training.steps import Steps
from tests.training.tiny_training import (
    ADAM,
    AVERAGE,
    BATCHES,
    BEST,
    CNN,
    IN_SHARDS,
    MLP,
    NUM_IMAGES,
    POOLED,
    SGD,
    StopError,
    Trained,
    changed,
    on_disk,
    stop_at,
    train,
    undisturbed,
)

RESUMABLE = {
    "mlp": MLP,
    "cnn": CNN,
    "momentum": MLP.replace(ADAM, SGD),
    "best": BEST,
    "averages": BEST.replace(*AVERAGE),
    "shards": CNN.replace(*IN_SHARDS),
}


def press_at(moment: int, number: int = signal.SIGINT) -> Callable[[], None]:
    """Return a function for `on_tick` that presses Ctrl-C or sends a signal at one of its calls, from 1."""
    calls = count(1)

    def on_tick() -> None:
        if next(calls) == moment:
            os.kill(os.getpid(), number)

    return on_tick


def test_a_tiny_set_is_learned_by_heart():
    history = train(changed(MLP, ("epochs: 2", "epochs: 15"))).history

    assert history[-1].accuracy == 1.0
    assert history[-1].loss < 0.05


@pytest.mark.usefixtures("plain_steps")
def test_each_epoch_is_told_when_it_ends():
    told: list[list[int]] = []
    train(changed(MLP, ("epochs: 2", "epochs: 3")), on_epoch=lambda epochs: told.append([e.epoch for e in epochs]))

    assert told == [[1], [1, 2], [1, 2, 3]]


@pytest.mark.usefixtures("plain_steps")
def test_without_validation_there_is_none_in_the_history():
    assert {(epoch.val_loss, epoch.val_accuracy) for epoch in train().history} == {(None, None)}


class Clock:
    """A time in which each training step takes a tenth of a second, and all else none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now, self.counts = 0.0, list[int]()
        self._run = Steps.run
        monkeypatch.setattr(loop, "time", self)
        monkeypatch.setattr(Steps, "run", lambda steps, *arguments: self._tick(steps, *arguments))

    def monotonic(self) -> float:
        return self._now

    def _tick(self, steps: Steps, window: windows.Window, first: int, count: int, step: int) -> None:
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


@pytest.mark.usefixtures("plain_steps", "step_by_step")
def test_a_diverging_loss_is_told_with_its_step_and_keeps_the_checkpoint():
    wild = changed(MLP, ("adam, learning_rate: 0.01", "sgd, learning_rate: 1e30"))
    with pytest.raises(loop.DivergedError, match=r"^NaN or infinity in step 2 of epoch 1$"):
        train(wild, checkpoint_seconds=0)
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
    with pytest.raises(loop.DivergedError, match=r"^weights that are NaN or infinite at the end of epoch 1$"):
        train(recipe)


@pytest.mark.usefixtures("plain_steps", "step_by_step")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_overflow_later_name_the_epoch(value: float, models: list[keras.Model]):
    told: list[int] = []

    ticks = count(1)

    def poison() -> None:
        if next(ticks) == 2 * BATCHES + 1:  # after the last step of the second epoch
            models[0].get_layer("classes").bias.assign(np.full(10, value))

    with pytest.raises(loop.DivergedError, match=r"at the end of epoch 2$"):
        train(on_tick=poison, on_epoch=lambda epochs: told.append(len(epochs)))
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
    assert trained.values() == until_then.values()


@pytest.mark.usefixtures("plain_steps")
def test_averages_are_the_weights_that_are_kept(models: list[keras.Model]):
    recipe = changed(MLP, (ADAM, SGD), ("batch_size: 20", f"batch_size: {NUM_IMAGES}, ema_decay: 0.15"))
    after_one = train(changed(recipe, ("epochs: 2", "epochs: 1"))).model  # a step an epoch
    weights: list[np.ndarray] = []
    after_two = train(recipe, on_epoch=lambda _: weights.append(models[1].get_layer("classes").kernel.numpy())).model
    average = 0.15 * after_one.get_layer("classes").kernel.numpy() + 0.85 * weights[1]

    assert np.allclose(after_two.get_layer("classes").kernel.numpy(), average, rtol=0, atol=1e-7)
    assert not np.allclose(weights[1], average, rtol=0, atol=1e-4)


def stopped_and_resumed(recipe: str, moments: tuple[int, ...]) -> Trained:
    """Stop a training at each moment, counted in ticks from where the one before left its checkpoint; end it then."""
    for moment in moments:
        with pytest.raises(StopError):
            train(recipe, on_tick=stop_at(moment), checkpoint_seconds=0)
    return train(recipe, checkpoint_seconds=0)


@pytest.mark.usefixtures("plain_steps", "step_by_step")
@pytest.mark.parametrize("recipe", RESUMABLE.values(), ids=RESUMABLE)
def test_a_training_stopped_and_resumed_gives_the_same_bits(recipe: str, capsys: pytest.CaptureFixture[str]):
    """Stopped in mid-epoch, after an epoch's last step, in the middle of the next."""
    expected = undisturbed(recipe)
    capsys.readouterr()
    actual = stopped_and_resumed(recipe, (3, 3, 5))
    lines = capsys.readouterr().err.splitlines()

    assert actual.history == expected.history
    assert actual.values() == expected.values()
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
    monkeypatch.setattr(loop, "_next_steps_per_call", lambda steps_per_call, seconds: 1)
    images = on_disk(tmp_path)
    with pytest.raises(StopError):
        train(recipe, images=images, on_tick=stop_at(4), checkpoint_seconds=0)
    actual = train(recipe, images=images)

    assert "going on from step 3 of epoch 1," in capsys.readouterr().err
    assert (actual.history, actual.values()) == (expected.history, expected.values())


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
    assert (actual.history, actual.values()) == (expected.history, expected.values())


@pytest.mark.usefixtures("step_by_step")
def test_a_training_in_xla_stopped_and_resumed_gives_the_same_bits():
    expected = undisturbed(POOLED)
    actual = stopped_and_resumed(POOLED, (3,))

    assert (actual.history, actual.values()) == (expected.history, expected.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step")
@pytest.mark.parametrize("moments", [(1,), (2, 1, 1), (2 * (BATCHES + 1),)], ids=["first", "no progress", "last"])
def test_no_moment_is_special(moments: tuple[int, ...]):
    expected = undisturbed()
    actual = stopped_and_resumed(MLP, moments)

    assert (actual.history, actual.values()) == (expected.history, expected.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step")
def test_a_training_stopped_while_it_tells_an_epoch_tells_it_again():
    expected = undisturbed()
    with pytest.raises(StopError):
        train(on_epoch=lambda _: stop_at(1)(), checkpoint_seconds=0)
    told: list[int] = []
    actual = train(on_epoch=lambda epochs: told.append(len(epochs)))

    assert told == [1, 2]
    assert (actual.history, actual.values()) == (expected.history, expected.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step")
def test_patience_counts_the_epochs_before_the_stop():
    setting = (
        "epochs: 4, batch_size: 20, validation: 40, keep: best",
        "epochs: 30, batch_size: 20, validation: 40, patience: 3",
    )
    recipe = changed(BEST, setting)
    expected = undisturbed(recipe)
    actual = stopped_and_resumed(recipe, (3 * BATCHES + 3,))

    assert (actual.history, actual.values()) == (expected.history, expected.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step", "python_sigint")
@pytest.mark.parametrize("recipe", [MLP, BEST.replace(*AVERAGE)], ids=["mlp", "averages"])
def test_ctrl_c_leaves_a_checkpoint_of_the_very_step(recipe: str, capsys: pytest.CaptureFixture[str]):
    expected = undisturbed(recipe)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, on_tick=press_at(3))
    capsys.readouterr()
    actual = train(recipe)

    assert "going on from step 3 of epoch 1, where this training was stopped" in capsys.readouterr().err
    assert (actual.history, actual.values()) == (expected.history, expected.values())


@pytest.mark.usefixtures("plain_steps", "step_by_step", "python_sigint")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [1, BATCHES, BATCHES + 1, 2 * (BATCHES + 1)])
def test_ctrl_c_or_a_signal_may_come_at_any_moment(moment: int, number: int):
    expected = undisturbed()
    with signals.raised(), pytest.raises(signals.Stopped) as stopped:
        train(on_tick=press_at(moment, number))
    assert stopped.value.number == number
    told: list[int] = []
    actual = train(on_epoch=lambda epochs: told.append(len(epochs)))

    assert (actual.history, actual.values()) == (expected.history, expected.values())
    assert told[-1] == 2  # even if the last epoch was over: DVC deletes the history before it starts a stage again


@pytest.mark.usefixtures("plain_steps")
def test_checkpoints_come_as_often_as_is_asked():
    train(checkpoint_seconds=1000)

    assert Checkpoint("tiny").load() is None
