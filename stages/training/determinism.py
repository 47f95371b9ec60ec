"""The same numbers each time."""

from collections.abc import Callable

from stages.console import quiet


def settle(seed: int, threads: int, shards: int = 1, join: Callable[[], None] = lambda: None) -> None:
    """Make TensorFlow compute the same bits each time; call it before anything is computed.

    Args:
        seed: Start of every random number, 0…2³² - 1.
        threads: Processor threads. Another count adds the terms of a sum in another order.
        shards: Parts of a batch that are computed at the same time, each on its share of the threads.
        join: Called before the first operation, as TensorFlow wants it of what joins a cluster.
    """
    with quiet():
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads // shards)
        tf.config.threading.set_inter_op_parallelism_threads(shards)  # what is within a shard waits anyway
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(seed)
    join()
    with quiet():
        tf.zeros(1)  # the first operation starts the threads, and says so at length
