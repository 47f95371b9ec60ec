import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stages import preprocess
from tests import tiny


@pytest.fixture()
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, a recipe, a dataset file and tiny IDX files; commands run in it."""
    monkeypatch.chdir(tiny.write_project(tmp_path))
    return tmp_path


@pytest.fixture()
def preprocessed(project: Path) -> Path:
    """The same, with data/processed/tiny made by the preprocess command."""
    result = CliRunner().invoke(preprocess.app, ["tiny"])
    assert result.exit_code == 0, result.output
    return project


@pytest.fixture()
def hearing() -> Iterator[None]:
    """Hear Ctrl-C as Python does; a shell has processes in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep checkpoints and locks out of the user's cache folder."""
    monkeypatch.setenv("STAGES_CACHE", str(tmp_path_factory.mktemp("cache")))
