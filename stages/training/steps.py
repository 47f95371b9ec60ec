"""Many training steps inside one compiled call.

The images lie in TensorFlow as bytes; a step gathers its batch from them, computes the gradients and changes the
weights, and adds to the sums of loss and hits. Python is not asked again until the call ends.

A batch may be cut into shards, each computed from the images to the gradients on its share of the threads, beside the
others; then the gradients are added up. Threads that share an operation wait for one another after each, which takes as
long as it saves where the operations are small (docs/records.md). Several workers or GPUs divide the shards among them.
"""

from itertools import pairwise
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.training.average import WeightAverage
from stages.training.fast_network import FastNetwork
from stages.training.updates import Updates
from stages.training.windows import Window
from stages.training.workers import Workers


class NoGradientError(Exception):
    """The loss does not change with some of the weights; the message names them."""


class Totals(NamedTuple):
    """Sums over the images seen since the last reset.

    Attributes:
        loss: Sum of the cross-entropies, in nats.
        hits: How many images were classified rightly, each with the weights of its own step.
        first_bad_step: The first step since training began whose loss was infinite or no number, or None.
    """

    loss: float
    hits: int
    first_bad_step: int | None


class Shard(NamedTuple):
    """A part of a batch.

    Attributes:
        number: Which part, from 0.
        start: Where it begins in the batch.
        end: Where it ends.
        share: How much of the batch it is, 0…1.
    """

    number: int
    start: int
    end: int
    share: float


