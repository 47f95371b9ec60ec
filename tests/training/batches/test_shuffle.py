import numpy as np
import pytest

from stages.training.batches.shuffle import BLOCK, BLOCKS_TOGETHER, MAX_FULL_SHUFFLE, epoch_permutation

MANY = MAX_FULL_SHUFFLE + 3 * BLOCK + 5  # the last block is shorter


@pytest.mark.parametrize("count", [1, 7, MAX_FULL_SHUFFLE, MAX_FULL_SHUFFLE + 1, MANY])
def test_every_image_comes_once(count):
    order = epoch_permutation(0, 0, count)

    assert order.dtype == np.int32
    assert np.array_equal(np.sort(order), np.arange(count))


@pytest.mark.parametrize("count", [100, MANY])
def test_the_order_follows_from_seed_and_epoch(count):
    order = epoch_permutation(1, 2, count)

    assert np.array_equal(order, epoch_permutation(1, 2, count))
    assert not np.array_equal(order, epoch_permutation(1, 3, count))
    assert not np.array_equal(order, epoch_permutation(2, 2, count))


def test_the_order_of_few_images_is_that_of_numpy():
    """As it always was, so that models keep their bytes."""
    assert (
        epoch_permutation(5, 3, 1000).tolist()
        == np.random.Generator(np.random.PCG64([5, 3])).permutation(1000).tolist()
    )


def test_many_images_come_in_blocks_from_all_over_the_data():
    order = epoch_permutation(0, 0, MANY)
    together = order[: BLOCK * BLOCKS_TOGETHER]
    blocks = np.unique(together // BLOCK)

    assert len(blocks) <= BLOCKS_TOGETHER + 1
    assert blocks.min() < 20
    assert blocks.max() > MANY // BLOCK - 20
    # neighbours in the order are no neighbours on the disk
    assert np.median(np.abs(np.diff(together.astype(np.int64)))) > MANY / 10
