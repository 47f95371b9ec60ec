"""Validation: loss and accuracy of the model on held-out examples, as the saved model will have them."""

import keras
import numpy as np
import tensorflow as tf

from stages.training.batches.holdout import Examples
from stages.training.runtime.workers import Workers
from stages.training.steps import split_batch

BATCH_SIZE = 500


class Validator:
    """Scores of a model on validation examples.

    Args:
        model: Keras model, from images to probabilities.
        shards: Number of shards of a batch, computed at the same time.
        workers: Processes that divide the batches among them.
    """

    def __init__(self, model: keras.Model, shards: int, workers: Workers) -> None:
        self._model, self._shards, self._workers = model, shards, workers
        self._score_batch_compiled = tf.function(self._score_batch, autograph=False)

    def score(self, examples: Examples) -> tuple[float, float]:
        """Return the mean cross-entropy, in nats, and the accuracy, 0…1.

        Args:
            examples: Images, uint8, (N, height, width, channels), 0…255, and integer labels, (N,).
        """
        images, labels = examples
        loss, correct = 0.0, 0
        starts = range(0, len(labels), BATCH_SIZE)
        for start in starts[self._workers.index :: self._workers.count]:
            end = start + BATCH_SIZE
            batch = tf.constant(images[start:end]), tf.constant(labels[start:end], tf.int32)
            batch_loss, batch_correct = self._score_batch_compiled(*batch)
            loss, correct = loss + float(batch_loss), correct + int(batch_correct)
        loss, correct = self._workers.all_reduce_host(np.array([loss, correct])).tolist()
        return loss / len(labels), correct / len(labels)

    def _score_batch(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the sum of the cross-entropies and the number of correct predictions."""
        shards = [images[shard.start : shard.end] for shard in split_batch(images.shape[0], self._shards)]
        outputs = [self._model(tf.cast(shard, tf.float32), training=False) for shard in shards]
        probabilities = tf.concat(outputs, 0)
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        correct = tf.math.count_nonzero(tf.argmax(probabilities, 1, tf.int32) == labels)
        return tf.reduce_sum(tf.cast(losses, tf.float64)), correct
