"""Stop each stage, and `dvc repro`, at random moments; check what is left and what the next start makes.

Prints the table of docs/reliability.md. Everything happens on a disk in memory, so it needs Linux and root.

    python -m benchmarks.interruptions code download preprocess
    python -m benchmarks.interruptions train evaluate predict dvc --moments 5

Takes some hours on 2 cores for all.
"""

import contextlib
import functools
import gzip
import hashlib
import http.server
import json
import multiprocessing
import os
import re
import runpy
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import psutil
import typer

from benchmarks.pairs import ROOT, cells
from stages.common import console
from stages.common.errors import InputError

MOMENTS = 20
DISK_MEGABYTES = 400
PATIENCE_SECONDS = 300
FULL_DISK = "full disk"
SIGNALS = {"kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}
WAYS = (*SIGNALS, FULL_DISK)
COPIED = (
    "dvc.yaml", "stages/**/*.py", "stages/**/*.jinja", ".dvc/config", ".dvc/.gitignore", ".dvc/plots/*", ".dvcignore",
    ".gitignore", "*/.gitignore",
)  # fmt: skip
TEMPORARY = re.compile(r"\..*\.(partial|download|retired|unpacked)(\.|$)")
DATASET = """\
title: Bars
classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
files:
{files}
mirrors:
  - {{url: {url}, suffix: .gz}}
"""
RECIPE = """\
network: [rescale, flatten, hidden]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  flatten: {layer: Flatten}
  hidden: {layer: Dense, units: 16, activation: relu}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 20, batch_size: 2, validation: none, threads: 1}
"""
PARAMS = """\
downloads: [bars]
datasets:
  bars: {source: data/raw/bars}
runs:
  bars: {dataset: bars, recipe: mlp, seed: 0}
"""


class Subject(NamedTuple):
    """Process that is stopped.

    Attributes:
        arguments: Arguments of the Python interpreter.
        outputs: Files and folders that it makes.
        is_light: True if it does not import TensorFlow.
    """

    arguments: Sequence[str]
    outputs: Sequence[str]
    is_light: bool = False


STAGES = {
    "code": Subject(["-m", "stages.code"], ["data/code"], True),
    "download": Subject(["-m", "stages.download", "bars"], ["data/raw"], True),
    "preprocess": Subject(["-m", "stages.preprocess", "bars"], ["data/processed", "plots/samples"], True),
    "train": Subject(
        ["-m", "stages.train", "--run", "bars", "--checkpoint-seconds", "0.5"],
        ["models/bars.keras", "models/bars.tflite", "plots/history"],
    ),
    "evaluate": Subject(
        ["-m", "stages.evaluate", "--run", "bars"],
        ["models/bars.md", "metrics", "plots/classes", "plots/confusion", "plots/pictures"],
    ),
    "predict": Subject(["-m", "stages.predict", "--run", "bars"], ["predictions", "plots/predictions"]),
}
GROUP, ALONE = "`dvc repro`, all processes", "`dvc repro`, `dvc` alone"
REPRO = Subject(["-m", "dvc", "repro"], [path for stage in STAGES.values() for path in stage.outputs] + ["dvc.lock"])
app = console.new_app()


class Trial(NamedTuple):
    """A stop and its consequences.

    Attributes:
        subject: Stage, or `dvc repro`.
        way: How it was stopped.
        place: Moment in seconds after the start, or bytes that were free.
        code: Exit code.
        faults: What was wrong, nothing if all was right.
        said: Last lines of what it said.
    """

    subject: str
    way: str
    place: float
    code: int
    faults: list[str]
    said: list[str]


class Project:
    """Tiny project on a disk of its own.

    Args:
        disk: Folder of the disk.
        url: Server of the data.
    """

    def __init__(self, disk: Path, url: str) -> None:
        self.disk, self.url = disk, url
        self.folder = disk / "project"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "DATASETS_"))},
            "DVC_SITE_CACHE_DIR": str(disk / "dvc-site"),
            "DVC_GLOBAL_CONFIG_DIR": str(disk / "dvc-global"),
            "STAGES_CACHE": str(disk / "cache"),
            "CHECKPOINT_SECONDS": "0.5",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        self.write()

    def write(self) -> None:
        """Write the project anew, with nothing made yet."""
        for each in self.disk.iterdir():
            shutil.rmtree(each)
        for original in (path for pattern in COPIED for path in ROOT.glob(pattern)):
            copy = self.folder / original.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, copy)
        lines = [
            f"  {key}: {{name: {name}, sha256: {hashlib.sha256(content).hexdigest()}}}"
            for key, (name, content) in idx_files().items()
        ]
        texts = {
            "params.yaml": PARAMS,
            "published.yaml": "accuracy: {}\n",
            "recipes/mlp.yaml": RECIPE,
            "datasets/bars.yaml": DATASET.format(files="\n".join(lines), url=self.url),
        }
        for path, text in texts.items():
            (self.folder / path).parent.mkdir(exist_ok=True)
            (self.folder / path).write_text(text, encoding="utf-8")
        subprocess.run(["git", "init", "--quiet"], cwd=self.folder, check=True)

    def start(self, subject: Subject) -> subprocess.Popen[str]:
        """Start a process in a session of its own; what it says goes into a file."""
        with Path(tempfile.gettempdir(), f"said-{os.getpid()}.txt").open("w") as said:
            return subprocess.Popen(
                [sys.executable, *subject.arguments],
                cwd=self.folder, env=self.environment, stdout=said, stderr=said, text=True, start_new_session=True,
                preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip

    def said(self) -> list[str]:
        """Return the lines of the last process that was started."""
        path = Path(tempfile.gettempdir(), f"said-{os.getpid()}.txt")
        return [line for line in path.read_text(errors="replace").splitlines() if line.strip()]

    def made(self, subject: Subject) -> dict[str, bytes]:
        """Return the files of a subject's outputs, by path."""
        roots = [self.folder / path for path in subject.outputs]
        paths = [each for root in roots for each in (root.rglob("*") if root.is_dir() else [root])]
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in paths
            if path.is_file() and path.name != ".gitignore" and not any(map(TEMPORARY.match, path.parts))
        }

    def forget(self, subject: Subject) -> None:
        """Remove a subject's outputs."""
        for name in self.made(subject):
            (self.folder / name).unlink()

    def temporary_files(self) -> list[str]:
        """Return the temporary files of the stages, and checkpoints."""
        parents = [self.folder / name for name in ("data", "models", "metrics", "plots", "predictions", "logs")]
        found = [path for parent in parents for path in parent.rglob(".*") if TEMPORARY.match(path.name)]
        found += self.disk.glob("cache/checkpoints/*")
        return sorted(path.relative_to(self.disk).as_posix() for path in found)

    def free_bytes(self) -> int:
        """Return the free space of the disk."""
        status = os.statvfs(self.disk)
        return status.f_bavail * status.f_frsize

    @contextmanager
    def filled(self, free: int) -> Iterator[None]:
        """Leave so many bytes free while the block runs."""
        filler = self.disk / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, self.free_bytes() - free))
        try:
            yield
        finally:
            filler.unlink()


