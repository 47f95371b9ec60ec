"""DVC is killed and its stage lives on: it publishes nothing, and the next `dvc repro` is none the worse."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests import pipeline, tiny
from tests.processes import PATIENCE, wait_until

# 100 epochs of 200 steps ≈ 4 s on 2 cores, so that there is time to kill it
RECIPE = tiny.RECIPE.replace("epochs: 2, batch_size: 20", "epochs: 100, batch_size: 1")
OUTPUTS = ("models/tiny.keras", "plots/history/tiny.csv")
WAITING = "another process is training models/tiny.keras (process "
GONE = "stopped, since dvc has ended: nothing half-written was left behind; run dvc repro again to go on"


class Repository:
    """A git repository with the pipeline, its data ready, and a cache folder for checkpoints."""

    def __init__(self, base: Path) -> None:
        self.folder, self.source, self.cache = base / "repository", base / "source", base / "cache"
        self.started: list[psutil.Process] = []
        pipeline.write(self.folder, self.source, pipeline.ONE_RUN, {"mlp": RECIPE})
        subprocess.run(["git", "init", "--quiet"], cwd=self.folder, check=True)
        assert self.start("dvc", "repro", "preprocess@tiny").wait(PATIENCE) == 0

    def start(self, *module: str, checkpoint_seconds: float = 0.1, group: int | None = None) -> subprocess.Popen[bytes]:
        """Start a Python module; what it and its children say goes into a file for each.

        With `group` 0 they are a process group of their own, to which the system sends SIGHUP if its first process ends
        while another is suspended.
        """
        settings = {"STAGES_CACHE": str(self.cache), "SHELL": "/bin/sh"}
        settings["CHECKPOINT_SECONDS"] = str(checkpoint_seconds)
        environment = pipeline.environment(self.source) | settings
        self.log = self.folder.parent / f"{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            command = [sys.executable, "-m", *module]
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=group,
            )
        self.started.append(psutil.Process(process.pid))
        return process

    def set_seed(self, seed: int) -> None:
        (self.folder / "params.yaml").write_text(pipeline.ONE_RUN.replace("seed: 0", f"seed: {seed}"))

    def outputs(self) -> list[bytes]:
        return [(self.folder / path).read_bytes() for path in OUTPUTS]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    made = Repository(tmp_path)
    yield made
    for process in made.started:  # those of a test that failed
        with suppress(psutil.NoSuchProcess):
            for each in [process, *process.children(recursive=True)]:
                each.kill()


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_an_orphan_publishes_nothing_and_the_next_repro_waits_for_it(repository: Repository):
    first = repository.start("dvc", "repro", "train@tiny")
    first_log = repository.log
    assert wait_until(lambda: any(repository.cache.glob("checkpoints/[!.]*.npz")), first), first_log.read_text()
    orphan = psutil.Process(first.pid).children(recursive=True)[-1]  # a shell may stand between
    repository.started.append(orphan)
    orphan.send_signal(signal.SIGSTOP)  # so that it is still there when the next one starts
    first.kill()
    first.wait()

    repository.set_seed(1)
    second = repository.start("dvc", "repro", "train@tiny")
    second_log = repository.log
    assert wait_until(lambda: WAITING in second_log.read_text(), second), second_log.read_text()
    assert not any((repository.folder / path).exists() for path in OUTPUTS)
    orphan.send_signal(signal.SIGCONT)
    assert second.wait(PATIENCE) == 0, second_log.read_text()

    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    assert GONE in first_log.read_text().splitlines()
    assert "going on" not in second_log.read_text()  # from the other seed's checkpoint
    assert repository.start("dvc", "status", "train@tiny").wait(PATIENCE) == 0
    assert "up to date" in repository.log.read_text()
    published = repository.outputs()
    for path in OUTPUTS:
        (repository.folder / path).unlink()
    assert repository.start("stages.train", "--run", "tiny").wait(PATIENCE) == 0
    assert repository.outputs() == published  # a clean run's with the new seed

    repository.set_seed(0)
    third = repository.start("dvc", "repro", "train@tiny")
    assert third.wait(PATIENCE) == 0, repository.log.read_text()
    assert "going on from step" in repository.log.read_text()  # the orphan's checkpoint is not lost
    assert repository.outputs() != published


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_signal_to_dvc_or_to_all_leaves_a_checkpoint_of_the_very_step(repository: Repository):
    """To all by Slurm, systemd or a closed terminal, to `dvc` alone by kill."""
    for send in (os.kill, os.killpg):
        process = repository.start("dvc", "repro", "train@tiny", checkpoint_seconds=1000, group=0)
        log = repository.log
        assert wait_until(lambda log=log: "epoch " in log.read_text().split("going on")[-1], process), log.read_text()
        orphan = psutil.Process(process.pid).children(recursive=True)[-1]
        send(process.pid, signal.SIGTERM)
        assert process.wait(PATIENCE) == -signal.SIGTERM
        assert wait_until(lambda orphan=orphan: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)

        *_, line = log.read_text().splitlines()
        assert line.startswith("stopped")
        assert line.endswith(" to go on")
        assert "Traceback" not in log.read_text()
        assert len(list(repository.cache.glob("checkpoints/*"))) == 1
        assert not any((repository.folder / path).exists() for path in OUTPUTS[:1])

    assert repository.start("dvc", "repro", "train@tiny").wait(PATIENCE) == 0
    assert "going on from step" in repository.log.read_text()
