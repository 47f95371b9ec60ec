"""Training state: all that a training carries from one step to the next, and that its checkpoint holds."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy.typing as npt
import tensorflow as tf

from stages.model.history import Epoch
from stages.model.test_time import classifier_of
from stages.training.runtime.checkpoint import Checkpoint

BEST = "best/"  # prefix of the best weights' names in a checkpoint
UNNAMED = re.compile(r"variable(_\d+)?")  # Keras numbers the variables of a process that have no name, such as Nadam's


def named_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return a model's variables by layer and name, such as `conv1/kernel`, in the model's order.

    Keras's own paths would not do: it numbers the random number generators of a process.
    """
    names = {
        id(variable): f"{layer.name}/{name}"
        for layer in classifier_of(model).layers
        for name, variable in zip(unique_names(layer.variables), layer.variables, strict=True)
    }
    return {names[id(variable)]: variable for variable in model.variables}


def unique_names(variables: Sequence[keras.Variable]) -> list[str]:
    """Return the names of variables, with a number where a name repeats: `kernel`, `kernel:1`."""
    count: Counter[str] = Counter()
    names = []
    for variable in variables:
        name = "variable" if UNNAMED.fullmatch(variable.name) else variable.name
        names.append(f"{name}:{count[name]}" if count[name] else name)
        count[name] += 1
    return names


def prefixed(prefix: str, entries: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    """Return entries with `prefix/` before their names."""
    return {f"{prefix}/{name}": variable for name, variable in entries.items()}


class TrainState:
    """State of a training, every entry by name.

    Args:
        variables: Variables that the steps change, such as `model/conv1/kernel` or `totals/loss`.

    Attributes:
        epochs: Results of the finished epochs.
        batch: Number of finished batches of the current epoch.
        best: Values of the model's variables after the best epoch, by name; empty if the last epoch is kept.
    """

    def __init__(self, variables: Mapping[str, tf.Variable]) -> None:
        self._variables = variables
        self.epochs: list[Epoch] = []
        self.batch = 0
        self.best: dict[str, npt.NDArray[Any]] = {}

    def save(self, checkpoint: Checkpoint) -> None:
        """Save a copy of the state; it is written while the training goes on."""
        arrays = {name: variable.numpy() for name, variable in self._variables.items()}
        arrays |= {BEST + name: value for name, value in self.best.items()}
        checkpoint.save(arrays, {"epochs": self.epochs, "batch": self.batch})

    def resume(self, checkpoint: Checkpoint, broadcast: Callable[[bytes | None], bytes | None]) -> bool:
        """Take over the state of a checkpoint, if there is one; return whether there was.

        Args:
            checkpoint: Checkpoint of the same training.
            broadcast: Function that returns the chief's file on every worker.

        Raises:
            ValueError: The checkpoint has other entries than this training.
        """
        saved = checkpoint.load(broadcast)
        if saved is None:
            return False
        arrays, values = saved
        best = {name.removeprefix(BEST): arrays.pop(name) for name in list(arrays) if name.startswith(BEST)}
        if arrays.keys() != self._variables.keys():
            different = sorted(arrays.keys() ^ self._variables.keys())
            raise ValueError(
                f"expected the entries of this training in {checkpoint.path}, received others: {different}"
            )
        for name, variable in self._variables.items():
            variable.assign(arrays[name])
        self.epochs, self.batch, self.best = [Epoch(*epoch) for epoch in values["epochs"]], values["batch"], best
        return True