@app.command()
@console.command
def main(
    names: Annotated[list[str] | None, typer.Argument(help="Stages, or dvc.  [default: all]")] = None,
    moments: Annotated[int, typer.Option(help="Moments of each stage and way.")] = MOMENTS,
    seed: Annotated[int, typer.Option(help="Seed of the moments.")] = 0,
    log: Annotated[Path | None, typer.Option(help="Write a JSON line for each moment to this file.")] = None,
) -> None:
    """Stop each stage, and `dvc repro`, at random moments, and check what is left and what the next start makes."""
    trials = []
    with own_disk() as disk, serve() as url:
        project = Project(disk, url)
        for trial in all_trials(project, names or [*STAGES, "dvc"], moments, seed):
            trials.append(trial)
            console.say(f"{trial.subject}   {trial.way}   {trial.place:.3g}   {trial.faults or 'right'}")
            if log:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(trial._asdict()) + "\n")
    typer.echo(table(trials), nl=False)


def all_trials(project: Project, names: Sequence[str], moments: int, seed: int) -> Iterator[Trial]:
    """Yield a trial for each stage, way and moment."""
    stages = STAGES if set(names) - {"dvc"} else {}
    for name, stage in stages.items():
        finish(project, stage)  # the next needs its outputs
        if name in names:
            yield from stage_trials(project, name, moments, seed)
    if "dvc" in names:
        yield from repro_trials(project, moments, seed)


