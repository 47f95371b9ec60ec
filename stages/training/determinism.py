"""The same numbers each time."""

from stages.console import quiet


def settle(seed: int, threads: int) -> None:
    """Make TensorFlow compute the same bits each time; call it before anything is computed.

    Args:
        seed: Start of every random number, 0…2³² - 1.
        threads: Processor threads of an operation. Another count adds the terms of a sum in another order.
    """
    with quiet():
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)  # the operations of a step wait for one another anyway
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(seed)
        tf.zeros(1)  # the first operation starts the threads, and says so at length
