"""Time what DVC takes with 1, 10 and 100 runs that are up to date, beside toy stages.

Reads the project as it stands; writes benchmarks/RUNS.md. All else happens in a folder that goes in the end.

    python -m benchmarks.runs

Takes about 7 minutes on 2 cores. Let the machine do nothing else meanwhile.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks import processor
from benchmarks.pairs import ROOT, cells, spread, today
from stages import atomic, console
from stages.errors import InputError

TABLE = Path("benchmarks/RUNS.md")
COUNTS, TIMES = (1, 10, 100), 3
FIRST = "run-001"
UP_TO_DATE = "Data and pipelines are up to date."
AS_THEY_ARE = ("dvc.yaml", "stages/**/*.py", "stages/**/*.jinja", ".dvc/config", ".dvc/plots/*", ".dvcignore")
OUTPUTS = ("models", "metrics", "plots", "predictions")
DATASET = "title: Noise\nnpz: {}\n"
RECIPE = """\
network: [rescale, flatten, hidden]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  flatten: {layer: Flatten}
  hidden: {layer: Dense, units: 16, activation: relu}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 1, batch_size: 20, validation: none}
"""
TOY = """\
stages:
  train:
    foreach: ${runs}
    do:
      cmd: cp recipes/noise.yaml models/${key}.keras
      deps: [recipes/noise.yaml]
      params: ["runs.${key}.seed"]
      outs: ["models/${key}.keras"]
  evaluate:
    foreach: ${runs}
    do:
      cmd: cp accuracy.json metrics/${key}.json
      deps: ["models/${key}.keras"]
      metrics: [{"metrics/${key}.json": {cache: false}}]
  predict:
    foreach: ${runs}
    do:
      cmd: cp models/${key}.keras predictions/${key}.csv
      deps: ["models/${key}.keras"]
      outs: ["predictions/${key}.csv"]
"""


class Timed(NamedTuple):
    """A command that is timed.

    Attributes:
        name: What stands in the table.
        words: What is run, behind Python's own name.
        goal: Seconds that it may take with 100 runs, or None.
    """

    name: str
    words: Sequence[str]
    goal: float | None = None


ASKED = (
    Timed("`dvc repro`", ("-m", "dvc", "repro"), 10),
    Timed("`dvc repro --all-pipelines`", ("-m", "dvc", "repro", "--all-pipelines")),
    Timed("`dvc status`", ("-m", "dvc", "status"), 6),
    Timed("`dvc metrics show`", ("-m", "dvc", "metrics", "show"), 3),
    Timed("`dvc params diff`", ("-m", "dvc", "params", "diff")),
    Timed("`dvc commit` of one stage", ("-m", "dvc", "commit", "--force", f"predict@{FIRST}")),
    Timed("`stages.compare`", ("-m", "stages.compare", FIRST)),
    Timed("`stages.report`", ("-m", "stages.report")),
)
HEAD = """\
# Many runs

`python -m benchmarks.runs`, {date}, on {machine}. In seconds: the median of {times}
with the lowest and the highest, each a fresh process, with nothing to do. *Toy* is as many runs in a graph of three
stages a run with one dep and one output each: what DVC takes by itself.

Only the first run is trained, for one epoch on 200 images of noise. The others have the same recipe, data and seed,
which would give the same bytes: their outputs are copies, which `dvc commit` writes into dvc.lock.