def stage_trials(project: Project, name: str, moments: int, seed: int) -> Iterator[Trial]:
    """Yield the trials of a stage."""
    stage, generator = STAGES[name], np.random.Generator(np.random.PCG64([seed, *name.encode()]))
    reference = project.made(stage)
    project.forget(stage)
    seconds, need = measure(project, stage)
    console.say(f"{name}: {seconds:.1f} s, {need / 1e6:.2f} MB")
    for way in WAYS:
        for _ in range(moments):
            project.forget(stage)
            place = generator.uniform(0, need if way == FULL_DISK else seconds)
            code = stop(project, stage, way, place)
            said, faults = project.said(), []
            if way != "kill -9":
                faults += told_wrong(way, code, said)
                faults += [f"left {path}" for path in project.temporary_files() if "checkpoints/" not in path]
            faults += wrong(project.made(stage), reference, must_be_all=False)
            finish(project, stage)
            faults += wrong(project.made(stage), reference, must_be_all=True)
            faults += [f"left for ever {path}" for path in project.temporary_files()]
            yield Trial(name, way, place, code, faults, said[-3:])


def repro_trials(project: Project, moments: int, seed: int) -> Iterator[Trial]:
    """Yield the trials of `dvc repro`."""
    generator = np.random.Generator(np.random.PCG64(seed))
    project.write()
    seconds, need = measure(project, REPRO)
    reference = project.made(REPRO)
    console.say(f"dvc repro: {seconds:.1f} s, {need / 1e6:.2f} MB")
    for _ in range(moments):  # not way by way, so a series cut short has some of each
        for subject in (GROUP, ALONE):
            for way in WAYS if subject == GROUP else SIGNALS:
                project.write()
                place = generator.uniform(0, need if way == FULL_DISK else seconds)
                code = stop(project, REPRO, way, place, alone=subject == ALONE)
                said, made = project.said(), project.made(REPRO)
                faults = [] if way == "kill -9" else [line for line in said if "Traceback" in line]
                made.pop("dvc.lock", None)
                faults += wrong(made, reference, must_be_all=False)
                process = project.start(REPRO)
                if process.wait(PATIENCE_SECONDS):
                    faults += ["the next start: " + " / ".join(project.said()[-4:])]
                faults += wrong(project.made(REPRO), reference, must_be_all=True)
                faults += [f"left for ever {path}" for path in project.temporary_files()]
                yield Trial(subject, way, place, code, faults, said[-4:])


def measure(project: Project, subject: Subject) -> tuple[float, int]:
    """Return the seconds and the bytes of disk that an undisturbed start takes."""
    started, before = time.monotonic(), project.free_bytes()
    lowest, process = before, project.start(subject)
    while process.poll() is None:
        lowest = min(lowest, project.free_bytes())
        time.sleep(0.002)
    if process.returncode:
        raise InputError(" ".join(subject.arguments), "success", project.said()[-1], "fix that first")
    return time.monotonic() - started, before - lowest


def stop(project: Project, subject: Subject, way: str, place: float, *, alone: bool = False) -> int:
    """Start a process, stop it, wait until all that it started has ended, and return its exit code.

    Args:
        project: Project.
        subject: Process.
        way: How to stop it.
        place: Seconds after the start, or bytes that are free.
        alone: True to stop this process only, not those that it started.
    """
    if way == FULL_DISK:
        with project.filled(int(place)):
            process = project.start(subject)
            code = process.wait(PATIENCE_SECONDS)
            _wait_for_session(process.pid)
            return code
    process = project.start(subject)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(place)
    with contextlib.suppress(ProcessLookupError):
        (os.kill if alone else os.killpg)(process.pid, SIGNALS[way])
    code = process.wait(PATIENCE_SECONDS)
    _wait_for_session(process.pid)
    return code


def _wait_for_session(session: int) -> None:
    """Wait until all processes of a session have ended."""
    started = time.monotonic()
    while any(_is_in(process, session) for process in psutil.process_iter()):
        if time.monotonic() - started > PATIENCE_SECONDS:
            raise InputError("a process", "an end", "none", "look for an orphan")
        time.sleep(0.02)


def _is_in(process: psutil.Process, session: int) -> bool:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    return False


