import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages import preprocess
from stages.common import console, signals
from stages.common.environment import fix_environment
from tests import tiny
from tests.commands import run_all

fix_environment()  # before a test imports Keras


@pytest.fixture()
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, a recipe, a dataset file and tiny IDX files; commands run in it."""
    monkeypatch.chdir(tiny.write_project(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def _preprocessed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.write_project(tmp_path_factory.mktemp("preprocessed"))
    run_all(folder, (preprocess.app, ["tiny"]))
    return folder


@pytest.fixture()
def preprocessed(_preprocessed_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, with data/processed/tiny made by the preprocess command."""
    monkeypatch.chdir(shutil.copytree(_preprocessed_once, tmp_path, dirs_exist_ok=True))
    return tmp_path


@pytest.fixture(scope="module")
def deterministic() -> None:
    """Set seed and threads; TensorFlow keeps the threads of its first operation, so they are the same everywhere."""
    from stages.common.determinism import enable_determinism

    enable_determinism(seed=0, threads=2)


@pytest.fixture()
def python_sigint() -> Iterator[None]:
    """Give Ctrl-C Python's own handler; a shell lets processes in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture()
def system_handlers() -> Iterator[None]:
    """Give SIGTERM and SIGHUP the system's handlers, and back what they had."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in signals.REQUESTS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="session")
def _shown_log() -> None:
    """Print the log of library modules on standard error, as a command does, in tests that call them directly."""
    console.show_log()


@pytest.fixture(autouse=True, scope="session")
def _cache_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep checkpoints and locks out of the user's cache folder, those of fixtures too that many tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STAGES_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test find the checkpoints of another."""
    monkeypatch.setenv("STAGES_CACHE", str(tmp_path_factory.mktemp("cache")))