| command | {counts} | {toys} | goal | reached |
|{rule}|
"""

app = console.new_app()


@app.command()
@console.command
def main() -> None:
    """Time DVC's commands with 1, 10 and 100 runs, and write benchmarks/RUNS.md."""
    seconds: dict[tuple[str, str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for graph, write in {"ours": write_ours, "toy": write_toy}.items():
            repository = Repository(Path(scratch) / graph)
            write(repository.folder)
            for count in COUNTS:
                repository.hold(count)
                for timed in ASKED:
                    if graph == "ours" or timed.words[1] == "dvc":
                        seconds[graph, timed.name, count] = repository.time(timed)
                        console.say(
                            f"{graph}   {count} runs   {timed.name}   {spread(seconds[graph, timed.name, count])}"
                        )
    with atomic.new_file(TABLE) as partial:
        partial.write_text(table(seconds), encoding="utf-8")


def write_ours(folder: Path) -> None:
    """Write the project's graph, stages and DVC's settings to `folder`, with a tiny dataset and a tiny recipe."""
    for original in (path for pattern in AS_THEY_ARE for path in ROOT.glob(pattern)):
        copy = folder / original.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
    _write(folder, {"published.yaml": "accuracy: {}\n", "datasets/noise.yaml": DATASET, "recipes/noise.yaml": RECIPE})
    random = np.random.Generator(np.random.PCG64(0))
    train, test = (random.integers(0, 256, (count, 28, 28), dtype=np.uint8) for count in (200, 50))
    np.savez(folder / "noise.npz", x_train=train, x_test=test, y_train=np.arange(200) % 10, y_test=np.arange(50) % 10)


def write_toy(folder: Path) -> None:
    """Write a graph of toy stages to `folder`, with DVC's settings."""
    settings = (ROOT / ".dvc/config").read_text(encoding="utf-8")
    files = {
        "dvc.yaml": TOY,
        ".dvc/config": settings,
        "recipes/noise.yaml": RECIPE,
        "accuracy.json": '{"accuracy": 0.5}\n',
    }
    _write(folder, files | {f"{output}/.gitignore": "" for output in OUTPUTS})


def params(count: int) -> str:
    """Return a params.yaml with so many runs."""
    runs = [f"  {name}: {{dataset: noise, recipe: noise, seed: 0}}\n" for name in _names(count)]
    return "downloads: []\ndatasets:\n  noise: {source: noise.npz}\nruns:\n" + "".join(runs)


def copy_outputs(folder: Path, count: int) -> None:
    """Give each run copies of what the first one has made."""
    made = [path for output in OUTPUTS for path in (folder / output).rglob(f"{FIRST}*")]
    for path in made:
        for name in _names(count)[1:]:
            copy = path.with_name(f"{name}{path.suffix}")
            if path.is_dir():
                shutil.copytree(path, copy, dirs_exist_ok=True)
            else:
                shutil.copyfile(path, copy)


class Repository:
    """A git repository with a graph, whose runs are up to date."""

    def __init__(self, folder: Path) -> None:
        """Take `folder`, where the graph will be written; DVC's caches lie beside it."""
        self.folder = folder
        beside = folder.with_name(f"{folder.name}-caches")
        author = {f"GIT_{who}_{what}": "benchmark" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        caches = {"DVC_SITE_CACHE_DIR": "site", "DVC_GLOBAL_CONFIG_DIR": "global", "STAGES_CACHE": "stages"}
        self._environment = {**os.environ, **author, **{name: str(beside / path) for name, path in caches.items()}}

    def hold(self, count: int) -> None:
        """Have so many runs, all up to date and committed."""
        _write(self.folder, {"params.yaml": params(count)})
        if not (self.folder / ".git").exists():
            self._run(["git", "init", "--quiet"])
            self._python("-m", "dvc", "repro")
        copy_outputs(self.folder, count)
        self._python("-m", "dvc", "commit", "--quiet", "--force")
        self._run(["git", "add", "--all"])
        self._run(["git", "commit", "--quiet", "--message", f"{count} runs"])
        require_up_to_date(self._python("-m", "dvc", "status"))

    def time(self, timed: Timed) -> list[float]:
        """Return the seconds that a command takes; all it reads has been read before, by `hold`.

        Raises:
            InputError: It failed, or `dvc repro` found something to do.
        """
        seconds = []
        for _ in range(TIMES):
            started = time.monotonic()
            said = self._python(*timed.words)
            seconds.append(time.monotonic() - started)
            if {"repro", "status"} & set(timed.words):
                require_up_to_date(said)
        return seconds

    def _python(self, *words: str) -> str:
        return self._run([sys.executable, *words])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            console.say(done.stderr)
            raise InputError(" ".join(command), "success", f"exit code {done.returncode}", "mend what is said above")
        return done.stdout


def require_up_to_date(said: str) -> None:
    """Go on if DVC said that there is nothing to do.

    Raises:
        InputError: It said something else.
    """
    if not said.rstrip().endswith(UP_TO_DATE) or "Running stage" in said:
        last = (said.splitlines() or ["nothing"])[-1]
        raise InputError("dvc", f"'{UP_TO_DATE}'", repr(last), "look at what dvc status says of it")


def table(seconds: dict[tuple[str, str, int], list[float]]) -> str:
    """Return benchmarks/RUNS.md from the seconds by graph, name of the command and count of runs."""
    words = [f"{count} run{'s' if count > 1 else ''}" for count in COUNTS]
    head = HEAD.format(
        date=today(),
        machine=_machine(),
        times=TIMES,
        counts=" | ".join(words),
        toys=" | ".join(f"toy, {each}" for each in words),
        rule="|".join(["---"] * (3 + 2 * len(COUNTS))),
    )
    lines = []
    for timed in ASKED:
        taken = [seconds.get((graph, timed.name, count), []) for graph in ("ours", "toy") for count in COUNTS]
        goal, reached = "–", "–"
        if timed.goal:
            goal = f"≤ {timed.goal:g}"
            reached = "yes" if median(taken[len(COUNTS) - 1]) <= timed.goal else "no"
        lines.append(cells(timed.name, *map(spread, taken), goal, reached))
    return head + "".join(lines)


def _machine() -> str:
    reader = "with" if importlib.util.find_spec("_ruamel_yaml") else "without"
    versions = f"Python {platform.python_version()}, DVC {version('dvc')}, ruamel.yaml {version('ruamel.yaml')}"
    return f"{processor.cores()}; {versions} {reader} its reader in C"


def _names(count: int) -> list[str]:
    return [f"run-{number:03}" for number in range(1, count + 1)]


def _write(folder: Path, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    app()