def finish(project: Project, stage: Subject) -> None:
    """Start a stage again, and wait until it ends."""
    if stage.is_light:
        process = project.start(stage)
        code: int | None = process.wait(PATIENCE_SECONDS)
    else:  # TensorFlow is imported once for all
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["keras"])
        said = Path(tempfile.gettempdir(), f"said-{os.getpid()}.txt")
        child = context.Process(target=_run, args=(project.folder, project.environment, stage.arguments[1:], said))
        child.start()
        child.join(PATIENCE_SECONDS)
        code = child.exitcode
    if code:
        console.say(f"the next start ended with {code}: {project.said()[-3:]}")


def _run(folder: Path, environment: Mapping[str, str], arguments: Sequence[str], said: Path) -> None:
    """Be a stage, in a process of its own."""
    os.chdir(folder)
    os.environ |= environment
    for descriptor in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def told_wrong(way: str, code: int, said: Sequence[str]) -> list[str]:
    """Return what was wrong with what a stage said when it was stopped."""
    expected = {"SIGTERM": (143, "stopped by SIGTERM: "), "Ctrl-C": (130, "stopped: "), FULL_DISK: (1, "error: ")}
    right_code, line = expected[way]
    if code < 0:
        return []  # it had not begun, or had done all
    faults = ["a traceback"] if any("Traceback" in each for each in said) else []
    if code and (code, sum(each.startswith(line) for each in said)) != (right_code, 1):
        faults.append(f"exit code {code}, said {' / '.join(said[-3:])}")
    return faults


def wrong(made: Mapping[str, bytes], reference: Mapping[str, bytes], *, must_be_all: bool) -> list[str]:
    """Return the outputs that are not as they should be.

    Args:
        made: Outputs.
        reference: Outputs of a start that was never stopped.
        must_be_all: True if none may be missing. Otherwise a history may also be that of the first epochs.
    """
    faults = [f"missing {path}" for path in reference if path not in made] if must_be_all else []
    for path, content in made.items():
        expected = reference.get(path, b"")
        is_start = not must_be_all and path.startswith("plots/history/") and content.endswith(b"\n")
        if content != expected and not (is_start and expected.startswith(content)):
            faults.append(f"wrong {path}")
    return faults


@contextmanager
def own_disk() -> Iterator[Path]:
    """Yield a disk in memory."""
    disk = Path(tempfile.mkdtemp())
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", disk], check=False)
    if done.returncode:
        raise InputError("mount", "a disk in memory", f"exit code {done.returncode}", "run this as root on Linux")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
        disk.rmdir()


@functools.cache
def idx_files() -> dict[str, tuple[str, bytes]]:
    """Return name and content of each file of the dataset, by key."""
    files = {}
    for prefix, split, count, seed in (("train", "train", 2000, 1), ("t10k", "test", 500, 2)):
        generator = np.random.Generator(np.random.PCG64(seed))
        labels = generator.permutation(np.arange(count) % 10).astype(np.uint8)
        images = generator.integers(0, 40, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[:, 2 * label + 2 : 2 * label + 4] = 250
        files[f"{split}_images"] = (f"{prefix}-images-idx3-ubyte", _idx(images))
        files[f"{split}_labels"] = (f"{prefix}-labels-idx1-ubyte", _idx(labels))
    return files


def _idx(array: npt.NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@contextmanager
def serve() -> Iterator[str]:
    """Serve the files of the dataset, slowly, and yield the address."""
    contents = {f"/{name}.gz": gzip.compress(content, 1) for name, content in idx_files().values()}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = contents[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the other side was stopped
                for start in range(0, len(content), 1 << 15):
                    self.wfile.write(content[start : start + (1 << 15)])
                    time.sleep(0.01)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def table(trials: Sequence[Trial]) -> str:
    """Return a table in Markdown: after how many moments all was right."""
    lines = [cells("stopped", *WAYS), f"|{'|'.join(['---'] * (1 + len(WAYS)))}|\n"]
    for subject in dict.fromkeys(trial.subject for trial in trials):
        row = []
        for way in WAYS:
            right = [not trial.faults for trial in trials if (trial.subject, trial.way) == (subject, way)]
            row.append(f"{sum(right)} of {len(right)}" if right else "–")
        lines.append(cells(subject, *row))
    return "".join(lines)


if __name__ == "__main__":
    app()
