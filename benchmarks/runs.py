"""Time DVC's commands with 1, 10 and 100 runs that are up to date, against the same commands on toy stages.

Reads the files of the project; writes benchmarks/RUNS.md. Everything else happens in a temporary folder.

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
from stages.common import atomic, console
from stages.common.errors import InputError

TABLE = Path("benchmarks/RUNS.md")
COUNTS, REPEATS = (1, 10, 100), 3
FIRST = "run-001"
UP_TO_DATE = "Data and pipelines are up to date."
COPIED = ("dvc.yaml", "stages/**/*.py", "stages/**/*.jinja", ".dvc/config", ".dvc/plots/*", ".dvcignore")
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


class TimedCommand(NamedTuple):
    """Command that is timed.

    Attributes:
        title: First cell of its line in the table.
        arguments: Arguments of the Python interpreter.
        goal: Most seconds that it should take with 100 runs, or None.
    """

    title: str
    arguments: Sequence[str]
    goal: float | None = None


COMMANDS = (
    TimedCommand("`dvc repro`", ("-m", "dvc", "repro"), 10),
    TimedCommand("`dvc repro --all-pipelines`", ("-m", "dvc", "repro", "--all-pipelines")),
    TimedCommand("`dvc status`", ("-m", "dvc", "status"), 6),
    TimedCommand("`dvc metrics show`", ("-m", "dvc", "metrics", "show"), 3),
    TimedCommand("`dvc params diff`", ("-m", "dvc", "params", "diff")),
    TimedCommand("`dvc commit` of one stage", ("-m", "dvc", "commit", "--force", f"predict@{FIRST}")),
    TimedCommand("`stages.compare`", ("-m", "stages.compare", FIRST)),
    TimedCommand("`stages.report`", ("-m", "stages.report")),
)
INTRODUCTION = """\
# Many runs

`python -m benchmarks.runs`, {date}, on {machine}. In seconds: the median of {repeats}
with the lowest and the highest, each a fresh process, with every stage up to date. *Toy* is a graph with the same
number of runs, three stages per run, and one dep and one output per stage. It shows what DVC takes by itself.

Only the first run is trained, for one epoch on 200 images of noise. The others have the same recipe, data and seed,
which would give the same bytes. Their outputs are copies, which `dvc commit` writes into dvc.lock.

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
                repository.commit_runs(count)
                for command in COMMANDS:
                    if graph == "ours" or command.arguments[1] == "dvc":
                        times = seconds[graph, command.title, count] = repository.time(command)
                        console.say(f"{graph}   {count} runs   {command.title}   {spread(times)}")
    atomic.write_text(TABLE, text(seconds))


def write_ours(folder: Path) -> None:
    """Write the project's graph, stages and settings of DVC to `folder`, with a tiny dataset and a tiny recipe."""
    for original in (path for pattern in COPIED for path in ROOT.glob(pattern)):
        copy = folder / original.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
    _write(folder, {"published.yaml": "accuracy: {}\n", "datasets/noise.yaml": DATASET, "recipes/noise.yaml": RECIPE})
    random = np.random.Generator(np.random.PCG64(0))
    train, test = (random.integers(0, 256, (count, 28, 28), dtype=np.uint8) for count in (200, 50))
    np.savez(folder / "noise.npz", x_train=train, x_test=test, y_train=np.arange(200) % 10, y_test=np.arange(50) % 10)


def write_toy(folder: Path) -> None:
    """Write a graph of toy stages to `folder`, with the project's settings of DVC."""
    settings = (ROOT / ".dvc/config").read_text(encoding="utf-8")
    files = {
        "dvc.yaml": TOY,
        ".dvc/config": settings,
        "recipes/noise.yaml": RECIPE,
        "accuracy.json": '{"accuracy": 0.5}\n',
    }
    _write(folder, files | {f"{output}/.gitignore": "" for output in OUTPUTS})


def params(count: int) -> str:
    """Return a params.yaml with `count` runs."""
    runs = [f"  {name}: {{dataset: noise, recipe: noise, seed: 0}}\n" for name in _names(count)]
    return "downloads: []\ndatasets:\n  noise: {source: noise.npz}\nruns:\n" + "".join(runs)


