"""Training loop: epochs of compiled steps, with checkpoints between them."""

import logging
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext

import keras
import numpy as np

from stages.common import signals
from stages.common.console import Advance, progress
from stages.model.history import Epoch
from stages.training.batches.shuffle import epoch_permutation
from stages.training.batches.windows import Window, open_windows
from stages.training.compute.population_statistics import PopulationStatistics
from stages.training.job import TrainingJob
from stages.training.runtime import interrupts
from stages.training.runtime.checkpoint import Checkpoint
from stages.training.runtime.workers import Workers
from stages.training.state import TrainState
from stages.training.steps import Steps
from stages.training.validation import Validator

SECONDS_PER_CALL = 0.5  # of the compiled steps
MIN_STEPS = 100  # with fewer, few networks learn anything

logger = logging.getLogger(__name__)


class DivergedError(Exception):
    """The loss or a weight became NaN or infinite; the message names the epoch and, for a loss, the step."""


class Trainer:
    """Training of one model.

    Args:
        job: Training job.
        model: Keras model, as `build.build_model` returns it; its weights are trained.
        optimizer: Keras optimizer, as `build.build_optimizer` returns it.
        checkpoint: Checkpoint of the job, read and written by the chief alone.
        workers: Processes and devices that train together.

    Attributes:
        checkpoint: Checkpoint of the job.
    """

    def __init__(
        self,
        job: TrainingJob,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        checkpoint: Checkpoint,
        workers: Workers,
    ) -> None:
        self._job, self.checkpoint, self._workers = job, checkpoint, workers
        self._steps = Steps(job, model, optimizer, workers)
        self._state = TrainState(self._steps.variables)
        self._validator = Validator(model, job.training.shards, workers)
        self._statistics = PopulationStatistics(job, model)
        self._windows = open_windows(job.examples, job.training.batch_size, self._steps.local_slice)
        self._steps_per_call = 1

    def train(self, on_epoch: Callable[[list[Epoch]], None], on_tick: Callable[[], None] = lambda: None) -> list[Epoch]:
        """Train to the end, from the checkpoint if there is one.

        Args:
            on_epoch: Function called with the history so far after each epoch, and after a resume.
            on_tick: Function called about twice a second. An exception it raises ends the training, which keeps its
                checkpoint.

        Returns:
            History, an entry for each epoch.

        Raises:
            DivergedError: The loss or a weight became NaN or infinite.
            Stopped: Ctrl-C, SIGTERM or SIGHUP came to this worker or another; the checkpoint is written.
        """
        self._warn_of_few_steps()
        self._resume()
        job, state, num_epochs = self._job, self._state, self._job.training.epochs
        if state.epochs:
            on_tick()
            on_epoch(state.epochs)  # DVC deletes the history before it starts a stage again
        permutations = (
            epoch_permutation(job.seed, number, job.num_images) for number in range(len(state.epochs), num_epochs)
        )
        windows = self._windows.iterate(permutations, state.batch)
        with interrupts.deferred() as stopping_signal, progress("", job.steps_per_epoch, "steps") as advance:
            while len(state.epochs) < num_epochs and not self._has_stopped_improving():
                started = time.monotonic()
                advance(completed=state.batch, description=f"epoch {len(state.epochs) + 1}/{num_epochs}")
                while state.batch < job.steps_per_epoch:
                    self._train_window(next(windows), advance, on_tick, stopping_signal)
                self._end_epoch()
                on_tick()
                on_epoch(state.epochs)
                seconds = time.monotonic() - started
                logger.info("%s   %.1f s", _describe(state.epochs[-1], num_epochs), seconds)
                self._stop_at(stopping_signal())
        self._assign_final_weights()
        return state.epochs

    def _warn_of_few_steps(self) -> None:
        job, num_steps = self._job, self._job.training.epochs * self._job.steps_per_epoch
        if num_steps < MIN_STEPS and self._workers.is_chief:
            logger.warning(
                "warning: %s makes only %d steps on these %d images, too few for most networks; "
                "raise training.epochs or lower training.batch_size",
                job.recipe.path, num_steps, job.num_images,
            )  # fmt: skip

    def _train_window(
        self, window: Window, advance: Advance, on_tick: Callable[[], None], stopping_signal: Callable[[], int]
    ) -> None:
        while self._state.batch < window.end:
            started, count = time.monotonic(), min(self._steps_per_call, window.end - self._state.batch)
            self._run_steps(window, count, advance)
            on_tick()
            if count == self._steps_per_call:  # the few steps that end a window say little about the pace
                self._steps_per_call = _next_steps_per_call(count, time.monotonic() - started)
            self._stop_at(stopping_signal())
            if self.checkpoint.is_due():
                self._save()

    def _run_steps(self, window: Window, count: int, advance: Advance) -> None:
        job, state, epoch = self._job, self._state, len(self._state.epochs)
        self._steps.run(window, state.batch, count, epoch * job.steps_per_epoch + state.batch)
        state.batch += count
        totals = self._steps.totals()
        if totals.first_bad_step is not None:
            step = totals.first_bad_step - epoch * job.steps_per_epoch + 1
            raise DivergedError(f"NaN or infinity in step {step} of epoch {epoch + 1}")
        seen = min(state.batch * job.training.batch_size, job.num_images)
        note = f"loss {totals.loss / seen:.4f}  accuracy {totals.correct / seen:.4f}"
        advance(completed=state.batch, note=note)

    def _end_epoch(self) -> None:
        """Validate, keep the best weights, and add the epoch to the history."""
        job, state, totals, ema = self._job, self._state, self._steps.totals(), self._steps.ema
        epoch = Epoch(len(state.epochs) + 1, totals.loss / job.num_images, totals.correct / job.num_images)
        are_validated_young = job.validation is not None and self._needs_statistics(epoch.epoch)
        with (
            ema.swapped_in() if ema else nullcontext(),
            self._statistics.swapped_in(epoch.epoch) if are_validated_young else nullcontext(),
        ):
            if job.validation:
                val_loss, val_accuracy = self._validator.score(job.validation)
                epoch = epoch._replace(val_loss=val_loss, val_accuracy=val_accuracy)
            weights = {name: variable.numpy() for name, variable in self._steps.model_variables.items()}
        if not all(np.isfinite(value).all() for value in [*weights.values(), epoch.val_loss or 0.0]):
            raise DivergedError(f"weights that are NaN or infinite at the end of epoch {epoch.epoch}")
        best_accuracy = max((each.val_accuracy or 0.0 for each in state.epochs), default=-1.0)
        if job.training.keep == "best" and (epoch.val_accuracy or 0.0) > best_accuracy:
            state.best = weights
        state.epochs.append(epoch)
        state.batch = 0
        self._steps.reset_totals()

    def _stop_at(self, number: int) -> None:
        """End the training if a signal came to any worker; adopt the chief's pace, since all make the same calls.

        Args:
            number: Signal that came to this worker, or 0.
        """
        local = np.array([self._steps_per_call if self._workers.is_chief else 0, number])
        self._steps_per_call, is_stopped = self._workers.all_reduce_host(local).tolist()
        if is_stopped:
            self._save()
            self.checkpoint.wait()
            raise signals.Stopped(number or signal.SIGINT)

    def _needs_statistics(self, num_epochs: int) -> bool:
        return self._statistics.are_needed(num_epochs * self._job.steps_per_epoch)

    def _has_stopped_improving(self) -> bool:
        patience, accuracies = self._job.training.patience, [epoch.val_accuracy or 0.0 for epoch in self._state.epochs]
        if patience is None or len(accuracies) <= patience:
            return False
        return max(accuracies[-patience:]) <= max(accuracies[:-patience])

    def _assign_final_weights(self) -> None:
        """Give the model the averaged weights, or those of its best epoch, as the recipe asks."""
        if self._steps.ema:
            self._steps.ema.assign_to_model()
        num_epochs = len(self._state.epochs)
        if not self._state.best and self._needs_statistics(num_epochs):
            self._statistics.recompute(num_epochs)
        for name, value in self._state.best.items():
            self._steps.model_variables[name].assign(value)

    def _save(self) -> None:
        if self._workers.is_chief:
            self._state.save(self.checkpoint)

    def _resume(self) -> None:
        if not self._state.resume(self.checkpoint, self._workers.broadcast):
            return
        if not self._workers.is_chief:  # the chief has the totals of all workers
            self._steps.reset_totals()
        finished, num_epochs = len(self._state.epochs), self._job.training.epochs
        place = (
            f"step {self._state.batch} of epoch {finished + 1}"
            if finished < num_epochs
            else "the end of the last epoch"
        )
        logger.info("going on from %s, where this training was stopped", place)


def _next_steps_per_call(steps_per_call: int, seconds: float) -> int:
    """Return the number of steps of the next call, for a return to Python about twice a second."""
    return max(1, min(round(steps_per_call * SECONDS_PER_CALL / max(seconds, 1e-3)), 8 * steps_per_call))


def _describe(epoch: Epoch, num_epochs: int) -> str:
    trained = f"epoch {epoch.epoch}/{num_epochs}   loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}"
    if epoch.val_loss is None:
        return trained
    return f"{trained}   validation: loss {epoch.val_loss:.4f}  accuracy {epoch.val_accuracy:.4f}"
