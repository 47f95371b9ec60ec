"""Many training steps inside one compiled call.

The arrays lie in TensorFlow as bytes; a step gathers its batch from them, computes the gradients and changes the
weights, and adds to the sums of loss and hits. Python is not asked again until the call ends.

A batch may be cut into shards, each computed from the images to the gradients on its share of the threads, beside the
others; then the gradients are added up. Threads that share an operation wait for one another after each, which takes as
long as it saves where the operations are small (docs/records.md).
"""

from itertools import pairwise
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.training.average import WeightAverage
from stages.training.fast_network import FastNetwork
from stages.training.splits import Examples
from stages.training.updates import Updates


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
    """Cut a batch of so many images into shards of about the same size, none of them empty."""
    count = min(shards, images)
    ends = [images * number // count for number in range(count + 1)]
    return [Shard(number, start, end, (end - start) / images) for number, (start, end) in enumerate(pairwise(ends))]


class Steps:
    """Training steps of a network on a set of examples.

    Args:
        network: The network as it is computed in training.
        model: The Keras model whose variables it uses.
        updates: What changes them.
        examples: Images, uint8, (N, height, width, channels), 0…255, and integer labels, (N,).
        batch_size: Images in a step; the last step of an epoch has what remains.
        learning_rates: float32, (num_steps,): the rate of each step since training began.
        label_smoothing: Share of the label that is spread evenly over all classes, 0…1.
        shards: Parts of a batch that are computed at the same time.
        average: What follows the weights, or None.
    """

    def __init__(
        self,
        network: FastNetwork,
        model: keras.Model,
        updates: Updates,
        examples: Examples,
        batch_size: int,
        learning_rates: npt.NDArray[np.float32],
        label_smoothing: float,
        shards: int,
        average: WeightAverage | None,
    ) -> None:
        self._network, self._model, self._updates, self._average = network, model, updates, average
        self._images, self._labels = tf.constant(examples[0]), tf.constant(examples[1], tf.int32)
        self._batch_size, self._smoothing, self._shards = batch_size, label_smoothing, shards
        self._learning_rates = tf.constant(learning_rates, tf.float32)
        self._order = tf.Variable(tf.zeros([len(examples[1])], tf.int32), trainable=False)
        self._loss = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._hits = tf.Variable(0, dtype=tf.int32, trainable=False)
        self._first_bad_step = tf.Variable(tf.int32.max, trainable=False)
        self.state = [self._loss, self._hits]
        # without AutoGraph, which takes longer to rewrite Python's code than TensorFlow takes to compile it
        self._run = tf.function(self._steps, jit_compile=network.suits_xla, autograph=False)
        self._run_once = tf.function(self._steps, autograph=False)  # XLA would take longer to compile than it saves

    def set_order(self, order: npt.NDArray[np.int32]) -> None:
        """Set the order in which an epoch sees the images."""
        self._order.assign(order)

    def reset_totals(self) -> None:
        """Set the sums to zero."""
        self._loss.assign(0.0)
        self._hits.assign(0)

    def run(self, first: int, count: int, step: int) -> None:
        """Train on some batches of the epoch.

        Args:
            first: Number of the first batch in the epoch.
            count: How many batches.
            step: Number of the first batch since training began.
        """
        images = len(self._labels)
        whole = min(count, images // self._batch_size - first)
        if whole:
            self._run(tf.constant(first * self._batch_size), tf.constant(whole), tf.constant(step), self._batch_size)
        if whole < count:  # the last batch of the epoch has what remains
            rest = images % self._batch_size
            self._run_once(tf.constant(images - rest), tf.constant(1), tf.constant(step + whole), rest)

    def totals(self) -> Totals:
        """Return the sums since the last reset."""
        bad = int(self._first_bad_step)
        return Totals(float(self._loss), int(self._hits), None if bad == tf.int32.max else bad)

    def _steps(self, start: tf.Tensor, count: tf.Tensor, step: tf.Tensor, batch_size: int) -> None:
        # gather and a counter of our own, because XLA would compile anew for each slice's start and each range's end
        order, batch = self._order.read_value(), tf.range(batch_size)

        def train(number: tf.Tensor) -> tuple[tf.Tensor]:
            chosen = tf.gather(order, start + number * batch_size + batch)
            self._step(tf.gather(self._images, chosen), tf.gather(self._labels, chosen), step + number)
            return (number + 1,)

        tf.while_loop(lambda number: number < count, train, (tf.constant(0),), parallel_iterations=1)

    def _step(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor) -> None:
        variables = [variable.value for variable in self._model.trainable_variables]
        objectives, gradients, losses, hits = zip(
            *(self._compute(shard, images, labels, step, variables) for shard in cut(labels.shape[0], self._shards)),
            strict=True,
        )
        of_batch = [tf.add_n(parts) for parts in zip(*gradients, strict=True)]
        self._updates.apply(of_batch, tf.gather(self._learning_rates, step), step)
        if self._average:
            self._average.follow(step)
        bad = tf.where(tf.math.is_finite(tf.add_n(objectives)), tf.int32.max, step)
        self._first_bad_step.assign(tf.minimum(self._first_bad_step, bad))
        self._loss.assign_add(tf.add_n(losses))
        self._hits.assign_add(tf.add_n(hits))

    def _compute(
        self, shard: Shard, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, variables: list[tf.Variable]
    ) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """Return a shard's part of what is minimized, the gradients of that, the sum of its losses and its hits."""
        images, labels = images[shard.start : shard.end], labels[shard.start : shard.end]
        with tf.GradientTape() as tape:
            logits = self._network(tf.cast(images, tf.float32), step, shard.number, shard.share)
            losses = self._cross_entropy(labels, logits)
            objective = shard.share * tf.add_n([tf.reduce_mean(losses), *self._model.losses])
        hits = tf.math.count_nonzero(tf.argmax(logits, 1, tf.int32) == labels, dtype=tf.int32)
        return objective, tape.gradient(objective, variables), tf.reduce_sum(tf.cast(losses, tf.float64)), hits

    def _cross_entropy(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if not self._smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        classes = logits.shape[1]
        spread = tf.one_hot(labels, classes, 1 - self._smoothing + self._smoothing / classes, self._smoothing / classes)
        return tf.nn.softmax_cross_entropy_with_logits(spread, logits)
