"""The models that dvc.yaml offers to others: those of the runs that come with the project."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from stages import outputs, plan
from stages.settings import read_yaml

ROOT = Path(__file__).parents[1]
RUNS = (
    "mnist-mlp", "mnist-cnn-small", "mnist-mlp-wide", "mnist-cnn-5x5", "mnist-cnn-tanh", "fashion-cnn-gap",
    "mnist-fast", "fashion-fast",
)  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_each_run_offers_its_model(run: str):
    offered = read_yaml(ROOT / "dvc.yaml")["artifacts"][run]

    assert str(outputs.model(run)) == offered["path"]
    assert "model" == offered["type"]
    assert plan.Plan.load(ROOT / plan.PATH).runs[run].dataset in offered["labels"]


def test_dvc_reads_what_is_offered():
    offered = Repo(str(ROOT), uninitialized=True).artifacts.read()["dvc.yaml"]

    assert set(RUNS) <= set(offered)
