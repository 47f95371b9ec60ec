"""Real trainings by several processes that talk over the loopback, each in a project of its own, as on machines."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.workers import free_addresses
from stages import preprocess, train
from stages.model import history
from tests import commands, pipeline, processes, tiny
from tests.processes import ended, wait_until

RUN = "tiny-mlp"
MODEL, HISTORY = Path(f"models/{RUN}.keras"), Path(f"plots/history/{RUN}.csv")
NETWORK = """\
network: [rescale, conv, pool, flatten, hidden]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  conv: {layer: Conv2D, filters: 8, kernel_size: 3, activation: relu}
  pool: {layer: MaxPooling2D, pool_size: 2}
  flatten: {layer: Flatten}
  hidden: {layer: Dense, units: 32, activation: relu}
optimizer: {name: sgd, learning_rate: 0.01, momentum: 0.5}
"""
A_STEP_AN_EPOCH = NETWORK + "training: {epochs: 100, batch_size: 200, validation: none}\n"  # of the 200 images
WITH_CHANCE = (
    A_STEP_AN_EPOCH.replace("pool, flatten, hidden]", "norm, pool, flatten, drop, hidden]")
    .replace("  pool:", "  norm: {layer: BatchNormalization}\n  drop: {layer: Dropout, rate: 0.3}\n  pool:")
    .replace("batch_size: 200", "batch_size: 200, ema_decay: 0.9, class_weights: balanced, threads: 1")
    .replace("learning_rate: 0.01", "learning_rate: 0.002")
)
LONG = NETWORK + "training: {epochs: 60, batch_size: 20, validation: 50, keep: best}\n"


class Machines:
    """Copies of one project, each with a worker."""

    def __init__(self, project: Path, count: int) -> None:
        parent = project.parent / f"{project.name}-machines"
        shutil.rmtree(parent, ignore_errors=True)
        self.folders = [shutil.copytree(project, parent / str(number)) for number in range(count)]

    def start(self, *arguments: str) -> list[BaseProcess]:
        addresses = ",".join(free_addresses(len(self.folders)))
        return [
            processes.start_training(folder, "--run", RUN, "--workers", addresses, "--index", str(number), *arguments)
            for number, folder in enumerate(self.folders)
        ]

    def train(self, *arguments: str) -> None:
        started = self.start(*arguments)
        for process, folder in zip(started, self.folders, strict=True):
            assert ended(process) == 0, (folder / "stderr.txt").read_text()

    def made(self) -> list[bytes]:
        return [(self.folders[0] / made).read_bytes() for made in (MODEL, HISTORY)]

    def said(self, number: int) -> str:
        return (self.folders[number] / "stderr.txt").read_text()


def config(addresses: list[str], job: str, index: int) -> str:
    """Return what TF_CONFIG says to a worker."""
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": job, "index": index}})


def project(folder: Path, recipe: str) -> Path:
    tiny.write_project(folder)
    (folder / "recipes/mlp.yaml").write_text(recipe)
    commands.run_all(folder, (preprocess.app, ["tiny"]))
    return folder


def train_alone(folder: Path) -> list[history.Epoch]:
    process = processes.start_training(folder, "--run", RUN)
    assert ended(process) == 0, (folder / "stderr.txt").read_text()
    return history.read(folder / HISTORY)


def losses(epochs: list[history.Epoch]) -> list[float]:
    return [epoch.loss for epoch in epochs]


def test_two_workers_make_the_steps_of_one_process_and_the_chief_alone_writes(tmp_path: Path):
    here = project(tmp_path / "p", A_STEP_AN_EPOCH)
    machines = Machines(here, 2)
    alone = train_alone(here)
    machines.train()
    together = history.read(machines.folders[0] / HISTORY)

    assert len(alone) == 100
    assert alone[0].loss > 2 > 1 > alone[99].loss
    assert losses(together) == pytest.approx(losses(alone), rel=1e-4, abs=2e-6)  # the file has six decimals
    assert (machines.folders[0] / MODEL).exists()
    written = [
        path.name for folder in ("models", "plots/history", "logs") for path in machines.folders[1].glob(f"{folder}/*")
    ]
    assert written == []


def test_four_workers_make_the_steps_of_one_process_with_four_shards(tmp_path: Path):
    """With class weights, and with dropout and batch normalization, of which each shard of a batch has its own."""
    here = project(tmp_path / "p", WITH_CHANCE)
    machines = Machines(here, 4)
    recipe = here / "recipes/mlp.yaml"
    recipe.write_text(recipe.read_text().replace("threads: 1", "threads: 4, shards: 4"))
    alone = train_alone(here)
    machines.train()

    together = history.read(machines.folders[0] / HISTORY)
    assert losses(together) == pytest.approx(losses(alone), rel=1e-4, abs=2e-6)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The model and the history of a long training by two workers that nothing stops."""
    machines = Machines(project(tmp_path_factory.mktemp("undisturbed") / "p", LONG), 2)
    machines.train()
    return machines.made()


