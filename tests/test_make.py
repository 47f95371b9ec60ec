"""`make` in the places people work in: without git, under odd names, and in a clone of Windows' git."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pipeline, tiny
from tests.pipeline import ROOT, Repository

NOTHING = "downloads: []\ndatasets: {}\nruns: {}\n"  # only `code` runs
NOTE = (
    "note: no git repository, so results will have no history: dvc params diff, dvc exp run and make compare need one; "
    "to have it: git init && git add --all && git commit -m Start\n"
)
NAMES = [
    "我的 项目", "it's", "do$HOME", "a;touch hurt", 'q"q', "ha#sh", "$(touch hurt)", "%x (1) &", "-dash", "back\\slash",
    "${x}", "$$", "`touch hurt`", "a\tb", "[a-z]*", "~",
]  # fmt: skip
GIT = ("git", "-c", "user.name=tests", "-c", "user.email=tests@example.org")


@pytest.fixture
def project(tmp_path: Path) -> Repository:
    """The pipeline with its Makefile and an environment, in a folder that is no git repository."""
    folder = pipeline.write(tmp_path / "project", tmp_path / "source", NOTHING, {"mlp": tiny.RECIPE})
    add_make(folder, f'exec {sys.executable} -m dvc "$@"')
    return Repository(folder, tmp_path / "source")


def add_make(folder: Path, dvc: str) -> Path:
    """Write the Makefile, and an environment that is up to date and has this script in the place of dvc."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".dvc/config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    script = folder / ".venv/bin/dvc"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\n{dvc}\n")
    script.chmod(0o755)
    (folder / ".venv/installed").touch()
    return folder


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a terminal of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--silent", *arguments]
    return subprocess.run(command, cwd=folder, env=inherited | variables, capture_output=True, text=True, check=False)


def test_without_git_the_pipeline_runs_and_a_note_says_how_to_have_a_history(project):
    config = (project.folder / ".dvc/config").read_text()
    first = make(project.folder, "repro", **pipeline.environment(project.source))
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stderr.startswith(NOTE)
    assert "Running stage 'code'" in first.stdout
    assert (project.folder / ".dvc/config").read_text() == f"{config}    no_scm = true\n"

    project.run("git", "init", "--quiet")
    second = make(project.folder, "repro", **pipeline.environment(project.source))
    assert (second.returncode, second.stderr) == (0, "")
    assert (project.folder / ".dvc/config").read_text() == config
    project.commit()
    assert project.dvc("params", "diff") == ""


@pytest.mark.parametrize("place", [".", "sub/folder", "link"])
def test_a_repository_above_the_folder_is_one(tmp_path, place):
    (tmp_path / "outer/.git").mkdir(parents=True)
    folder = add_make(tmp_path / "outer" / ("project" if place == "link" else place), 'echo "dvc $*"')
    if place == "link":
        (tmp_path / "link").symlink_to(folder)
        folder = tmp_path / "link"
    done = make(folder, "repro", PWD=str(folder))
    assert (done.returncode, done.stdout, done.stderr) == (0, "dvc repro\ndvc metrics show\n", "")


@pytest.mark.parametrize("name", NAMES)
def test_make_finds_its_environment_in_a_folder_of_any_name(tmp_path, name):
    folder = add_make(tmp_path / name, 'echo "dvc $*"')
    done = make(folder, "repro", PATH=os.defpath)
    assert (done.returncode, done.stderr) == (0, NOTE)
    assert done.stdout == "dvc config core.no_scm true\ndvc repro\ndvc metrics show\n"
    assert not list(tmp_path.rglob("hurt"))


def test_an_environment_that_others_share_is_not_emptied(tmp_path):
    """`python -m venv --clear` empties what a link leads to."""
    folder = add_make(tmp_path / "project", "")
    shared = (folder / ".venv").rename(tmp_path / "shared")
    (folder / ".venv").symlink_to(shared)
    os.utime(shared / "installed", (0, 0))  # so make would install again
    done = make(folder, "install", PYTHON=sys.executable)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: .venv: expected a folder of this project, received a link, ")
    assert (shared / "bin/dvc").is_file()


def test_a_clone_of_windows_git_has_the_same_bytes(tmp_path):
    """DVC hashes bytes, so lines that end otherwise would run every stage again."""
    source = tmp_path / "source"
    patterns = (
        ".gitattributes",
        "*.yaml",
        "dvc.lock",
        "datasets/*",
        "recipes/*",
        "stages/*",
        "metrics/*",
        "docs/images/*",
    )
    for path in (path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()):
        (source / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, source / path.relative_to(ROOT))
    for name in ("table.csv", "data/own/labels.txt", "data/own/unix.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"path,label\n" if name.endswith("unix.txt") else b"path,label\r\n")
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "all")):
        subprocess.run([*GIT, *command], cwd=source, check=True)
    clone = tmp_path / "clone"
    subprocess.run([*GIT, "clone", "--quiet", "-c", "core.autocrlf=true", source, clone], check=True)

    files = {path.relative_to(clone): path.read_bytes() for path in clone.rglob("*") if path.is_file()}
    files = {path: content for path, content in files.items() if path.parts[0] != ".git"}
    assert {path: (source / path).read_bytes() for path in files} == files
    assert Path("docs/images/report.png") in files
