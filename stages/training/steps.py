"""Compiled training steps: many of them in one call, without a return to Python.

The images lie in TensorFlow as uint8. A step gathers its batch, computes the gradients, updates the weights, and adds
to the totals of loss and correct predictions.

A batch may be split into shards. Each is computed from images to gradients on its fraction of the threads, beside the
others, and the gradients are summed. Threads that share one operation wait for one another after it; where operations
are small, the wait takes as long as it saves (docs/records.md). Several workers or GPUs divide the shards among them.
"""

import re
from itertools import pairwise
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from stages.model import build
from stages.training.batches.windows import Window
from stages.training.compute import class_weights
from stages.training.compute.ema import ExponentialMovingAverage
from stages.training.compute.forward import ForwardPass, Shard
from stages.training.compute.optimizer import FusedOptimizer
from stages.training.compute.schedule import learning_rates
from stages.training.job import TrainingJob
from stages.training.runtime.workers import Workers
from stages.training.state import named_variables, prefixed

NODE = re.compile(r"\{\{node (.+?)\}\}")
REFUSALS = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)  # of a network; others are of the machine


class NoGradientError(Exception):
    """The loss does not depend on some of the weights; the message names them."""


class RefusedError(Exception):
    """TensorFlow refuses a step; the message is its reason.

    Args:
        reason: Reason of TensorFlow.
        place: Keys that lead to the layer in the recipe, or an empty text if the layer is not known.
    """

    def __init__(self, reason: str, place: str) -> None:
        super().__init__(reason)
        self.place = place


class Totals(NamedTuple):
    """Sums over the images seen since the last reset.

    Attributes:
        loss: Sum of the cross-entropies, in nats, times the class weights if the recipe asks for them.
        correct: Number of correct predictions, each with the weights of its own step.
        first_bad_step: First step since training began whose loss was NaN or infinite, or None.
    """

    loss: float
    correct: int
    first_bad_step: int | None


