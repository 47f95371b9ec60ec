"""Training job: everything that determines the result of a training, as one value."""

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stages.common import fingerprints
from stages.common.errors import InputError
from stages.images.arrays import Images, Labels
from stages.images.rows import FileRows
from stages.model.recipe import Recipe, Training
from stages.training.batches.holdout import Examples
from stages.training.runtime import processor
from stages.training.runtime.precision import Precision

HASHED_NUMBERS = 1 << 24  # pixels or labels hashed at a time
MAX_STEPS = 100_000_000  # of a training: days of the smallest network, and 400 MB of learning rates


@dataclass(frozen=True, eq=False)  # NumPy arrays cannot be compared to one truth value
class TrainingJob:
    """Recipe, seed, data and machine of a training.

    Attributes:
        recipe: Recipe of the network and its training.
        seed: Seed of every random number, 0…2³² - 1.
        dtype: Type of convolutions and matrix products.
        num_classes: Number of classes.
        examples: Training images, uint8, (N, height, width, channels), 0…255, and integer labels, (N,).
        validation: Validation examples of the same form, scored after each epoch, or None.
        layout: Number of workers, and number of replicas of all workers.
    """

    recipe: Recipe
    seed: int
    dtype: Precision
    num_classes: int
    examples: Examples
    validation: Examples | None
    layout: tuple[int, int] = (1, 1)

    @property
    def training(self) -> Training:
        """Training settings of the recipe."""
        return self.recipe.training

    @property
    def num_images(self) -> int:
        """Number of training images."""
        return len(self.examples[1])

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of an epoch; the last one has the remaining images."""
        return math.ceil(self.num_images / self.training.batch_size)

    def check_steps(self) -> None:
        """Raise if the training has too many steps, or too few for the optimizer to update a weight as it should.

        Raises:
            InputError: The recipe's number of steps or epochs does not suit the number of images.
        """
        place, num_steps = self.recipe.path, self.training.epochs * self.steps_per_epoch
        if num_steps > MAX_STEPS:
            expected = f"at most {MAX_STEPS} steps, which are {MAX_STEPS // self.steps_per_epoch} epochs"
            raise InputError(f"{place}: training.epochs", expected, self.training.epochs, "choose fewer")
        for name in ("gradient_accumulation_steps", "warmup_steps"):
            value = self.recipe.optimizer.arguments.get(name) or 0
            if value > num_steps:
                expected = f"no more than the {num_steps} steps of the training"
                raise InputError(f"{place}: optimizer.{name}", expected, value, "choose fewer, or more epochs")

    @cached_property
    def key(self) -> str:
        """SHA-256 of everything that determines the result, in hexadecimal; code, libraries and processor included."""
        import keras
        import tensorflow as tf

        arrays = [*self.examples, *(self.validation or ())]
        determinants = {
            "recipe": self.recipe.model_dump(mode="json"),
            "seed": self.seed,
            "precision": self.dtype,
            "classes": self.num_classes,
            "layout": self.layout,
            "processor": [*processor.kind(), *processor.gpus()],
            "data": [[array.shape, _hash(array)] for array in arrays],
            "libraries": {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__},
            "code": fingerprints.fingerprint_stage("train"),
        }
        return hashlib.sha256(json.dumps(determinants, sort_keys=True).encode()).hexdigest()


def _hash(array: Images | FileRows | Labels) -> str:
    """Return the SHA-256 of an array's numbers, with only some of them in memory at a time."""
    digest, size = hashlib.sha256(), max(1, HASHED_NUMBERS // math.prod(array.shape[1:]))
    for start in range(0, len(array), size):
        digest.update(np.ascontiguousarray(array[start : start + size]).data)
    return digest.hexdigest()
