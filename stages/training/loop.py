"""The training loop: epochs of compiled steps, with checkpoints between them."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.console import Advance, progress, say
from stages.training import interrupts
from stages.training.average import WeightAverage
from stages.training.checkpoint import Checkpoint
from stages.training.fast_network import FastNetwork
from stages.training.history import Epoch
from stages.training.order import order_of
from stages.training.recipe import Recipe
from stages.training.schedule import learning_rates
from stages.training.splits import Examples
from stages.training.steps import Steps, cut
from stages.training.updates import Updates
from stages.training.windows import Window, open_windows
from stages.training.workers import Workers

SECONDS_BETWEEN_LOOKS = 0.5  # a call of the compiled steps takes about as long
VALIDATION_BATCH_SIZE = 500


class DivergedError(Exception):
    """The loss or a weight became infinite or not a number; the message names the epoch and, for a loss, the step."""


class Loop:
    """The training of one model.

    Args:
        model: Takes the images, answers with a probability for each class; its weights are changed.
        optimizer: As `network.build_optimizer` returns it.
        recipe: The recipe of both.
        dtype: What is computed in: "float32" or "bfloat16".
        seed: Start of every random number.
        examples: Images, uint8, (N, height, width, channels), 0…255, and integer labels, (N,).
        validation: The same, scored after each epoch, or None.
        checkpoint: Where the training is kept while it runs.
        seconds_between_checkpoints: How much work may be lost at most.
        workers: Who trains; the chief alone reads and writes the checkpoint.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        recipe: Recipe,
        dtype: str,
        seed: int,
        examples: Examples,
        validation: Examples | None,
        checkpoint: Checkpoint,
        seconds_between_checkpoints: float,
        workers: Workers,
    ) -> None:
        training = recipe.training
        self._workers = workers
        self._model, self._training, self._seed, self._validation = model, training, seed, validation
        self._checkpoint, self._seconds_between_checkpoints = checkpoint, seconds_between_checkpoints
        self._num_images = len(examples[1])
        self._num_batches = math.ceil(self._num_images / training.batch_size)
        self._updates = Updates(optimizer, model.trainable_variables)
        rates = learning_rates(training.schedule, float(optimizer.learning_rate), training.epochs, self._num_batches)
        self._average = WeightAverage(model.trainable_variables, training.ema_decay) if training.ema_decay else None
        self._steps = Steps(
            FastNetwork(model, recipe, dtype, seed),
            model,
            self._updates,
            self._num_images,
            training.batch_size,
            rates,
            training.label_smoothing,
            training.shards,
            self._average,
            workers,
        )
        self._windows = open_windows(examples, training.batch_size, self._steps.share)
        self._epochs: list[Epoch] = []
        self._batch = 0  # batches of the current epoch that are done
        self._pace = 1  # steps in a call
        self._best: list[npt.NDArray[Any]] = []  # the model's variables after its best epoch
        self._validate = tf.function(self._score_batch, autograph=False)

    def run(self, on_epoch: Callable[[list[Epoch]], None], look: Callable[[], None]) -> list[Epoch]:
        """Train to the end, from the checkpoint if there is one.

        Args:
            on_epoch: Called with the history so far after each epoch, and where the training goes on.
            look: Called about twice a second; what it raises ends the training, which keeps its checkpoint.

        Returns:
            The history, an entry for each epoch.

        Raises:
            DivergedError: The loss or a weight became infinite or not a number.
            KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is written.
        """
        self._resume()
        if self._epochs:
            look()
            on_epoch(self._epochs)  # what was told of them may be gone
        rest = range(len(self._epochs), self._training.epochs)
        windows = self._windows.of((order_of(self._seed, number, self._num_images) for number in rest), self._batch)
        self._saved_at = time.monotonic()
        with interrupts.held() as interrupted, progress("", self._num_batches, "steps") as advance:
            while len(self._epochs) < self._training.epochs and not self._has_stopped_improving():
                started = time.monotonic()
                number = len(self._epochs)
                advance(completed=self._batch, description=f"epoch {number + 1}/{self._training.epochs}")
                while self._batch < self._num_batches:
                    self._train_on(next(windows), number, advance, look, interrupted)
                self._end_epoch(number)
                look()
                on_epoch(self._epochs)
                say(f"{_describe(self._epochs[-1], self._training.epochs)}   {time.monotonic() - started:.1f} s")
                self._stop_if(interrupted())
        self._keep_the_right_weights()
        return self._epochs

    def _train_on(
        self,
        window: Window,
        epoch: int,
        advance: Advance,
        look: Callable[[], None],
        interrupted: Callable[[], bool],
    ) -> None:
        while self._batch < window.end:
            looked, count = time.monotonic(), min(self._pace, window.end - self._batch)
            self._train(window, epoch, count, advance)
            look()
            if count == self._pace:  # the few steps that end a window tell little of the pace
                self._pace = _next_pace(count, time.monotonic() - looked)
            self._stop_if(interrupted())
            if time.monotonic() - self._saved_at > self._seconds_between_checkpoints:
                self._save()
                self._saved_at = time.monotonic()

    def _train(self, window: Window, epoch: int, count: int, advance: Advance) -> None:
        self._steps.run(window, self._batch, count, epoch * self._num_batches + self._batch)
        self._batch += count
        totals = self._steps.totals()
        if totals.first_bad_step is not None:
            step = totals.first_bad_step - epoch * self._num_batches + 1
            raise DivergedError(f"one that is infinite or no number in step {step} of epoch {epoch + 1}")
        seen = min(self._batch * self._training.batch_size, self._num_images)
        note = f"loss {totals.loss / seen:.4f}  accuracy {totals.hits / seen:.4f}"
        advance(completed=self._batch, note=note)

    def _end_epoch(self, number: int) -> None:
        totals = self._steps.totals()
        trained = Epoch(number + 1, totals.loss / self._num_images, totals.hits / self._num_images)
        with self._average.in_place() if self._average else nullcontext():
            if self._validation:
                val_loss, val_accuracy = self._score(self._validation)
                trained = trained._replace(val_loss=val_loss, val_accuracy=val_accuracy)
            weights = [variable.numpy() for variable in self._model.variables]
        if not all(np.isfinite(value).all() for value in [*weights, trained.val_loss or 0.0]):
            raise DivergedError(f"weights that are infinite or no numbers at the end of epoch {number + 1}")
        if self._training.keep == "best" and (trained.val_accuracy or 0.0) > self._best_accuracy():
            self._best = weights
        self._epochs.append(trained)
        self._batch = 0
        self._steps.reset_totals()

    def _stop_if(self, interrupted: bool) -> None:
        """End the training if any worker was interrupted; take over the chief's pace, since all make the same calls."""
        told = np.array([self._pace if self._workers.is_chief else 0, int(interrupted)])
        self._pace, interruptions = self._workers.add_up(told).tolist()
        if interruptions:
            self._save()
            self._checkpoint.wait()
            raise KeyboardInterrupt

    def _score(self, examples: Examples) -> tuple[float, float]:
        """Return loss and accuracy, as the saved model has them."""
        images, labels = examples
        loss, hits = 0.0, 0
        starts = range(0, len(labels), VALIDATION_BATCH_SIZE)
        for start in starts[self._workers.index :: self._workers.count]:
            end = start + VALIDATION_BATCH_SIZE
            batch = tf.constant(images[start:end]), tf.constant(labels[start:end], tf.int32)
            batch_loss, batch_hits = self._validate(*batch)
            loss, hits = loss + float(batch_loss), hits + int(batch_hits)
        loss, hits = self._workers.add_up(np.array([loss, hits])).tolist()
        return loss / len(labels), hits / len(labels)

    def _score_batch(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parts = [images[shard.start : shard.end] for shard in cut(images.shape[0], self._training.shards)]
        answers = [self._model(tf.cast(part, tf.float32), training=False) for part in parts]
        probabilities = tf.concat(answers, 0)
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        hits = tf.math.count_nonzero(tf.argmax(probabilities, 1, tf.int32) == labels)
        return tf.reduce_sum(tf.cast(losses, tf.float64)), hits

    def _best_accuracy(self) -> float:
        return max((epoch.val_accuracy or 0.0 for epoch in self._epochs), default=-1.0)

    def _has_stopped_improving(self) -> bool:
        patience, accuracies = self._training.patience, [epoch.val_accuracy or 0.0 for epoch in self._epochs]
        if patience is None or len(accuracies) <= patience:
            return False
        return max(accuracies[-patience:]) <= max(accuracies[:-patience])

    def _keep_the_right_weights(self) -> None:
        if self._average:
            self._average.publish()
        for variable, value in zip(self._model.variables, self._best, strict=False):
            variable.assign(value)

    def _state(self) -> list[tf.Variable]:
        averages = self._average.state if self._average else []
        variables = [variable.value for variable in self._model.variables]
        return variables + self._updates.state + self._steps.state + averages

    def _save(self) -> None:
        if not self._workers.is_chief:
            return
        arrays = {f"state{number}": variable.numpy() for number, variable in enumerate(self._state())}
        arrays |= {f"best{number}": value for number, value in enumerate(self._best)}
        self._checkpoint.save(arrays, {"epochs": self._epochs, "batch": self._batch, "best": len(self._best)})

    def _resume(self) -> None:
        saved = self._checkpoint.load(self._workers.bytes_of_chief)
        if saved is None:
            return
        arrays, values = saved
        for number, variable in enumerate(self._state()):
            variable.assign(arrays[f"state{number}"])
        self._best = [arrays[f"best{number}"] for number in range(values["best"])]
        self._epochs, self._batch = [Epoch(*epoch) for epoch in values["epochs"]], values["batch"]
        if not self._workers.is_chief:  # which has the sums of all
            self._steps.reset_totals()
        done = len(self._epochs)
        where = (
            f"step {self._batch} of epoch {done + 1}" if done < self._training.epochs else "the end of the last epoch"
        )
        say(f"going on from {where}, where this training was stopped")


def _next_pace(pace: int, seconds: float) -> int:
    """Return how many steps the next call should do, to come back to Python about twice a second."""
    return max(1, min(round(pace * SECONDS_BETWEEN_LOOKS / max(seconds, 1e-3)), 8 * pace))


def _describe(epoch: Epoch, epochs: int) -> str:
    trained = f"epoch {epoch.epoch}/{epochs}   loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}"
    if epoch.val_loss is None:
        return trained
    return f"{trained}   validation: loss {epoch.val_loss:.4f}  accuracy {epoch.val_accuracy:.4f}"
