"""Reproducible results: the same bits from the same seed and the same number of threads."""

from collections.abc import Callable

from stages.common.console import quiet
from stages.common.environment import fix_environment


def enable_determinism(seed: int, threads: int, shards: int = 1, join: Callable[[], None] = lambda: None) -> None:
    """Make TensorFlow compute the same bits each time; call this before the first operation.

    Args:
        seed: Seed of every random number, 0…2³² - 1.
        threads: Processor threads. Another number adds the terms of a sum in another order.
        shards: Shards of a batch computed at the same time, each on an equal fraction of the threads.
        join: Function that joins a cluster; TensorFlow wants it before the first operation.
    """
    fix_environment()
    with quiet():
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads // shards)
        tf.config.threading.set_inter_op_parallelism_threads(shards)  # operations within a shard wait anyway
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(seed)
    join()
    with quiet():
        tf.zeros(1)  # the first operation starts the threads, and logs at length