def cut(images: int, shards: int) -> list[Shard]:
    """Cut a batch of so many images into shards of about the same size, none of them empty; none if it has no image."""
    count = min(shards, images)
    ends = [images * number // count for number in range(count + 1)] if count else []
    return [Shard(number, start, end, (end - start) / images) for number, (start, end) in enumerate(pairwise(ends))]


class Steps:
    """Training steps of a network.

    Args:
        network: The network as it is computed in training.
        model: The Keras model whose variables it uses.
        updates: What changes them.
        num_images: How many an epoch has.
        batch_size: Images in a step; the last step of an epoch has what remains.
        learning_rates: float32, (num_steps,): the rate of each step since training began.
        label_smoothing: Share of the label that is spread evenly over all classes, 0…1.
        shards: Parts of a replica's share of a batch that are computed at the same time.
        average: What follows the weights, or None.
        workers: Who trains.
    """

    def __init__(
        self,
        network: FastNetwork,
        model: keras.Model,
        updates: Updates,
        num_images: int,
        batch_size: int,
        learning_rates: npt.NDArray[np.float32],
        label_smoothing: float,
        shards: int,
        average: WeightAverage | None,
        workers: Workers,
    ) -> None:
        self._network, self._model, self._updates, self._average = network, model, updates, average
        self._workers = workers
        self._num_images, self._batch_size, self._smoothing, self._shards = (
            num_images,
            batch_size,
            label_smoothing,
            shards,
        )
        self._learning_rates = tf.constant(learning_rates, tf.float32)
        trained = {id(variable) for variable in model.trainable_variables}
        floats = [each.value for each in model.variables if id(each) not in trained and each.dtype == "float32"]
        self._remembered = floats if workers.count > 1 else []  # moving averages, of which each worker knows its part
        self._loss = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._hits = tf.Variable(0, dtype=tf.int32, trainable=False)
        self._first_bad_step = tf.Variable(tf.int32.max, trainable=False)
        self.state = [self._loss, self._hits]
        # without AutoGraph, which takes longer to rewrite Python's code than TensorFlow takes to compile it
        self._run = tf.function(self._steps, jit_compile=network.suits_xla and workers.replicas == 1, autograph=False)
        self._run_once = tf.function(self._steps, autograph=False)  # XLA would take longer to compile than it saves
        self._compute = self._of_replica
        if workers.replicas > 1 and len(workers.here) == 1:  # XLA can carry no tensors to others, so it has the rest
            self._compute = tf.function(self._of_replica, jit_compile=network.suits_xla, autograph=False)

    def share(self, images: int) -> range:
        """Return which images of a batch of so many this process trains on."""
        mine = [shard for replica in self._workers.here for shard in self._shards_of(replica, images)]
        return range(mine[0].start, mine[-1].end) if mine else range(0)

    def reset_totals(self) -> None:
        """Set the sums to zero."""
        self._loss.assign(0.0)
        self._hits.assign(0)

    def run(self, window: Window, first: int, count: int, step: int) -> None:
        """Train on some batches of a window.

        Args:
            window: What holds them.
            first: Number of the first batch in the epoch.
            count: How many batches.
            step: Number of the first batch since training began.
        """
        size = self._batch_size
        whole = min(count, self._num_images // size - first)
        arrays = window.images, window.labels, window.order
        if whole:
            start = (first - window.first) * len(self.share(size))
            self._run(*arrays, tf.constant(start), tf.constant(whole), tf.constant(step), size)
        if whole < count:  # the last batch of the epoch has what remains
            rest = self._num_images % size
            start = (first + whole - window.first) * len(self.share(size))
            self._run_once(*arrays, tf.constant(start), tf.constant(1), tf.constant(step + whole), rest)

    def totals(self) -> Totals:
        """Return the sums since the last reset, of all workers; the chief keeps them from now on."""
        loss, hits = self._workers.add_up(np.array([self._loss, self._hits], np.float64)).tolist()
        if self._workers.count > 1:
            self._loss.assign(loss if self._workers.is_chief else 0)
            self._hits.assign(int(hits) if self._workers.is_chief else 0)
        bad = int(self._first_bad_step)
        return Totals(loss, int(hits), None if bad == tf.int32.max else bad)

    def _steps(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        order: tf.Tensor,
        start: tf.Tensor,
        count: tf.Tensor,
        step: tf.Tensor,
        batch_size: int,
    ) -> None:
        # gather and a counter of our own, because XLA would compile anew for each slice's start and each range's end
        size = len(self.share(batch_size))
        batch = tf.range(size)

        def train(number: tf.Tensor) -> tuple[tf.Tensor]:
            chosen = tf.gather(order, start + number * size + batch)
            self._step(tf.gather(images, chosen), tf.gather(labels, chosen), step + number, batch_size)
            return (number + 1,)

        tf.while_loop(lambda number: number < count, train, (tf.constant(0),), parallel_iterations=1)

    def _step(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, batch_size: int) -> None:
        """Train on a batch, of which this process has its share."""
        before = [variable.read_value() for variable in self._remembered]
        summed = self._workers.sum(lambda replica: self._compute(images, labels, step, batch_size, replica))
        objective, *rest = summed
        gradients, changes = rest[: len(rest) - len(before)], rest[len(rest) - len(before) :]
        for variable, value, change in zip(self._remembered, before, changes, strict=True):
            variable.assign(value + change)
        self._updates.apply(gradients, tf.gather(self._learning_rates, step), step)
        if self._average:
            self._average.follow(step)
        bad = tf.where(tf.math.is_finite(objective), tf.int32.max, step)
        self._first_bad_step.assign(tf.minimum(self._first_bad_step, bad))

    def _shards_of(self, replica: int, images: int) -> list[Shard]:
        """Return a replica's shards of a batch of so many images; none if the batch is too small for all."""
        shards = cut(images, self._workers.replicas * self._shards)
        return shards[replica * self._shards : (replica + 1) * self._shards]

    def _of_replica(
        self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, batch_size: int, replica: int
    ) -> list[tf.Tensor]:
        """Return a replica's part of what is minimized, its gradients, and by how much what layers remember changed.

        Losses and hits are added to this process's sums.
        """
        remembered = self._remembered
        before = [variable.read_value() for variable in remembered]
        variables = [variable.value for variable in self._model.trainable_variables]
        first = self.share(batch_size).start
        parts = [
            self._of_shard(shard, images[start:end], labels[start:end], step, variables)
            for shard in self._shards_of(replica, batch_size)
            for start, end in [(shard.start - first, shard.end - first)]
        ]
        changes = [variable.read_value() - value for variable, value in zip(remembered, before, strict=True)]
        if not parts:
            return [tf.zeros([]), *map(tf.zeros_like, variables), *changes]
        loss, hits, *summed = [tf.add_n(each) for each in zip(*parts, strict=True)]
        self._loss.assign_add(loss)
        self._hits.assign_add(hits)
        return [*summed, *changes]

    def _of_shard(
        self, shard: Shard, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, variables: list[tf.Variable]
    ) -> list[tf.Tensor]:
        """Return the sum of a shard's losses, its hits, its part of what is minimized, and its gradients."""
        with tf.GradientTape() as tape:
            logits = self._network(tf.cast(images, tf.float32), step, shard.number, shard.share)
            losses = self._cross_entropy(labels, logits)
            objective = shard.share * tf.add_n([tf.reduce_mean(losses), *self._model.losses])
        hits = tf.math.count_nonzero(tf.argmax(logits, 1, tf.int32) == labels, dtype=tf.int32)
        gradients = tape.gradient(objective, variables)
        weights = self._model.trainable_variables
        out_of_reach = [weight.path for weight, gradient in zip(weights, gradients, strict=True) if gradient is None]
        if out_of_reach:
            raise NoGradientError(", ".join(out_of_reach))
        return [tf.reduce_sum(tf.cast(losses, tf.float64)), hits, objective, *gradients]

    def _cross_entropy(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if not self._smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        classes = logits.shape[1]
        spread = tf.one_hot(labels, classes, 1 - self._smoothing + self._smoothing / classes, self._smoothing / classes)
        return tf.nn.softmax_cross_entropy_with_logits(spread, logits)
