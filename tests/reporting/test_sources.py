import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from stages.reporting import sources

SOURCES = {"mine": Path("pictures"), "table": Path("table.csv")}
PIPELINE = """\
stages:
  preprocess:
    foreach:
      mine: {source: pictures}
      table: {source: table.csv}
    do:
      cmd: echo
      deps: ["${item.source}"]
"""


@pytest.fixture(autouse=True)
def _recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a table as sources, with a dvc.lock that DVC wrote."""
    monkeypatch.chdir(tmp_path)
    for name in ("SITE_CACHE", "GLOBAL_CONFIG"):
        monkeypatch.setenv(f"DVC_{name}_DIR", str(tmp_path / name))
    Path("pictures/cat").mkdir(parents=True)
    Path("pictures/cat/1.png").write_text("one")
    Path("pictures/dog").mkdir()
    Path("pictures/dog/2.png").write_text("two")
    Path("table.csv").write_text("path,label\n")
    Path("dvc.yaml").write_text(PIPELINE)
    Repo.init(no_scm=True)
    Repo().commit(force=True)


def test_what_preprocess_read_has_not_changed():
    assert sources.find_changed(SOURCES) == set()


def test_another_picture_another_class_and_another_table_are_changes():
    shutil.move("pictures/cat/1.png", "pictures/dog/1.png")
    assert sources.find_changed(SOURCES) == {"mine"}
    Path("table.csv").write_text("path,label\na.png,cat\n")
    assert sources.find_changed(SOURCES) == {"mine", "table"}


@pytest.mark.parametrize("written", ["./pictures/", "{folder}/pictures", "table.csv/../pictures"])
def test_a_source_may_be_written_in_any_way(tmp_path: Path, written: str):
    Path("dvc.yaml").write_text(PIPELINE.replace("source: pictures", f"source: {written.format(folder=tmp_path)}"))
    Repo().commit(force=True)
    Path("pictures/cat/3.png").write_text("three")
    assert sources.find_changed({"mine": Path(written.format(folder=tmp_path))}) == {"mine"}


def test_a_source_that_is_not_there_has_not_changed():
    shutil.rmtree("pictures")
    Path("table.csv").unlink()
    assert sources.find_changed(SOURCES) == set()


@pytest.mark.parametrize("path", ["dvc.yaml", ".dvc/config"])
def test_what_dvc_cannot_read_is_not_called_changed(path: str):
    Path(path).write_text("}")
    assert sources.find_changed(SOURCES) == set()


def test_without_dvc_nothing_is_called_changed():
    shutil.rmtree(".dvc")
    assert sources.find_changed(SOURCES) == set()
