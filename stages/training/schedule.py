"""The learning rate of each step."""

import numpy as np
import numpy.typing as npt

from stages.training.recipe import Schedule

FIRST_SHARE, LAST_SHARE = 1 / 25, 1e-4  # of the peak, where a one-cycle begins and ends
RISING_SHARE = 0.3  # of the epochs, where a one-cycle rises


def learning_rates(
    schedule: Schedule | None, peak: float, epochs: int, steps_per_epoch: int
) -> npt.NDArray[np.float32]:
    """Return the learning rate of each step.

    Args:
        schedule: How it changes, or None if it does not.
        peak: The optimizer's own learning rate.
        epochs: How many epochs there are.
        steps_per_epoch: How many steps each has.

    Returns:
        float32, (epochs * steps_per_epoch,).

    Source: cosine, I. Loshchilov and F. Hutter, "SGDR", ICLR 2017, without restarts; one-cycle, L. Smith and N. Topin,
    "Super-convergence", 2018, with cosine slopes.
    """
    num_steps = epochs * steps_per_epoch
    step = np.arange(num_steps, dtype=np.float64)
    rates = np.full(num_steps, peak, dtype=np.float64)
    if schedule is None:
        return rates.astype(np.float32)
    warmup_epochs = schedule.warmup_epochs
    if warmup_epochs is None:
        warmup_epochs = RISING_SHARE * epochs if schedule.name == "one-cycle" else 0
    rising = min(round(warmup_epochs * steps_per_epoch), num_steps)
    done = (step - rising) / max(num_steps - rising, 1)  # 0…1 after the warm-up
    if schedule.name == "cosine":
        rates = peak * (1 + np.cos(np.pi * done)) / 2
    elif schedule.name == "one-cycle":
        rates = peak * (LAST_SHARE + (1 - LAST_SHARE) * (1 + np.cos(np.pi * done)) / 2)
    elif schedule.every_epochs and schedule.factor:
        drops = step // (schedule.every_epochs * steps_per_epoch)
        rates = peak * schedule.factor**drops
    first = FIRST_SHARE if schedule.name == "one-cycle" else 0.0
    warming = peak * (first + (1 - first) * (step + 1) / max(rising, 1))
    return np.where(step < rising, warming, rates).astype(np.float32)