@pytest.mark.parametrize("victim", [0, 1])
def test_when_a_worker_is_killed_the_other_stops_and_the_next_start_goes_on(
    undisturbed: list[bytes], tmp_path: Path, victim: int
):
    machines = Machines(project(tmp_path / "p", LONG), 2)
    started = machines.start("--checkpoint-seconds", "0.2")
    checkpoints = machines.folders[0] / "cache/checkpoints"
    assert wait_until(lambda: "epoch 3/" in machines.said(0) and any(checkpoints.glob("[!.]*.npz")), *started)
    started[victim].kill()
    other = 1 - victim
    started[other].join(60)  # some seconds are promised
    assert started[other].exitcode == 1

    line = machines.said(other).splitlines()[-1]
    assert line.startswith(
        "error: workers: expected all 2 of them until the training ends, received one that is gone or failed ("
    )
    assert not (machines.folders[0] / MODEL).exists()

    machines.train()

    assert all("going on from step" in machines.said(number) for number in (0, 1))
    assert machines.made() == undisturbed


@pytest.mark.parametrize(("number", "codes"), [(signal.SIGINT, [130, 130]), (signal.SIGTERM, [130, 143])])
def test_ctrl_c_or_a_signal_at_any_worker_stops_all_with_a_checkpoint(tmp_path: Path, number: int, codes: list[int]):
    machines = Machines(project(tmp_path / "p", LONG.replace("epochs: 60", "epochs: 3000")), 2)
    started = machines.start("--checkpoint-seconds", "1000")
    assert wait_until(lambda: "epoch 2/" in machines.said(0), *started)
    assert started[1].pid
    os.kill(started[1].pid, number)

    assert [ended(process) for process in started] == codes
    assert len(list(machines.folders[0].glob("cache/checkpoints/*.npz"))) == 1
    assert list(machines.folders[1].glob("cache/checkpoints/*.npz")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_or_a_signal_ends_a_worker_that_waits_for_the_others(tmp_path: Path, number: int):
    here = project(tmp_path / "p", LONG)
    addresses = ",".join(free_addresses(2))
    process = processes.start_training(here, "--run", RUN, "--workers", addresses, "--index", "0")
    assert wait_until(lambda: "chief; waiting for 127.0.0.1:" in (here / "stderr.txt").read_text(), process)
    time.sleep(1)
    assert process.pid
    os.kill(process.pid, number)

    assert ended(process) == -number


def test_workers_that_would_not_train_the_same_say_so(tmp_path: Path):
    machines = Machines(project(tmp_path / "p", LONG), 2)
    recipe = machines.folders[1] / "recipes/mlp.yaml"
    recipe.write_text(recipe.read_text().replace("learning_rate: 0.01", "learning_rate: 0.02"))
    started = machines.start()

    assert [ended(process) for process in started] == [1, 1]
    for number in (0, 1):
        assert "error: workers: expected the same commit, recipe, data," in machines.said(number)
    assert not (machines.folders[0] / MODEL).exists()


def test_a_port_in_use_is_told(tmp_path: Path):
    here = project(tmp_path / "p", LONG)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = processes.start_training(here, "--run", RUN, "--workers", f"{address},127.0.0.1:1", "--index", "0")
        assert ended(process) == 1

    last = (here / "stderr.txt").read_text().splitlines()[-1]
    assert last.startswith(f"error: {address}: expected a port of this machine that is free, received ")


def test_a_batch_of_which_a_worker_would_have_nothing_is_told(tmp_path: Path):
    machines = Machines(project(tmp_path / "p", LONG.replace("batch_size: 20", "batch_size: 3, shards: 2")), 2)

    assert [ended(process) for process in machines.start()] == [1, 1]
    line = "error: recipes/mlp.yaml: training.batch_size: expected at least 4, the shards of a batch, received 3;"
    assert machines.said(0).splitlines()[-1].startswith(line)


def test_the_stage_works_under_dvc_repro_on_the_chief(tmp_path: Path):
    source = tmp_path / "source"
    folder = pipeline.write(tmp_path / "chief", source, pipeline.ONE_RUN, {"mlp": tiny.RECIPE})
    chief = pipeline.Repository(folder, source)
    chief.run("git", "init", "--quiet")
    chief.dvc("init", "--quiet", "--force")
    chief.repro("preprocess")
    other = shutil.copytree(folder, tmp_path / "other")
    addresses = free_addresses(2)
    worker = processes.start_training(other, "--run", "tiny", TF_CONFIG=config(addresses, "worker", 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_CONFIG", config(addresses, "worker", 0))
        done = chief.repro("evaluate@tiny")

    assert ended(worker) == 0, (other / "stderr.txt").read_text()
    assert "train@tiny" in done.ran
    assert chief.json("metrics/tiny.json")["accuracy"] > 0.5
    assert chief.changed_stages("train@tiny", "evaluate@tiny") == set()


def test_gpus_of_one_machine_divide_the_batch(tmp_path: Path):
    """Two logical processors in the place of GPUs."""
    here = project(tmp_path / "p", A_STEP_AN_EPOCH)
    alone = train_alone(here)
    code = """
import sys, runpy
import tensorflow as tf
[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from stages.training.runtime import workers
workers._gpus = lambda: [device.name for device in tf.config.list_logical_devices("CPU")]
all_reduce = workers.Workers.all_reduce
seen = []
def spy(self, compute):
    return all_reduce(self, lambda replica: [seen.append(replica), compute(replica)][1])
workers.Workers.all_reduce = spy
from stages import train
try:
    train.app(["--run", sys.argv[1]])
except SystemExit as end:
    assert not end.code, end.code
print(sorted(set(seen)))
"""
    environment = {**pipeline.environment(tmp_path), "PYTHONPATH": str(processes.ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, RUN], cwd=here, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[0, 1]"
    assert losses(history.read(here / HISTORY)) == pytest.approx(losses(alone), rel=1e-4, abs=2e-6)


@pytest.mark.parametrize(
    ("arguments", "variable", "line"),
    [
        (["--workers", "a:1,b:2"], "", "--index: expected a value beside --workers, received none"),
        (["--index", "1"], "", "--workers: expected a value beside --index, received none"),
        (["--workers", "a,b:2", "--index", "0"], "", "--workers: expected host:port of each worker"),
        (["--workers", "a:1,a:1", "--index", "0"], "", "--workers: expected another host:port for each worker"),
        (["--workers", "a:1,b:2", "--index", "2"], "", "--index: expected 0…1, since there are 2, received 2"),
        ([], "{", 'TF_CONFIG: expected {"cluster"'),
        ([], '{"cluster": {"worker": ["a:1"]}}', 'TF_CONFIG: expected {"cluster"'),
        ([], config(["a:1", "b"], "worker", 0), "TF_CONFIG: cluster: expected host:port of each worker"),
        ([], config(["a:1", "b:2"], "worker", 5), "TF_CONFIG: task: expected 0…1, since there are 2, received 5"),
        ([], config(["a:1", "b:2"], "ps", 0), 'TF_CONFIG: expected {"cluster"'),
    ],
)  # fmt: skip
def test_a_wrong_cluster_is_told_in_one_line(
    preprocessed: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str, line: str
):
    monkeypatch.setenv("TF_CONFIG", variable)
    result = CliRunner().invoke(train.app, ["--run", RUN, *arguments])

    assert result.exit_code == 1
    [said] = result.stderr.splitlines()
    assert said.startswith(f"error: {line}")


def test_one_worker_alone_trains_as_ever(preprocessed: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_CONFIG", config(["a:1"], "worker", 0))
    result = CliRunner().invoke(train.app, ["--run", RUN])

    assert result.exit_code == 0, result.output
    assert MODEL.exists()
