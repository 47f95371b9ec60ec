"""Results shared between machines, with real `dvc`: through S3-compatible storage on the loopback, or a plain folder.

A machine is a clone with caches, checkpoints and settings of its own; two of them share git and the remote, no more.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests import pipeline, tiny
from tests.pipeline import Repository, Repro

PARAMS = """\
downloads: [tiny]
datasets:
  tiny: {source: data/raw/tiny}
runs:
  a: {dataset: tiny, recipe: mlp, seed: 0}
  b: {dataset: tiny, recipe: wide, seed: 0}
"""
RECIPES = {"mlp": tiny.RECIPE, "wide": tiny.RECIPE.replace("units: 16", "units: 24")}
TRAINED = {"train@a", "train@b"}
SCORED = {f"{stage}@{run}" for stage in ("evaluate", "predict") for run in "ab"}
BUCKET = "results"
KEY_ID, SECRET = "id-of-a-key", "never-in-git"


class Sharing(NamedTuple):
    """Two machines, and what `dvc repro` did on them: each took a run of params.yaml, then the first collected."""

    first: Repository
    second: Repository
    of_first: Repro
    of_second: Repro
    collected: Repro


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of an S3 server with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET
    )
    client.create_bucket(Bucket=BUCKET)
    yield address
    server.stop()


@pytest.fixture(scope="module")
def sharing(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Sharing:
    base = tmp_path_factory.mktemp("remote")
    first = Repository(pipeline.write(base / "first", base / "first-own", PARAMS, RECIPES), base / "first-own")
    first.run("git", "init", "--quiet")
    first.dvc("remote", "add", "--default", "shared", f"s3://{BUCKET}/classifiers")
    first.dvc("remote", "modify", "shared", "endpointurl", endpoint)
    log_in(first)
    first.repro("preprocess@tiny")
    first.commit()
    first.dvc("push", "--run-cache")

    second = clone(first, base / "second")
    log_in(second)
    of_first = first.repro("train@a")
    first.dvc("push", "--run-cache")
    of_second = second.repro("--pull", "evaluate@b")
    second.dvc("push", "--run-cache")

    first.dvc("fetch", "--run-cache")
    collected = first.repro("--pull")
    first.commit()
    first.dvc("push", "--run-cache")
    second.run("git", "clean", "--quiet", "--force", "metrics")
    second.run("git", "restore", ".")
    second.run("git", "pull", "--quiet")
    second.dvc("pull", "--run-cache")
    return Sharing(first, second, of_first, of_second, collected)


def clone(of: Repository, folder: Path) -> Repository:
    """Return a machine that has what git has, and could download nothing."""
    own = folder.with_name(f"{folder.name}-own")
    own.mkdir()
    of.run("git", "clone", "--quiet", str(of.folder), str(folder))
    return Repository(folder, own)


def log_in(machine: Repository) -> None:
    machine.dvc("remote", "modify", "--local", "shared", "access_key_id", KEY_ID)
    machine.dvc("remote", "modify", "--local", "shared", "secret_access_key", SECRET)


def test_two_machines_take_different_runs_of_one_project(sharing: Sharing):
    assert sharing.of_first.ran == {"train@a"}
    assert sharing.of_second.ran == {"train@b", "evaluate@b"}
    assert sharing.of_second.cached == set()


def test_collecting_trains_nothing_and_scores_again_what_git_did_not_bring(sharing: Sharing):
    assert sharing.collected.cached == {"train@b"}
    assert sharing.collected.ran == SCORED


def test_the_other_machine_then_has_all_by_git_and_the_remote(sharing: Sharing):
    again = sharing.second.repro()
    assert again.ran | again.cached == set()
    assert sharing.second.git_status() == set()
    for file in ("models/a.keras", "models/b.keras", "models/a.md"):
        assert (sharing.second.folder / file).read_bytes() == (sharing.first.folder / file).read_bytes()


def test_an_edited_recipe_trains_its_run_alone(sharing: Sharing, tmp_path: Path):
    second = sharing.second.copy_to(tmp_path / "second")
    second.edit("recipes/wide.yaml", "units: 24", "units: 32")
    assert second.repro(*TRAINED).ran == {"train@b"}
    second.edit("recipes/wide.yaml", "units: 32", "units: 24")
    back = second.repro(*TRAINED)
    assert back.ran == set()
    assert back.cached == {"train@b"}


def test_a_plain_folder_is_a_remote_too(sharing: Sharing, tmp_path: Path):
    first = sharing.first.copy_to(tmp_path / "first")
    first.dvc("remote", "add", "--default", "disk", str(tmp_path / "disk"))
    first.commit()
    first.dvc("push", "--run-cache")
    third = clone(first, tmp_path / "third")
    third.dvc("pull", "--run-cache")
    received = third.repro()
    assert received.ran | received.cached == set()
    assert third.git_status() == set()
    assert (third.folder / "models/b.keras").read_bytes() == (first.folder / "models/b.keras").read_bytes()


def test_clones_with_one_cache_need_no_remote_and_score_nothing_again(sharing: Sharing, tmp_path: Path):
    third = clone(sharing.first, tmp_path / "third")
    third.run("git", "reset", "--quiet", "--hard", "HEAD~1")  # the runs, before their results
    third.dvc("config", "--local", "cache.dir", str(sharing.first.folder / ".dvc/cache"))
    received = third.repro()
    assert received.ran == set()
    assert received.cached >= TRAINED | SCORED
    assert third.json("metrics/b.json") == sharing.first.json("metrics/b.json")


def test_credentials_never_land_in_git(sharing: Sharing, endpoint: str):
    for machine in (sharing.first, sharing.second):
        local = (machine.folder / ".dvc/config.local").read_text()
        assert KEY_ID in local
        assert SECRET in local
        assert machine.run("git", "check-ignore", ".dvc/config.local").stdout.strip() == ".dvc/config.local"
        known = machine.run("git", "log", "--all", "--patch").stdout
        assert endpoint in known
        assert KEY_ID not in known
        assert SECRET not in known
