"""The real pipeline in a folder of its own, with tiny data: dvc.yaml, the stages and DVC's settings as they are."""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from stages.common import yaml_files
from tests import tiny
from tests.processes import PATIENCE

ROOT = Path(__file__).parent.parent
AS_THEY_ARE = (
    "dvc.yaml", "stages/**/*.py", ".dvc/config", ".dvc/plots/*", ".dvc/.gitignore", ".dvcignore", ".gitignore",
    "*/.gitignore",
)  # fmt: skip
ONE_RUN = """\
downloads: [tiny]
datasets:
  tiny: {source: data/raw/tiny}
runs:
  tiny: {dataset: tiny, recipe: mlp, seed: 0}
"""


def read_yaml(path: Path) -> Any:
    """Return the plain values of a YAML file, as the project reads it."""
    return yaml_files.parse_yaml(yaml_files.read_text(path), path)


def write(folder: Path, source: Path, params: str, recipes: dict[str, str]) -> Path:
    """Write the pipeline to `folder`; its dataset `tiny` is downloaded from `source`, if the environment says so."""
    for original in (path for pattern in AS_THEY_ARE for path in ROOT.glob(pattern)):
        copy = folder / original.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
    tiny.write_source(source)
    texts = {
        "params.yaml": params,
        "published.yaml": tiny.PUBLISHED,
        "datasets/tiny.yaml": _with_checksums(tiny.DATASET, source),
    }
    texts |= {f"recipes/{name}.yaml": text for name, text in recipes.items()}
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return folder


def environment(source: Path) -> dict[str, str]:
    """Return the variables of a process that runs this Python, downloads from `source`, and keeps to itself."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DVC_", "GIT_"))}
    folders = {f"DVC_{which}_DIR": str(source / "dvc" / which) for which in ("SITE_CACHE", "GLOBAL_CONFIG")}
    people = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return (
        inherited
        | folders
        | people
        | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH": path,
            "DATASETS_FROM": str(source),
            "STAGES_CACHE": str(source / "cache"),
        }
    )


class Repro(NamedTuple):
    """What `dvc repro` did."""

    ran: set[str]
    cached: set[str]
    stdout: str


class Repository:
    """A git repository with the pipeline in it."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        self.source = source

    def run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        variables = environment(self.source)
        done = subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def dvc(self, *arguments: str) -> str:
        done = self.run(sys.executable, "-m", "dvc", *arguments)
        assert "failed to load" not in done.stderr
        return done.stdout

    def table(self, *arguments: str) -> list[list[str]]:
        """Return the cells of a table that DVC prints."""
        return [line.split() for line in self.dvc(*arguments).splitlines()]

    def repro(self, *targets: str) -> Repro:
        stdout = self.dvc("repro", *targets)
        ran = re.findall(r"^Running stage '(.+)':$", stdout, re.MULTILINE)
        cached = re.findall(r"^Stage '(.+)' is cached", stdout, re.MULTILINE)
        return Repro(set(ran), set(cached), stdout)

    def copy_to(self, folder: Path) -> "Repository":
        """Return a copy of it, its cache included."""
        return Repository(shutil.copytree(self.folder, folder), self.source)

    def run_queue(self, jobs: int) -> str:
        """Run the queued experiments, so many at a time; return what DVC says of them when all have ended."""
        self.dvc("queue", "start", "--jobs", str(jobs))
        begun = time.monotonic()
        while "Running" in (status := self.dvc("queue", "status")) or "Queued" in status:
            assert time.monotonic() - begun < PATIENCE, self.dvc("queue", "stop", "--kill") + status
            time.sleep(3)  # to ask is to start DVC
        return status

    def changed_stages(self, *targets: str) -> set[str]:
        return set(json.loads(self.dvc("status", "--json", *targets)))

    def git_status(self) -> set[str]:
        return set(self.run("git", "status", "--short").stdout.splitlines())

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "as it stands")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new))

    def json(self, path: str) -> Any:
        return json.loads((self.folder / path).read_text())

    def rows(self, path: str) -> list[dict[str, str]]:
        with (self.folder / path).open() as file:
            return list(csv.DictReader(file))


def _with_checksums(dataset: str, source: Path) -> str:
    def add(name: re.Match[str]) -> str:
        return f"{name[0]}, sha256: {hashlib.sha256((source / name[1]).read_bytes()).hexdigest()}"

    return re.sub(r"name: ([\w-]+)", add, dataset)
