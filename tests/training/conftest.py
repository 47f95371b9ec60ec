import keras
import pytest

from stages.model import build
from stages.training import loop
from stages.training.compute import forward


@pytest.fixture(autouse=True, scope="module")
def _deterministic(deterministic: None) -> None:
    """Set the threads before anything here makes the first operation, which keeps them."""


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back to Python after each step, however fast the steps are."""
    monkeypatch.setattr(loop, "_next_steps_per_call", lambda steps_per_call, seconds: 1)


@pytest.fixture
def plain_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without XLA, which takes a second or two to compile."""
    monkeypatch.setattr(forward, "XLA_LAYERS", set())


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[keras.Model]:
    """The models that are built from now on."""
    built: list[keras.Model] = []
    build_model = build.build_model
    monkeypatch.setattr(build, "build_model", lambda *arguments: built.append(build_model(*arguments)) or built[-1])
    return built
