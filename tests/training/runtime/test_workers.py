"""Workers as far as one process shows them; several processes, and wrong command lines: tests/test_workers.py."""

import json

import numpy as np
import pytest
import tensorflow as tf

from stages.common.errors import InputError, first_line
from stages.training.runtime.workers import WRAPPING, Cluster, Workers, find_cluster

ADDRESSES = ["a:1", "b:2", "c:3"]


def config(cluster: dict[str, list[str]], job: str, index: int | str) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_a_cluster_is_found_on_the_command_line():
    assert find_cluster("a:1, b:2,c:3", 1) == Cluster(ADDRESSES, 1)


@pytest.mark.parametrize(
    ("cluster", "job", "index", "expected"),
    [
        ({"worker": ADDRESSES}, "worker", 2, 2),
        ({"chief": ["a:1"], "worker": ["b:2", "c:3"]}, "chief", 0, 0),
        ({"chief": ["a:1"], "worker": ["b:2", "c:3"]}, "worker", 1, 2),
        ({"worker": ["b:2", "c:3"], "chief": ["a:1"]}, "worker", "0", 1),
    ],
)
def test_a_cluster_is_found_in_the_environment_the_chief_first(
    cluster: dict[str, list[str]], job: str, index: int | str, expected: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TF_CONFIG", config(cluster, job, index))

    assert find_cluster(None, None) == Cluster(ADDRESSES, expected)


def test_the_command_line_counts_before_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_CONFIG", config({"worker": ["d:4", "e:5"]}, "worker", 0))

    assert find_cluster(",".join(ADDRESSES), 0) == Cluster(ADDRESSES, 0)


@pytest.mark.parametrize("variable", [None, "", config({"worker": ["a:1"]}, "worker", 0)])
def test_a_process_alone_is_no_cluster(variable: str | None, monkeypatch: pytest.MonkeyPatch):
    if variable is not None:
        monkeypatch.setenv("TF_CONFIG", variable)

    assert find_cluster(None, None) is None
    assert find_cluster("a:1", 0) is None


@pytest.mark.parametrize("address", ["a", "a:", ":1", "a:b", "a:0", "a:65536", "a:-1", ""])
def test_what_is_no_address_is_told(address: str):
    with pytest.raises(InputError, match="--workers: expected host:port of each worker, with commas between them, rec"):
        find_cluster(f"b:2,{address}", 0)


def test_an_address_may_have_colons():
    assert find_cluster("[::1]:1,[::1]:2", 0) == Cluster(["[::1]:1", "[::1]:2"], 0)


@pytest.mark.parametrize("index", [0, 2])
def test_the_first_of_a_cluster_is_the_chief(index: int):
    workers = Workers(Cluster(ADDRESSES, index))

    assert (workers.index, workers.is_chief, workers.count) == (index, index == 0, 3)


def test_one_process_alone_has_all_and_adds_nothing():
    workers = Workers()
    workers.join()
    numbers = np.array([1.5, 2.5])

    assert (workers.index, workers.is_chief, workers.count) == (0, True, 1)
    assert (workers.replicas, workers.local_replicas) == (1, range(1))
    assert workers.all_reduce_host(numbers).tolist() == [1.5, 2.5]
    assert workers.all_reduce(lambda replica: [tf.constant(replica), tf.constant(7)]) == [0, 7]
    workers.verify_same("a key")
    workers.leave()


@pytest.mark.parametrize("data", [b"bytes", b"", None])
def test_one_process_alone_receives_its_own_bytes(data: bytes | None):
    assert Workers().broadcast(data) == data


class Together:
    """Two workers of one process: the second answers with the sum of what both brought."""

    def __init__(self) -> None:
        self.chief, self.other = (Workers(Cluster(ADDRESSES[:2], index)) for index in (0, 1))
        self.brought: list[np.ndarray] = []
        self.chief._all_reduce_host = lambda numbers: self.brought.append(numbers) or tf.constant(numbers)
        self.other._all_reduce_host = lambda numbers: tf.constant(numbers + self.brought.pop(0))


@pytest.mark.parametrize("data", [b"x", b"12345678", b"123456789", bytes(range(256)) * 3, None, b""])
def test_the_bytes_of_the_chief_reach_the_others(data: bytes | None):
    """As sums of 64-bit numbers, in which a byte of any worker but the chief is zero."""
    together = Together()
    sent = together.chief.broadcast(data)

    assert sent == (data or None)
    assert together.other.broadcast(b"its own, which is longer than any of the chief's" * 20) == sent
    assert together.brought == []


def test_workers_of_different_keys_are_told():
    together = Together()
    together.chief.verify_same("key")
    with pytest.raises(
        InputError, match=r"the same commit, recipe, data, .* received others than the chief's on 1; make"
    ):
        together.other.verify_same("another")


def test_workers_of_the_same_key_go_on():
    together = Together()
    together.chief.verify_same("key")
    together.other.verify_same("key")


LOST = tf.errors.UnavailableError(
    None, None, "Graph execution error:\n\nDetected at node x\nConnection reset by peer\n"
)


def test_a_lost_worker_is_one_line():
    expected = (
        "workers: expected all 2 of them until the training ends, received one that is gone or failed (Connection "
        "reset by peer); see what each terminal says, then start all of them again: they go on from the checkpoint"
    )
    with pytest.raises(InputError) as caught, Workers(Cluster(ADDRESSES[:2], 0)).translate_failures():
        raise LOST
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("workers", "error"),
    [(Workers(), LOST), (Workers(Cluster(ADDRESSES, 0)), ValueError("a mistake in the code"))],
    ids=["alone", "another error"],
)
def test_other_errors_stay_as_they_are(workers: Workers, error: Exception):
    with pytest.raises(type(error)) as caught, workers.translate_failures():
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Graph execution error:\n\nDetected at node Sum defined at (most recent call last):\nreset", "reset"),
        ('  File "a.py", line 1, in b\n  File "c.py", line 2\nCollective ops is aborted', "Collective ops is aborted"),
        ("Graph execution error:", "RuntimeError"),
    ],
)
def test_the_lines_around_a_reason_of_tensorflow_are_left_out(message: str, expected: str):
    assert first_line(RuntimeError(message), WRAPPING) == expected
