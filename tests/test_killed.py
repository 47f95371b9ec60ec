"""Real trainings that are killed, again and again, and end with the same bytes."""

import os
import shutil
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import pytest

from stages import preprocess
from tests import commands, tiny
from tests.processes import ended, start_training, wait_until

# what it does when it is killed, and how many seconds later
KILLS = (("compiles", 0.2), ("trains", 0.3), ("writes", 0.1), ("compiles", 0.3), ("trains", 0.1), ("writes", 0.0))
RUN = "tiny-mlp"
MODEL, HISTORY = Path(f"models/{RUN}.keras"), Path(f"plots/history/{RUN}.csv")
GOING_ON = "going on from step "
# 10 epochs of 100 steps ≈ 2 s on 2 cores, after TensorFlow's import and the compilation
CNN = """\
network: [rescale, conv, norm, pool, flatten, drop, hidden]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  conv: {layer: Conv2D, filters: 8, kernel_size: 3, activation: relu}
  norm: {layer: BatchNormalization}
  pool: {layer: MaxPooling2D, pool_size: 2}
  flatten: {layer: Flatten}
  drop: {layer: Dropout, rate: 0.3}
  hidden: {layer: Dense, units: 32, activation: relu}
optimizer: {name: adam, learning_rate: 0.001}
training:
  {epochs: 10, batch_size: 20, validation: 100, shards: 2, keep: best, schedule: {name: cosine, warmup_epochs: 1}}
"""


class Project(NamedTuple):
    """A tiny project, what its training makes when nothing stops it, and how long its steps take."""

    folder: Path
    model: bytes
    history: bytes

    def start(self, checkpoint_seconds: float = 0.2) -> BaseProcess:
        """Start the training."""
        return start_training(self.folder, "--run", RUN, "--checkpoint-seconds", str(checkpoint_seconds))

    def said(self, name: str = "stderr.txt") -> str:
        return (self.folder / name).read_text()

    def checkpoints(self) -> list[str]:
        return [path.name for path in self.folder.glob("cache/checkpoints/*")]

    def checkpoint_time(self) -> int | None:
        """Return when the checkpoint was written, in nanoseconds, or None if there is none."""
        times = [path.stat().st_mtime_ns for path in self.folder.glob("cache/checkpoints/[!.]*.npz")]
        return times[0] if times else None

    def is_writing(self) -> bool:
        return any("partial" in name for name in self.checkpoints())

    def forget(self) -> None:
        """Start over: no outputs and no checkpoint."""
        for path in ("models", "plots", "cache"):
            shutil.rmtree(self.folder / path, ignore_errors=True)

    def is_made(self) -> bool:
        return ((self.folder / MODEL).read_bytes(), (self.folder / HISTORY).read_bytes()) == (self.model, self.history)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tiny.write_project(tmp_path_factory.mktemp("killed"))
    tiny.write_source(folder / "data/raw/tiny", train=2100)
    (folder / "recipes/mlp.yaml").write_text(CNN)
    commands.run_all(folder, (preprocess.app, ["tiny"]))
    process = Project(folder, b"", b"").start()
    assert ended(process) == 0, (folder / "stderr.txt").read_text()
    return Project(folder, (folder / MODEL).read_bytes(), (folder / HISTORY).read_bytes())


@pytest.fixture
def project(made: Project) -> Project:
    made.forget()
    return made


def killed(project: Project, when: str, seconds: float) -> int | None:
    """Start the training and kill it so many seconds after that moment; return its exit code."""
    process = project.start()
    assert wait_until(lambda: "Total params" in project.said("stdout.txt"), process), project.said()
    before = project.checkpoint_time()
    if when != "compiles":
        wait_until(lambda: project.checkpoint_time() != before, process)
    time.sleep(seconds)
    if when == "writes":
        wait_until(project.is_writing, process)
    process.kill()
    return ended(process)


def test_a_training_killed_again_and_again_ends_with_the_same_bytes(project: Project):
    """Killed while it compiles, trains, or writes a checkpoint; each start does some steps more."""
    resumed = 0
    for when, seconds in KILLS:
        while not (code := killed(project, when, seconds)):  # a fast machine was done before
            assert project.is_made()
            project.forget()
            seconds /= 2
        assert code == -signal.SIGKILL, project.said()
        assert not (project.folder / MODEL).exists()
        resumed += GOING_ON in project.said()
    assert ended(project.start()) == 0, project.said()
    resumed += GOING_ON in project.said()

    assert project.is_made()
    assert project.checkpoints() == []
    assert resumed >= len(KILLS) / 2  # all that followed a checkpoint and lived until they could say so


@pytest.mark.parametrize(
    ("number", "line"),
    [(signal.SIGINT, "stopped"), (signal.SIGTERM, "stopped by SIGTERM"), (signal.SIGHUP, "stopped by SIGHUP")],
)
def test_ctrl_c_or_a_signal_leaves_a_checkpoint_and_a_line_that_says_how_to_go_on(
    project: Project, number: int, line: str
):
    process = project.start(checkpoint_seconds=1000)
    assert wait_until(lambda: "epoch 1/" in project.said(), process), project.said()
    assert project.checkpoints() == []
    os.kill(process.pid, number)
    code = ended(process)
    lines = [each for each in project.said().splitlines() if each and not each.startswith(("epoch", "warning: "))]
    assert (code, lines) == (
        128 + number,
        [f"{line}: nothing half-written was left behind; run the same command again to go on"],
    )

    assert len(project.checkpoints()) == 1
    assert not (project.folder / MODEL).exists()

    process = project.start()
    assert ended(process) == 0
    assert GOING_ON in project.said()
    assert project.is_made()
