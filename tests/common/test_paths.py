"""Paths of outputs: those that dvc.yaml names, and the cache folder, which it does not."""

import re
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from stages.common import paths
from stages.common.errors import InputError
from tests.pipeline import ROOT, read_yaml

NAMES = {"item": "set", "key": "name", "item.dataset": "set", "item.recipe": "recipe", "item.source": "folder"}
RUN, SET = "name", "set"
OUTPUTS = {
    "download": [paths.raw(SET)],
    "preprocess": [paths.arrays(RUN), paths.samples(RUN)],  # `key` is the dataset here
    "train": [paths.model(RUN), paths.litert_model(RUN), paths.table("history", RUN)],
    "evaluate": [
        paths.model_card(RUN),
        paths.metrics(RUN),
        paths.table("classes", RUN),
        paths.table("confusion", RUN),
        paths.plot("mistakes", RUN).parent,
    ],
    "predict": [paths.predictions(RUN), paths.predictions_plot(RUN)],
}
INPUTS = {
    "train": [paths.arrays(SET), paths.recipe("recipe")],
    "evaluate": [paths.arrays(SET), paths.recipe("recipe"), *OUTPUTS["train"]],
    "predict": [paths.arrays(SET), paths.model(RUN)],
}


def named(stage: str, *sections: str) -> list[Path]:
    """Return the paths that dvc.yaml names in some sections of a stage, with the names of NAMES in them."""
    declared: dict[str, list[Any]] = read_yaml(ROOT / "dvc.yaml")["stages"][stage]["do"]
    entries = [entry for section in sections for entry in declared.get(section, [])]
    texts = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    return [Path(re.sub(r"\$\{(.+?)\}", lambda name: NAMES[name[1]], text)) for text in texts]


@pytest.mark.parametrize("stage", OUTPUTS)
def test_a_stage_writes_where_dvc_yaml_says(stage: str):
    assert sorted(named(stage, "outs", "metrics", "plots")) == sorted(OUTPUTS[stage])


@pytest.mark.parametrize("stage", INPUTS)
def test_a_stage_reads_where_dvc_yaml_says(stage: str):
    assert set(named(stage, "deps", "params")) >= set(INPUTS[stage])


@pytest.mark.parametrize("kind", ["history", "confusion", "classes", "mistakes", "calibration"])
def test_the_plots_of_a_run_lie_in_its_folder(kind: str):
    assert paths.plot(kind, "run") == Path(f"plots/pictures/run/{kind}.png")


def test_the_wall_time_is_no_output():
    """It is never the same twice."""
    assert paths.timing("run") == Path("logs/run.json")
    assert "logs" not in (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert "/logs/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_cache_folder_is_the_users_unless_the_environment_names_another(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAGES_CACHE", "elsewhere")
    assert paths.cache_folder() == Path("elsewhere")
    for unset in (lambda: monkeypatch.setenv("STAGES_CACHE", ""), lambda: monkeypatch.delenv("STAGES_CACHE")):
        unset()
        assert paths.cache_folder() == Path(platformdirs.user_cache_dir("stages"))


def test_the_cache_folder_may_lie_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STAGES_CACHE", "~/cache")  # from a file of variables, where no shell expands it
    assert paths.cache_folder() == tmp_path / "cache"


@pytest.mark.parametrize("cache", ["", "~/cache"])
def test_a_user_without_a_home_folder_is_told_to_name_one(monkeypatch: pytest.MonkeyPatch, cache: str):
    def fail(_: object) -> object:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", fail)
    for variable in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("STAGES_CACHE", cache)
    with pytest.raises(InputError, match=r"cache folder: expected a home folder .* set HOME or STAGES_CACHE to"):
        paths.cache_folder()
