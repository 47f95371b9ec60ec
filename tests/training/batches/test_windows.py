import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from stages.common.errors import InputError
from stages.images.rows import FileRows
from stages.training.batches import windows
from stages.training.batches.shuffle import SHUFFLED_TOGETHER, epoch_permutation
from stages.training.batches.windows import DiskWindows, MemoryWindows, Order, Window, Windows, open_windows
from tests import tiny
from tests.processes import PATIENCE

COUNT, BATCH = 103, 10
ALL = range


class Both(NamedTuple):
    memory: Windows
    disk: Windows


def open_both(tmp_path, local_slice: Callable[[int], range] = ALL, rows=None) -> Both:
    images, labels = tiny.digits(COUNT if rows is None else 2 * COUNT, seed=1)
    np.save(tmp_path / "images.npy", images[..., None])
    mapped = np.lib.format.open_memmap(tmp_path / "images.npy", mode="r")
    chosen = slice(None) if rows is None else rows
    memory = open_windows((mapped[chosen], labels[chosen]), BATCH, local_slice)
    return Both(memory, open_windows((FileRows(mapped, rows), labels[chosen]), BATCH, local_slice))


def batches(
    source: Windows, first: int = 0, local_slice: Callable[[int], range] = ALL
) -> dict[int, tuple[bytes, list[int]]]:
    """Return what the batches of an epoch hold, by their numbers."""
    read = {}
    for window in source.iterate([epoch_permutation(0, 0, COUNT)], first):
        images, labels, order = (np.asarray(array) for array in window[:3])
        for batch in range(window.first, window.end):
            start = (batch - window.first) * len(local_slice(BATCH))
            chosen = order[start : start + len(local_slice(min(BATCH, COUNT - batch * BATCH)))]
            read[batch] = images[chosen].tobytes(), labels[chosen].tolist()
    return read


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 3 * BATCH * 28 * 28)


def test_images_in_a_file_are_read_from_the_disk_and_arrays_from_memory(tmp_path):
    memory, disk = open_both(tmp_path)

    assert isinstance(memory, MemoryWindows)
    assert isinstance(disk, DiskWindows)


def test_the_disk_gives_the_batches_of_the_memory(tmp_path):
    memory, disk = open_both(tmp_path)

    assert len(batches(memory)) == 11
    assert batches(disk) == batches(memory)
    assert [(window.first, window.end) for window in disk.iterate([epoch_permutation(0, 0, COUNT)], 0)] == [
        (0, 3),
        (3, 6),
        (6, 9),
        (9, 11),
    ]


def test_held_out_images_are_left_out(tmp_path):
    rows = np.sort(np.random.Generator(np.random.PCG64(3)).permutation(2 * COUNT)[:COUNT])
    memory, disk = open_both(tmp_path, rows=rows)

    assert batches(disk) == batches(memory)


def test_an_epoch_goes_on_with_the_window_of_its_batch(tmp_path):
    memory, disk = open_both(tmp_path)

    assert min(batches(disk, first=5)) == 3
    assert batches(disk, first=5).items() < batches(memory).items()


def test_of_an_epoch_whose_last_step_is_done_the_next_one_follows(tmp_path):
    orders = [epoch_permutation(0, epoch, COUNT) for epoch in range(2)]
    for source in open_both(tmp_path):
        windows_of_second = list(source.iterate(orders[1:], 0))
        rest = list(source.iterate(orders, 11))

        assert [window[3:] for window in rest] == [window[3:] for window in windows_of_second]
        assert np.array_equal(rest[0].order, windows_of_second[0].order)
        assert list(source.iterate(orders[:1], 11)) == []


@pytest.mark.parametrize(
    "local_slice",
    [
        pytest.param(lambda count: range(count // 3), id="smaller of the rest"),
        pytest.param(lambda count: range(1 if count == BATCH else count), id="larger of the rest"),
    ],
)
def test_all_windows_have_the_same_shapes(tmp_path, local_slice):
    """XLA would compile the steps anew for the last window of an epoch, which has fewer batches."""
    for source in open_both(tmp_path, local_slice):
        shapes = {
            tuple(tuple(array.shape) for array in window[:3])
            for window in source.iterate([epoch_permutation(0, 0, COUNT)], 0)
        }

        assert len(shapes) == 1


def test_a_window_holds_the_images_that_are_shuffled_together(tmp_path, monkeypatch):
    """With more, two windows would each read some images of the same blocks."""
    monkeypatch.setattr(windows, "WINDOW_BYTES", 1 << 26)
    np.save(tmp_path / "images.npy", np.zeros((140_000, 1, 1, 1), np.uint8))
    images = FileRows(np.lib.format.open_memmap(tmp_path / "images.npy", mode="r"))
    disk = open_windows((images, np.zeros(140_000, np.int32)), 32, ALL)

    ends = [window.end for window in disk.iterate([epoch_permutation(0, 0, 140_000)], 0)]

    assert ends == [SHUFFLED_TOGETHER // 32, 2 * SHUFFLED_TOGETHER // 32, 140_000 // 32]


def test_all_workers_go_through_the_same_windows(tmp_path):
    """However unequal their slices are; otherwise one would wait for another forever."""
    ends = []
    for local_slice in (lambda count: range(count // 3), lambda count: range(count // 3, count)):
        _, disk = open_both(tmp_path, local_slice)
        ends.append([window.end for window in disk.iterate([epoch_permutation(0, 0, COUNT)], 0)])

    assert ends == [[3, 6, 9, 11]] * 2


def test_a_slice_is_the_same_range_of_each_batch(tmp_path):
    def local_slice(count: int) -> range:
        return range(count // 2, count)

    whole, _ = open_both(tmp_path)
    memory, disk = open_both(tmp_path, local_slice)

    assert batches(disk, local_slice=local_slice) == batches(memory, local_slice=local_slice)
    for batch, (_, labels) in batches(memory, local_slice=local_slice).items():
        of_all = batches(whole)[batch][1]
        assert labels == of_all[len(of_all) // 2 :]


def test_no_more_than_a_window_and_the_next_are_read(tmp_path, monkeypatch):
    read = []
    count = FileRows.read
    monkeypatch.setattr(FileRows, "read", lambda self, numbers: [read.append(len(numbers)), count(self, numbers)][1])
    _, disk = open_both(tmp_path)
    epoch: list[Window] = []
    for window in disk.iterate([epoch_permutation(0, 0, COUNT)], 0):
        epoch.append(window)
        assert len(read) <= len(epoch) + 1

    assert read == [30, 30, 30, 13]


def test_the_next_epoch_is_read_ahead(tmp_path, monkeypatch):
    second_is_read = threading.Event()
    read = FileRows.read

    def notice(self: FileRows, numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        if orders_given == 2:
            second_is_read.set()
        return read(self, numbers)

    def orders() -> Iterator[Order]:
        nonlocal orders_given
        for epoch in range(2):
            orders_given += 1
            yield epoch_permutation(0, epoch, COUNT)

    orders_given = 0
    monkeypatch.setattr(FileRows, "read", notice)
    _, disk = open_both(tmp_path)
    epochs = disk.iterate(orders(), 0)

    assert [next(epochs).end for _ in range(4)][-1] == 11
    assert second_is_read.wait(PATIENCE)


def test_a_file_cut_short_while_it_is_read_is_told(tmp_path):
    _, disk = open_both(tmp_path)
    (tmp_path / "images.npy").write_bytes((tmp_path / "images.npy").read_bytes()[:10_000])

    with pytest.raises(InputError, match="another one"):
        batches(disk)