def copy_outputs(folder: Path, count: int) -> None:
    """Copy the outputs of the first run for each of the others, `count` runs in all."""
    outputs = [path for output in OUTPUTS for path in (folder / output).rglob(f"{FIRST}*")]
    for path in outputs:
        for name in _names(count)[1:]:
            copy = path.with_name(f"{name}{path.suffix}")
            if path.is_dir():
                shutil.copytree(path, copy, dirs_exist_ok=True)
            else:
                shutil.copyfile(path, copy)


class Repository:
    """Git repository with a graph whose runs are up to date.

    Args:
        folder: Folder of the repository. DVC's caches lie beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        beside = folder.with_name(f"{folder.name}-caches")
        author = {f"GIT_{who}_{what}": "benchmark" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        caches = {"DVC_SITE_CACHE_DIR": "site", "DVC_GLOBAL_CONFIG_DIR": "global", "STAGES_CACHE": "stages"}
        self._environment = {**os.environ, **author, **{name: str(beside / path) for name, path in caches.items()}}

    def commit_runs(self, count: int) -> None:
        """Write `count` runs to params.yaml, bring them all up to date, and commit them."""
        _write(self.folder, {"params.yaml": params(count)})
        if not (self.folder / ".git").exists():
            self._run(["git", "init", "--quiet"])
            self._python("-m", "dvc", "repro")
        copy_outputs(self.folder, count)
        self._python("-m", "dvc", "commit", "--quiet", "--force")
        self._run(["git", "add", "--all"])
        self._run(["git", "commit", "--quiet", "--message", f"{count} runs"])
        check_up_to_date(self._python("-m", "dvc", "status"))

    def time(self, command: TimedCommand) -> list[float]:
        """Return the seconds of a command, REPEATS times; `commit_runs` has already read all that it reads.

        Raises:
            InputError: The command failed, or DVC found something to do.
        """
        seconds = []
        for _ in range(REPEATS):
            started = time.monotonic()
            output = self._python(*command.arguments)
            seconds.append(time.monotonic() - started)
            if {"repro", "status"} & set(command.arguments):
                check_up_to_date(output)
        return seconds

    def _python(self, *arguments: str) -> str:
        return self._run([sys.executable, *arguments])

    def _run(self, command: list[str]) -> str:
        """Run a command in the repository, and return its standard output."""
        process = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        if process.returncode:
            console.say(process.stderr)
            next_step = "fix the error above"
            raise InputError(" ".join(command), "success", f"exit code {process.returncode}", next_step)
        return process.stdout


def check_up_to_date(output: str) -> None:
    """Raise if DVC found something to do.

    Args:
        output: Standard output of `dvc repro` or `dvc status`.

    Raises:
        InputError: The output says something else than that all is up to date.
    """
    if not output.rstrip().endswith(UP_TO_DATE) or "Running stage" in output:
        last_line = (output.splitlines() or ["nothing"])[-1]
        raise InputError("dvc", f"'{UP_TO_DATE}'", repr(last_line), "run dvc status to see why")


def text(seconds: dict[tuple[str, str, int], list[float]]) -> str:
    """Return benchmarks/RUNS.md.

    Args:
        seconds: Seconds of each repeat, by graph ("ours" or "toy"), title of the command and number of runs.
    """
    counts = [f"{count} run{'s' if count > 1 else ''}" for count in COUNTS]
    introduction = INTRODUCTION.format(
        date=today(),
        machine=_machine(),
        repeats=REPEATS,
        counts=" | ".join(counts),
        toys=" | ".join(f"toy, {each}" for each in counts),
        rule="|".join(["---"] * (3 + 2 * len(COUNTS))),
    )
    lines = []
    for command in COMMANDS:
        times = [seconds.get((graph, command.title, count), []) for graph in ("ours", "toy") for count in COUNTS]
        goal, reached = "–", "–"
        if command.goal:
            goal = f"≤ {command.goal:g}"
            reached = "yes" if median(times[len(COUNTS) - 1]) <= command.goal else "no"
        lines.append(cells(command.title, *map(spread, times), goal, reached))
    return introduction + "".join(lines)


def _machine() -> str:
    reader = "with" if importlib.util.find_spec("_ruamel_yaml") else "without"
    versions = f"Python {platform.python_version()}, DVC {version('dvc')}, ruamel.yaml {version('ruamel.yaml')}"
    return f"{processor.cores()}; {versions} {reader} its reader in C"


def _names(count: int) -> list[str]:
    return [f"run-{number:03}" for number in range(1, count + 1)]


def _write(folder: Path, contents: dict[str, str]) -> None:
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    app()
