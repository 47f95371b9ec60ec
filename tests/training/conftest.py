import pytest

from stages.training import determinism


@pytest.fixture(scope="module")
def settled() -> None:
    """Settle the threads, which cannot be set once something was computed."""
    determinism.settle(seed=0, threads=2)
