"""One training on several devices: TensorFlow's strategies carry the gradients between them.

Each replica, that is a GPU or a worker without one, takes its part of every batch, as a shard does (steps.py). Each
worker then makes the same step with the same sum, so that the weights stay equal and none sends them to another.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.console import quiet, say
from stages.errors import InputError
from stages.training import interrupts

if TYPE_CHECKING:
    import numpy.typing as npt
    import tensorflow as tf

CONFIG = "TF_CONFIG"
JOBS = ("chief", "worker")
GONE = {  # TensorFlow's errors when a process is gone, or another has failed
    "AbortedError", "CancelledError", "DeadlineExceededError", "FailedPreconditionError", "InternalError",
    "UnavailableError",
}  # fmt: skip
NOTHING_SAID = ("Graph execution error", "Detected at node", 'File "')


class Cluster(NamedTuple):
    """The processes of one training.

    Attributes:
        addresses: host:port of each; the first is the chief, which alone writes.
        task: Which of them this process is.
    """

    addresses: list[str]
    task: int


def find_cluster(addresses: str | None, index: int | None) -> Cluster | None:
    """Return the cluster that the command line or, without it, TF_CONFIG names; None if that is one process alone.

    Args:
        addresses: host:port of each worker, with commas between them, or None.
        index: Which of them this process is, or None.

    Raises:
        InputError: An address or the index is missing or wrong, or TF_CONFIG is none of TensorFlow's.
    """
    if addresses is None and index is None:
        return _read_config(os.environ[CONFIG]) if os.environ.get(CONFIG) else None
    if addresses is None or index is None:
        missing, given = ("--workers", "--index") if addresses is None else ("--index", "--workers")
        raise InputError(missing, f"a value beside {given}", "none", f"give both, or neither and set {CONFIG}")
    return _check([address.strip() for address in addresses.split(",")], index, "--workers", "--index")


def _read_config(text: str) -> Cluster | None:
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        sizes = [len(jobs.get(job, [])) for job in JOBS]
        addresses = [address for job in JOBS for address in jobs.get(job, [])]
        index = sum(sizes[: JOBS.index(task["type"])]) + int(task["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        expected = '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}'
        raise InputError(CONFIG, expected, text, "mend the variable, or unset it") from error
    return _check(addresses, index, f"{CONFIG}: cluster", f"{CONFIG}: task")


def _check(addresses: list[str], index: int, where: str, index_where: str) -> Cluster | None:
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise InputError(where, "host:port of each worker, with commas between them", repr(address), "mend it")
    if len(set(addresses)) < len(addresses):
        raise InputError(where, "another host:port for each worker", ",".join(addresses), "mend it")
    if not 0 <= index < len(addresses):
        raise InputError(index_where, f"0…{len(addresses) - 1}, since there are {len(addresses)}", index, "mend it")
    return Cluster(addresses, index) if len(addresses) > 1 else None


class Workers:
    """The processes and devices that train together; one of each, if there is no more.

    Args:
        cluster: Which processes, or None for this one alone.

    Attributes:
        index: Which of the processes this is.
        is_chief: Whether it writes what the training gives.
        count: How many processes there are.
        replicas: How many parts a batch is cut into, one for each device of all processes.
        here: The numbers of this process's parts.
    """

    def __init__(self, cluster: Cluster | None = None) -> None:
        self._cluster = cluster
        self.index = cluster.task if cluster else 0
        self.is_chief = self.index == 0
        self.count = len(cluster.addresses) if cluster else 1
        self.replicas, self.here = 1, range(1)
        self._strategy: tf.distribute.Strategy | None = None
        self._exchange: Callable[[npt.NDArray[Any]], tf.Tensor] | None = None

    def join(self) -> None:
        """Wait for the other workers, and find the GPUs; to be called before anything is computed."""
        import tensorflow as tf

        if self._cluster:
            others = [address for address in self._cluster.addresses if address != self._cluster.addresses[self.index]]
            say(f"{'chief' if self.is_chief else f'worker {self.index}'}; waiting for {', '.join(others)}")
            with interrupts.ending_at_once():
                self._strategy = _join_cluster(self._cluster)
        else:
            with quiet():  # TensorFlow starts here
                devices = _gpus()
                self._strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else None
        if self._strategy is None:
            return
        self.replicas = self._strategy.num_replicas_in_sync
        local = self.replicas // self.count  # machines alike
        first = self.index * local
        self.here = range(first, first + local)

        def exchange(numbers: tf.Tensor) -> tf.Tensor:
            return self.sum(lambda replica: [numbers if replica == first else tf.zeros_like(numbers)])[0]

        if self.count > 1:
            self._exchange = tf.function(exchange, autograph=False, reduce_retracing=True)

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """Tell in one line what TensorFlow says at length when another worker is gone.

        Raises:
            InputError: It is.
        """
        try:
            yield
        except Exception as error:
            if self.count == 1 or type(error).__name__ not in GONE:
                raise
            expected = f"all {self.count} of them until the training ends"
            next_step = "see what each terminal says, then start all of them again: they go on from the checkpoint"
            raise InputError(
                "workers", expected, f"one that is gone or failed ({_reason(error)})", next_step
            ) from error

    def check_same(self, key: str) -> None:
        """Compare what determines the result on each worker.

        Args:
            key: A name that follows from all of it.

        Raises:
            InputError: It is not the same on all of them.
        """
        import numpy as np

        chiefs = self.bytes_of_chief(key.encode())
        [others] = self.add_up(np.array([int(key.encode() != chiefs)])).tolist()
        if others:
            expected = "the same commit, recipe, data, libraries and kind of processor on each"
            raise InputError("workers", expected, f"others than the chief's on {others}", "make them the same")

    def part(self) -> None:
        """End together: call it on the chief when it has written all, and on the others when they are done."""
        import numpy as np

        self.add_up(np.zeros(1))
        with quiet(), suppress(Exception):  # nobody leaves while another is still in the first exchange
            self.add_up(np.zeros(1))

    def sum(self, compute: "Callable[[int], list[tf.Tensor]]") -> "list[tf.Tensor]":
        """Return the sums, over all replicas of all workers, of what each computes; the same bits on every worker.

        To be called in a graph that all workers have built and run in the same order.

        Args:
            compute: Takes the number of a replica, 0 for the chief's first; returns tensors, the same shapes for each.
        """
        if self._strategy is None:
            return compute(0)
        import tensorflow as tf

        def on_replica() -> list[tf.Tensor]:
            context = tf.distribute.get_replica_context()
            number = int(tf.get_static_value(context.replica_id_in_sync_group))
            tensors = [tf.identity(each) for each in compute(number)]  # on this replica's device
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)  # type: ignore[no-any-return]

        summed = self._strategy.run(on_replica)
        return [self._strategy.experimental_local_results(each)[0] for each in summed]

    def add_up(self, numbers: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        """Return the sum of the workers' numbers, int64 or float64, of the same shape for each."""
        return self._exchange(numbers).numpy() if self._exchange else numbers

    def bytes_of_chief(self, data: bytes | None) -> bytes | None:
        """Return the chief's bytes, or None if it has none, whatever the others have."""
        import numpy as np

        if self.count == 1:
            return data
        own = (data or None) if self.is_chief else None  # the others add zeros
        [size_and_one] = self.add_up(np.array([0 if own is None else len(own) + 1])).tolist()
        if not size_and_one:
            return None
        size = size_and_one - 1
        words = np.zeros(math.ceil(size / 8), np.int64)  # a type that can be summed
        if own:
            words.view(np.uint8)[:size] = np.frombuffer(own, np.uint8)
        return self.add_up(words).tobytes()[:size]


def _join_cluster(cluster: Cluster) -> "tf.distribute.Strategy":
    """Join the others.

    Raises:
        InputError: This process cannot listen at its address.
    """
    import tensorflow as tf

    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": cluster.addresses}),
        task_type="worker",
        task_id=cluster.task,
        rpc_layer="grpc",
    )
    address = cluster.addresses[cluster.task]
    try:
        with quiet():
            return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except tf.errors.UnknownError as error:
        raise InputError(address, "a port of this machine that is free", _reason(error), "name another") from error


def _reason(error: Exception) -> str:
    """Return the line of TensorFlow's many that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line and not line.startswith(NOTHING_SAID)), type(error).__name__)


def _gpus() -> list[str]:
    import tensorflow as tf

    return [device.name for device in tf.config.list_logical_devices("GPU")]
