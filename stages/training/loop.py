"""The training loop: Keras's own, watched."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stages.console import progress, say
from stages.training.history import Epoch
from stages.training.recipe import Training
from stages.training.splits import Examples

if TYPE_CHECKING:
    import keras

VALIDATION_BATCH_SIZE = 500
SECONDS_BETWEEN_UPDATES = 0.1


class DivergedError(Exception):
    """The loss became infinite or not a number; the message names the epoch."""


def train(
    model: "keras.Model",
    optimizer: "keras.optimizers.Optimizer",
    training: Training,
    examples: Examples,
    validation: Examples | None,
    on_epoch: Callable[[list[Epoch]], None],
) -> list[Epoch]:
    """Train a classifier by cross-entropy, showing each step.

    Args:
        model: Takes the images, answers with a probability for each class; its weights are changed.
        optimizer: What changes the weights.
        training: How many epochs, how many images a step.
        examples: Images, uint8, (N, height, width, channels), 0…255, and integer labels, (N,).
        validation: The same, scored after each epoch, or None.
        on_epoch: Called with the history so far after each epoch.

    Returns:
        The history, an entry for each epoch.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    images, labels = examples
    steps = math.ceil(len(images) / training.batch_size)
    # XLA, which Keras would use where it can, makes convolutions slower on a processor
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    epochs: list[Epoch] = []
    with progress("", steps, "steps") as advance:
        started = shown = time.monotonic()

        def begin_epoch(epoch: int, _: Any) -> None:
            nonlocal started
            started = time.monotonic()
            advance(completed=0, description=f"epoch {epoch + 1}/{training.epochs}")

        def end_step(step: int, logs: dict[str, float]) -> None:
            nonlocal shown
            if time.monotonic() - shown > SECONDS_BETWEEN_UPDATES:
                shown = time.monotonic()
                advance(completed=step + 1, note=f"loss {logs['loss']:.4f}  accuracy {logs['accuracy']:.4f}")

        def end_epoch(number: int, logs: dict[str, float]) -> None:
            epoch = Epoch(number + 1, **logs)
            if not math.isfinite(epoch.loss):
                raise DivergedError(f"the loss {epoch.loss} in epoch {epoch.epoch}")
            epochs.append(epoch)
            on_epoch(epochs)
            say(f"{_describe(epoch, training.epochs)}   {time.monotonic() - started:.1f} s")

        model.fit(
            images,
            labels,
            batch_size=training.batch_size,
            epochs=training.epochs,
            validation_data=validation,
            validation_batch_size=VALIDATION_BATCH_SIZE,
            callbacks=[_callback(begin_epoch, end_step, end_epoch)],
            verbose=0,
        )
    return epochs


def _callback(begin_epoch: Any, end_step: Any, end_epoch: Any) -> "keras.callbacks.Callback":
    import keras

    return keras.callbacks.LambdaCallback(
        on_epoch_begin=begin_epoch, on_train_batch_end=end_step, on_epoch_end=end_epoch
    )


def _describe(epoch: Epoch, epochs: int) -> str:
    trained = f"epoch {epoch.epoch}/{epochs}   loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}"
    if epoch.val_loss is None:
        return trained
    return f"{trained}   validation: loss {epoch.val_loss:.4f}  accuracy {epoch.val_accuracy:.4f}"