def split_batch(num_images: int, num_shards: int) -> list[Shard]:
    """Split a batch into shards of about the same size, none of them empty; an empty batch has none."""
    count = min(num_shards, num_images)
    ends = [num_images * number // count for number in range(count + 1)] if count else []
    return [Shard(number, start, end, (end - start) / num_images) for number, (start, end) in enumerate(pairwise(ends))]


def _place_of(error: Exception, layers: list[str]) -> str:
    """Return `layers.<name>` of the layer that an error of TensorFlow is about, or an empty text.

    TensorFlow names the operation, such as `while/conv1_1/Conv2D`.
    """
    parts = {part for node in NODE.findall(str(error)) for part in node.split("/")}
    parts |= {re.sub(r"_\d+$", "", part) for part in parts - set(layers)}
    return next((f"layers.{name}" for name in layers if name in parts), "")


class Steps:
    """Training steps of a model.

    Args:
        job: Training job.
        model: Keras model of the job's recipe; its variables are updated.
        optimizer: Keras optimizer of the job's recipe.
        workers: Processes and devices that train together.

    Attributes:
        model_variables: Variables of the model, by layer and name.
        ema: Exponential moving average of the weights, or None if the recipe asks for none.
        variables: Variables that the steps change, by name, for checkpoints.
    """

    def __init__(
        self, job: TrainingJob, model: keras.Model, optimizer: keras.optimizers.Optimizer, workers: Workers
    ) -> None:
        self._job, self._model, self._workers = job, model, workers
        training = job.training
        self.model_variables = named = named_variables(model)
        trained_ids = {id(variable) for variable in model.trainable_variables}
        trained = {name: variable for name, variable in named.items() if id(variable) in trained_ids}
        self._optimizer = FusedOptimizer(optimizer, trained)
        rates = learning_rates(training.schedule, float(optimizer.learning_rate), training.epochs, job.steps_per_epoch)
        self._learning_rates = tf.constant(rates, tf.float32)
        self._class_weights: tf.Tensor | None = None
        if training.class_weights == "balanced":
            self._class_weights = tf.constant(class_weights.balanced(job.examples[1], job.num_classes))
        self.ema = ExponentialMovingAverage(trained, training.ema_decay) if training.ema_decay else None
        self._forward = ForwardPass(model, job.recipe, job.dtype, job.seed)
        statistics = [each.value for name, each in named.items() if name not in trained and each.dtype == "float32"]
        self._moving_statistics = statistics if workers.count > 1 else []  # each worker computes a fraction of them
        self._loss = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._correct = tf.Variable(0, dtype=tf.int32, trainable=False)
        self._first_bad_step = tf.Variable(tf.int32.max, trainable=False)
        self.variables = {
            **prefixed("model", {name: variable.value for name, variable in named.items()}),
            **prefixed("optimizer", self._optimizer.variables),
            **prefixed("totals", {"loss": self._loss, "correct": self._correct}),
            **(prefixed("ema", self.ema.averages) if self.ema else {}),
        }
        self._has_run = False
        self._compile()

    def _compile(self) -> None:
        """Define the compiled functions, without AutoGraph, whose rewriting takes longer than the compilation."""
        use_xla, workers = self._forward.suits_xla, self._workers
        self._run = tf.function(self._steps, jit_compile=use_xla and workers.replicas == 1, autograph=False)
        self._run_once = tf.function(self._steps, autograph=False)  # XLA would take longer to compile than it saves
        self._compute = self._compute_replica
        if workers.replicas > 1 and len(workers.local_replicas) == 1:  # XLA cannot carry tensors to other workers
            self._compute = tf.function(self._compute_replica, jit_compile=use_xla, autograph=False)

    def local_slice(self, num_images: int) -> range:
        """Return the indices of a batch's images that this process trains on."""
        shards = [shard for replica in self._workers.local_replicas for shard in self._shards_of(replica, num_images)]
        return range(shards[0].start, shards[-1].end) if shards else range(0)

    def reset_totals(self) -> None:
        """Set the totals to zero."""
        self._loss.assign(0.0)
        self._correct.assign(0)

    def run(self, window: Window, first: int, count: int, step: int) -> None:
        """Train on some batches of a window.

        Args:
            window: Window that holds the batches.
            first: Number of the first batch in the epoch.
            count: Number of batches.
            step: Number of the first batch since training began.
        """
        try:
            self._run_some(window, first, count, step)
        except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, *REFUSALS) as error:
            if self._has_run and not isinstance(error, REFUSALS):
                raise
            raise RefusedError(build.reason(error), _place_of(error, self._job.recipe.network)) from error
        self._has_run = True

    def _run_some(self, window: Window, first: int, count: int, step: int) -> None:
        size = self._job.training.batch_size
        full = min(count, self._job.num_images // size - first)
        arrays = window.images, window.labels, window.order
        if full:
            start = (first - window.first) * len(self.local_slice(size))
            self._run(arrays, tf.constant(start), tf.constant(full), tf.constant(step), size)
        if full < count:  # the last batch of the epoch has the remaining images
            rest = self._job.num_images % size
            start = (first + full - window.first) * len(self.local_slice(size))
            self._run_once(arrays, tf.constant(start), tf.constant(1), tf.constant(step + full), rest)

    def totals(self) -> Totals:
        """Return the totals of all workers since the last reset; the chief keeps them from now on."""
        loss, correct = self._workers.all_reduce_host(np.array([self._loss, self._correct], np.float64)).tolist()
        if self._workers.count > 1:
            self._loss.assign(loss if self._workers.is_chief else 0)
            self._correct.assign(int(correct) if self._workers.is_chief else 0)
        bad_step = int(self._first_bad_step)
        return Totals(loss, int(correct), None if bad_step == tf.int32.max else bad_step)

    def _steps(
        self,
        arrays: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        start: tf.Tensor,
        count: tf.Tensor,
        step: tf.Tensor,
        batch_size: int,
    ) -> None:
        # gather and a counter of our own, because XLA would compile anew for each slice's start and each range's end
        images, labels, order = arrays
        size = len(self.local_slice(batch_size))
        batch = tf.range(size)

        def train(number: tf.Tensor) -> tuple[tf.Tensor]:
            indices = tf.gather(order, start + number * size + batch)
            self._step(tf.gather(images, indices), tf.gather(labels, indices), step + number, batch_size)
            return (number + 1,)

        tf.while_loop(lambda number: number < count, train, (tf.constant(0),), parallel_iterations=1)

    def _step(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, batch_size: int) -> None:
        """Train on a batch, of which this process has its slice."""
        before = [variable.read_value() for variable in self._moving_statistics]
        summed = self._workers.all_reduce(lambda replica: self._compute(images, labels, step, batch_size, replica))
        objective, *rest = summed
        gradients, changes = rest[: len(rest) - len(before)], rest[len(rest) - len(before) :]
        for variable, value, change in zip(self._moving_statistics, before, changes, strict=True):
            variable.assign(value + change)
        self._optimizer.apply(gradients, tf.gather(self._learning_rates, step), step)
        if self.ema:
            self.ema.update(step)
        bad_step = tf.where(tf.math.is_finite(objective), tf.int32.max, step)
        self._first_bad_step.assign(tf.minimum(self._first_bad_step, bad_step))

    def _shards_of(self, replica: int, num_images: int) -> list[Shard]:
        """Return a replica's shards of a batch; none if the batch is too small for all replicas."""
        shards_each = self._job.training.shards
        shards = split_batch(num_images, self._workers.replicas * shards_each)
        return shards[replica * shards_each : (replica + 1) * shards_each]

    def _compute_replica(
        self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, batch_size: int, replica: int
    ) -> list[tf.Tensor]:
        """Return a replica's terms of the objective, the gradients and the changes of the moving statistics.

        Losses and correct predictions are added to this process's totals.
        """
        statistics = self._moving_statistics
        before = [variable.read_value() for variable in statistics]
        variables = [variable.value for variable in self._model.trainable_variables]
        first = self.local_slice(batch_size).start
        by_shard = [
            self._compute_shard(shard, images[start:end], labels[start:end], step, variables)
            for shard in self._shards_of(replica, batch_size)
            for start, end in [(shard.start - first, shard.end - first)]
        ]
        changes = [variable.read_value() - value for variable, value in zip(statistics, before, strict=True)]
        if not by_shard:
            return [tf.zeros([]), *map(tf.zeros_like, variables), *changes]
        loss, correct, *summed = [tf.add_n(each) for each in zip(*by_shard, strict=True)]
        self._loss.assign_add(loss)
        self._correct.assign_add(correct)
        return [*summed, *changes]

    def _compute_shard(
        self, shard: Shard, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, variables: list[tf.Variable]
    ) -> list[tf.Tensor]:
        """Return a shard's sum of losses, correct predictions, term of the objective, and gradients."""
        with tf.GradientTape() as tape:
            logits = self._forward(tf.cast(images, tf.float32), step, shard)
            losses = self._cross_entropy(labels, logits)
            if self._class_weights is not None:
                losses *= tf.gather(self._class_weights, labels)
            objective = shard.fraction * tf.add_n([tf.reduce_mean(losses), *self._model.losses])
        correct = tf.math.count_nonzero(tf.argmax(logits, 1, tf.int32) == labels, dtype=tf.int32)
        gradients = tape.gradient(objective, variables)
        weights = self._model.trainable_variables
        without = [weight.path for weight, gradient in zip(weights, gradients, strict=True) if gradient is None]
        if without:
            raise NoGradientError(", ".join(without))
        return [tf.reduce_sum(tf.cast(losses, tf.float64)), correct, objective, *gradients]

    def _cross_entropy(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        smoothing = self._job.training.label_smoothing
        if not smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        num_classes = logits.shape[1]
        targets = tf.one_hot(labels, num_classes, 1 - smoothing + smoothing / num_classes, smoothing / num_classes)
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
