"""Data parallelism: one training on several processes and GPUs, by TensorFlow's distribution strategies.

A replica is a GPU, or a worker without one. Each replica computes the gradients of its shards of every batch
(steps.py). The gradients are summed, and each worker makes the same step, so the weights stay equal without being sent.
"""

import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.common.console import quiet
from stages.common.errors import InputError, first_line
from stages.training.runtime import interrupts

if TYPE_CHECKING:
    import numpy.typing as npt
    import tensorflow as tf

CONFIG = "TF_CONFIG"
JOBS = ("chief", "worker")
LOST_WORKER_ERRORS = {  # TensorFlow's errors when a process is gone, or another has failed
    "AbortedError", "CancelledError", "DeadlineExceededError", "FailedPreconditionError", "InternalError",
    "UnavailableError",
}  # fmt: skip
WRAPPING = re.compile(r"^\s*(Graph execution error|Detected at node|File \").*")  # lines around TensorFlow's reason

logger = logging.getLogger(__name__)


class Cluster(NamedTuple):
    """Processes of one training.

    Attributes:
        addresses: host:port of each worker; the first is the chief, which alone writes.
        task: Index of this process among them.
    """

    addresses: list[str]
    task: int


def find_cluster(addresses: str | None, index: int | None) -> Cluster | None:
    """Return the cluster named on the command line or else in TF_CONFIG; None for a single process.

    Args:
        addresses: host:port of each worker, separated by commas, or None.
        index: Index of this process among them, or None.

    Raises:
        InputError: An address or the index is missing or wrong, or TF_CONFIG does not have TensorFlow's form.
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
        raise InputError(CONFIG, expected, text, "fix the variable, or unset it") from error
    return _check(addresses, index, f"{CONFIG}: cluster", f"{CONFIG}: task")


def _check(addresses: list[str], index: int, where: str, index_where: str) -> Cluster | None:
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise InputError(where, "host:port of each worker, with commas between them", repr(address), "fix it")
    if len(set(addresses)) < len(addresses):
        raise InputError(where, "another host:port for each worker", ",".join(addresses), "fix it")
    if not 0 <= index < len(addresses):
        raise InputError(index_where, f"0…{len(addresses) - 1}, since there are {len(addresses)}", index, "fix it")
    return Cluster(addresses, index) if len(addresses) > 1 else None


class Workers:
    """Processes and devices that train together; without a cluster, this process alone.

    Args:
        cluster: Processes of the training, or None for this one alone.

    Attributes:
        index: Index of this process.
        is_chief: True for the process that writes the outputs.
        count: Number of processes.
        replicas: Number of devices of all processes, each of which computes its shards of a batch.
        local_replicas: Indices of this process's replicas.
    """

    def __init__(self, cluster: Cluster | None = None) -> None:
        self._cluster = cluster
        self.index = cluster.task if cluster else 0
        self.is_chief = self.index == 0
        self.count = len(cluster.addresses) if cluster else 1
        self.replicas, self.local_replicas = 1, range(1)
        self._strategy: tf.distribute.Strategy | None = None
        self._all_reduce_host: Callable[[npt.NDArray[Any]], tf.Tensor] | None = None

    def join(self) -> None:
        """Wait for the other workers and find the GPUs; call this before the first operation."""
        import tensorflow as tf

        if self._cluster:
            others = [address for address in self._cluster.addresses if address != self._cluster.addresses[self.index]]
            name = "chief" if self.is_chief else f"worker {self.index}"
            logger.info("%s; waiting for %s", name, ", ".join(others))
            with interrupts.default():
                self._strategy = _join_cluster(self._cluster)
        else:
            with quiet():  # TensorFlow starts here
                devices = _gpus()
                self._strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else None
        if self._strategy is None:
            return
        self.replicas = self._strategy.num_replicas_in_sync
        local = self.replicas // self.count  # every machine has the same number of GPUs
        first = self.index * local
        self.local_replicas = range(first, first + local)

        def all_reduce_host(numbers: tf.Tensor) -> tf.Tensor:
            return self.all_reduce(lambda replica: [numbers if replica == first else tf.zeros_like(numbers)])[0]

        if self.count > 1:
            self._all_reduce_host = tf.function(all_reduce_host, autograph=False, reduce_retracing=True)

    @contextmanager
    def translate_failures(self) -> Iterator[None]:
        """Turn TensorFlow's long error about a lost worker into one line.

        Raises:
            InputError: Another worker is gone or has failed.
        """
        try:
            yield
        except Exception as error:
            if self.count == 1 or type(error).__name__ not in LOST_WORKER_ERRORS:
                raise
            expected = f"all {self.count} of them until the training ends"
            next_step = "see what each terminal says, then start all of them again: they go on from the checkpoint"
            received = f"one that is gone or failed ({first_line(error, WRAPPING)})"
            raise InputError("workers", expected, received, next_step) from error

    def verify_same(self, key: str) -> None:
        """Check that all workers compute the same result.

        Args:
            key: Name that follows from everything that determines the result.

        Raises:
            InputError: The key differs between workers.
        """
        import numpy as np

        chiefs = self.broadcast(key.encode())
        [others] = self.all_reduce_host(np.array([int(key.encode() != chiefs)])).tolist()
        if others:
            expected = "the same commit, recipe, data, libraries and kind of processor on each"
            raise InputError("workers", expected, f"others than the chief's on {others}", "make them the same")

    def leave(self) -> None:
        """Leave together: call this on the chief when its outputs are written, and on the others when they are done."""
        import numpy as np

        self.all_reduce_host(np.zeros(1))
        with quiet(), suppress(Exception):  # no worker ends while another is still in the first reduction
            self.all_reduce_host(np.zeros(1))

    def all_reduce(self, compute: "Callable[[int], list[tf.Tensor]]") -> "list[tf.Tensor]":
        """Return the sums of tensors over all replicas of all workers; every worker gets the same bits.

        All workers must build and run the calls in a graph, in the same order.

        Args:
            compute: Function from the number of a replica, 0 for the chief's first, to its tensors, of equal shapes.
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

    def all_reduce_host(self, numbers: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        """Return the sum of the workers' NumPy arrays, int64 or float64, of equal shapes."""
        return self._all_reduce_host(numbers).numpy() if self._all_reduce_host else numbers

    def broadcast(self, data: bytes | None) -> bytes | None:
        """Return the chief's bytes, or None if it has none, on every worker."""
        import numpy as np

        if self.count == 1:
            return data
        own = (data or None) if self.is_chief else None  # the others add zeros
        [size_and_one] = self.all_reduce_host(np.array([0 if own is None else len(own) + 1])).tolist()
        if not size_and_one:
            return None
        size = size_and_one - 1
        words = np.zeros(math.ceil(size / 8), np.int64)  # a type that can be summed
        if own:
            words.view(np.uint8)[:size] = np.frombuffer(own, np.uint8)
        return self.all_reduce_host(words).tobytes()[:size]


def _join_cluster(cluster: Cluster) -> "tf.distribute.Strategy":
    """Join the cluster.

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
        received = first_line(error, WRAPPING)
        raise InputError(address, "a port of this machine that is free", received, "name another") from error


def _gpus() -> list[str]:
    import tensorflow as tf

    return [device.name for device in tf.config.list_logical_devices("GPU")]
