"""The models that dvc.yaml offers to others."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from stages import plan
from stages.settings import read_yaml

ROOT = Path(__file__).parents[1]
OFFERED = read_yaml(ROOT / "dvc.yaml").get("artifacts", {})


@pytest.mark.parametrize("run", OFFERED)
def test_an_offered_model_is_that_of_a_run(run: str):
    assert str(plan.model_path(run)) == OFFERED[run]["path"]
    assert "model" == OFFERED[run]["type"]
    assert plan.Plan.load(ROOT / plan.PATH).runs[run].dataset in OFFERED[run]["labels"]


def test_dvc_reads_what_is_offered():
    assert set(OFFERED) == set(Repo(str(ROOT), uninitialized=True).artifacts.read().get("dvc.yaml", {}))
