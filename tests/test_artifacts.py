"""The models that dvc.yaml offers to others: those of the runs that come with the project."""

import pytest
from dvc.repo import Repo

from stages.common import params, paths
from tests.pipeline import ROOT, read_yaml

RUNS = (
    "mnist-mlp", "mnist-cnn-small", "mnist-mlp-wide", "mnist-cnn-5x5", "mnist-cnn-tanh", "fashion-cnn-gap",
    "mnist-fast", "fashion-fast",
)  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_each_run_offers_its_model(run: str):
    offered = read_yaml(ROOT / "dvc.yaml")["artifacts"][run]

    assert offered["path"] == str(paths.model(run))
    assert offered["type"] == "model"
    assert params.Params.load(ROOT / params.PATH).runs[run].dataset in offered["labels"]


def test_dvc_reads_what_is_offered():
    offered = Repo(str(ROOT), uninitialized=True).artifacts.read()["dvc.yaml"]

    assert set(RUNS) <= set(offered)
