"""Learning rate schedules."""

import numpy as np
import numpy.typing as npt

from stages.model.recipe import Schedule

ONE_CYCLE_START, ONE_CYCLE_END = 1 / 25, 1e-4  # fractions of the peak learning rate
ONE_CYCLE_WARMUP = 0.3  # fraction of the epochs
STEPS_AT_ONCE = 1 << 20  # computed in float64 at a time


def learning_rates(
    schedule: Schedule | None, peak: float, epochs: int, steps_per_epoch: int
) -> npt.NDArray[np.float32]:
    """Return the learning rate of each step.

    Args:
        schedule: Schedule, or None for a constant learning rate.
        peak: Learning rate of the optimizer.
        epochs: Number of epochs.
        steps_per_epoch: Number of steps of an epoch.

    Returns:
        float32, (epochs * steps_per_epoch,).

    Source: cosine, I. Loshchilov and F. Hutter, "SGDR", ICLR 2017, without restarts; one-cycle, L. Smith and N. Topin,
    "Super-convergence", 2018, with cosine slopes.
    """
    num_steps = epochs * steps_per_epoch
    if schedule is None:
        return np.full(num_steps, peak, dtype=np.float32)
    rates = np.empty(num_steps, dtype=np.float32)
    for start in range(0, num_steps, STEPS_AT_ONCE):
        step = np.arange(start, min(start + STEPS_AT_ONCE, num_steps), dtype=np.float64)
        rates[start : start + STEPS_AT_ONCE] = _rates_of(step, schedule, peak, epochs, steps_per_epoch)
    return rates


def _rates_of(
    step: npt.NDArray[np.float64], schedule: Schedule, peak: float, epochs: int, steps_per_epoch: int
) -> npt.NDArray[np.float64]:
    """Return the learning rates of some steps, given by their numbers."""
    num_steps = epochs * steps_per_epoch
    rates = np.full(len(step), peak)
    warmup_epochs = schedule.warmup_epochs
    if warmup_epochs is None:
        warmup_epochs = ONE_CYCLE_WARMUP * epochs if schedule.name == "one-cycle" else 0
    rising = min(round(warmup_epochs * steps_per_epoch), num_steps)
    done = (step - rising) / max(num_steps - rising, 1)  # 0…1 after the warm-up
    if schedule.name == "cosine":
        rates = peak * (1 + np.cos(np.pi * done)) / 2
    elif schedule.name == "one-cycle":
        rates = peak * (ONE_CYCLE_END + (1 - ONE_CYCLE_END) * (1 + np.cos(np.pi * done)) / 2)
    elif schedule.every_epochs and schedule.factor:
        drops = step // (schedule.every_epochs * steps_per_epoch)
        rates = peak * schedule.factor**drops
    first = ONE_CYCLE_START if schedule.name == "one-cycle" else 0.0
    warming = peak * (first + (1 - first) * (step + 1) / max(rising, 1))
    return np.where(step < rising, warming, rates)
