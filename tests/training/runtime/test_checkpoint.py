import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.common.paths import cache_folder
from stages.training.runtime import checkpoint
from stages.training.runtime.checkpoint import Checkpoint
from tests.pipeline import ROOT

ARRAYS = {
    "model/dense/kernel": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
    "totals/loss": np.array(1 / 3),
    "model/drop/seed_generator_state": np.arange(3, dtype=np.uint32),
    "best/dense/kernel": np.array([np.inf, np.nan, -0.0], np.float32),
}
VALUES = {"epochs": [[1, 1 / 3, 0.5, None, None]], "batch": 7}

SAVE_WITH_LITTLE_ROOM = """\
import resource
import numpy as np
from stages.common import console
from stages.training.runtime.checkpoint import Checkpoint
console.show_log()
saved = Checkpoint("tiny")
saved.save({"model/dense/kernel": np.zeros(10)}, {"batch": 1})
saved.wait()
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # as full as a disk can be made here
saved.save({"model/dense/kernel": np.zeros(100_000)}, {"batch": 2})
saved.wait()
print(saved.load()[1]["batch"])
"""


def saved(key: str = "tiny") -> Checkpoint:
    made = Checkpoint(key)
    made.save(ARRAYS, VALUES)
    made.wait()
    return made


def is_whole(loaded: tuple[dict[str, Any], dict[str, Any]] | None) -> bool:
    if loaded is None:
        return False
    arrays, values = loaded
    assert arrays.keys() == ARRAYS.keys()
    assert values == VALUES
    return all(
        (array.dtype, array.shape, array.tobytes()) == (arrays[name].dtype, arrays[name].shape, arrays[name].tobytes())
        for name, array in ARRAYS.items()
    )


def files() -> list[str]:
    return sorted(path.name for path in cache_folder().rglob("*") if path.is_file())


def test_what_is_saved_comes_back_to_the_last_bit():
    saved()

    assert is_whole(Checkpoint("tiny").load())
    assert files() == ["tiny.npz"]


def test_without_a_checkpoint_there_is_none(capsys: pytest.CaptureFixture[str]):
    assert Checkpoint("tiny").load() is None
    assert capsys.readouterr().err == ""


def test_the_last_save_counts():
    twice = saved()
    twice.save({"model/dense/kernel": np.ones(3)}, {"batch": 8})
    twice.save({"model/dense/kernel": np.ones(2)}, {"batch": 9})
    twice.wait()
    arrays, values = Checkpoint("tiny").load()

    assert (values, arrays["model/dense/kernel"].tolist()) == ({"batch": 9}, [1, 1])
    assert files() == ["tiny.npz"]


def test_a_training_that_ended_well_leaves_nothing():
    ended = Checkpoint("tiny")
    ended.save(ARRAYS, VALUES)
    ended.delete()

    assert files() == []
    ended.delete()  # as when it was too short to be saved


def test_the_checkpoints_of_other_trainings_stay():
    saved("other")
    saved("tiny").delete()

    assert files() == ["other.npz"]


def test_what_a_killed_process_wrote_in_half_goes_with_its_checkpoint():
    for process in (1234, 5678):
        (saved("tiny").path.parent / f".tiny.{process}.partial.npz").write_bytes(b"half")
    (saved("other").path.parent / ".other.1234.partial.npz").write_bytes(b"half")
    saved("tiny").delete()

    assert files() == [".other.1234.partial.npz", "other.npz"]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-1],
    "without its beginning": lambda content: content[100:],
    "zeros": lambda content: bytes(len(content)),
    "a byte of an array": lambda content: content.replace(ARRAYS["model/dense/kernel"].tobytes(), b"\1" * 48, 1),
    "text": lambda content: b"not a checkpoint",
    "another array": lambda content: b"\x93NUMPY" + content,
    "no zip that Python reads": lambda content: content.replace(b"PK\1\2-\3-\0\0\0\0\0", b"PK\1\2-\3-\0\0\0\5\0"),
    "encrypted, as it says": lambda content: content.replace(b"PK\1\2-\3-\0\0\0\0\0", b"PK\1\2-\3-\0\1\0\0\0"),
    "compressed, as it says": lambda content: content.replace(b"PK\1\2-\3-\0\0\0\0\0", b"PK\1\2-\3-\0\0\0\x08\0"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_told_and_passed_over(damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]):
    path = saved().path
    content = path.read_bytes()
    path.write_bytes(damage(content))

    assert content != path.read_bytes()
    assert Checkpoint("tiny").load() is None
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"the checkpoint {path} is damaged (")
    assert line.endswith("); the training starts from the beginning")
    assert is_whole(saved().load())  # and the next one takes its place


def test_an_array_too_many_is_noticed(capsys: pytest.CaptureFixture[str]):
    path = saved().path
    with np.load(path) as whole:
        np.savez(path, **{name: whole[name] for name in whole.files}, **{"totals/correct": np.zeros(1)})

    assert Checkpoint("tiny").load() is None
    assert "is damaged (an array is missing)" in capsys.readouterr().err


def test_a_file_that_the_chief_sends_is_loaded_in_the_place_of_ones_own():
    sent = saved("of the chief").path.read_bytes()
    own = Checkpoint("tiny")
    own.save({"totals/loss": np.zeros(1)}, {"batch": 1})
    own.wait()

    assert is_whole(own.load(broadcast=lambda _: sent))
    assert own.load(broadcast=lambda _: None) is None
    received: list[bytes | None] = []
    own.load(broadcast=lambda file: received.append(file))
    assert received == [own.path.read_bytes()]


@pytest.mark.parametrize(("seconds", "expected"), [(0, True), (1000, False), (float("inf"), False)])
def test_a_checkpoint_is_due_when_the_interval_has_passed(seconds: float, expected: bool):
    training = Checkpoint("tiny", seconds)

    assert training.is_due() == expected
    training.save(ARRAYS, VALUES)
    training.wait()
    assert training.is_due() == expected


def test_the_interval_begins_anew_with_each_save(monkeypatch: pytest.MonkeyPatch):
    moments = iter((0.0, 9.0, 11.0, 11.0, 20.0, 22.0))
    monkeypatch.setattr(checkpoint, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    training = Checkpoint("tiny", 10)  # at 0

    assert [training.is_due(), training.is_due()] == [False, True]
    training.save(ARRAYS, VALUES)  # at 11
    training.wait()
    assert [training.is_due(), training.is_due()] == [False, True]


def test_no_flipped_bit_gives_another_training():
    """Some bits say nothing, such as those of a time; every other is noticed."""
    path = saved().path
    content = path.read_bytes()
    chance = random.Random(0)
    noticed = 0
    for _ in range(1000):
        garbled = bytearray(content)
        garbled[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(garbled)
        loaded = Checkpoint("tiny").load()
        assert loaded is None or is_whole(loaded)
        noticed += loaded is None

    assert noticed > 500


def test_an_array_that_is_gone_is_noticed(capsys: pytest.CaptureFixture[str]):
    path = saved().path
    with np.load(path) as whole:
        rest = {name: whole[name] for name in whole.files if name != "totals/loss"}
    np.savez(path, **rest)

    assert Checkpoint("tiny").load() is None
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["cache", "cache/checkpoints"])
def test_a_folder_that_cannot_be_written_to_ends_no_training(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("STAGES_CACHE", str(tmp_path / "cache"))
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    training = Checkpoint("tiny")

    assert training.load() is None
    for _ in range(3):
        training.save(ARRAYS, VALUES)
    training.delete()
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("no checkpoint could be written (")
    assert line.endswith("); the training goes on without")


def test_a_checkpoint_that_cannot_be_read_is_told_and_passed_over(capsys: pytest.CaptureFixture[str]):
    training = Checkpoint("tiny")
    training.path.mkdir(parents=True)

    assert training.load() is None
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"the checkpoint {training.path} cannot be read (")
    assert line.endswith("); the training starts from the beginning")


def test_a_folder_that_may_not_be_changed_ends_no_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Whoever runs as root may write everywhere, so the system's refusal is played."""
    training = saved()

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    for name in ("open", "unlink", "mkdir"):
        monkeypatch.setattr(os, name, refuse)
    training.save(ARRAYS, VALUES)
    training.wait()
    training.delete()

    assert "no checkpoint could be written ([Errno 13]" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_full_disk_keeps_the_checkpoint_before():
    done = run(SAVE_WITH_LITTLE_ROOM)

    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert [line[:31] for line in done.stderr.splitlines()] == ["no checkpoint could be written "]
    assert files() == ["tiny.npz"]


def test_only_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checkpoint, "MAX_FILES", 3)
    for number in range(5):
        os.utime(saved(f"old{number}").path, (now() - 100 + number,) * 2)
    saved("tiny").delete()

    assert files() == ["old2.npz", "old3.npz", "old4.npz"]


def test_their_size_is_bounded(monkeypatch: pytest.MonkeyPatch):
    size = saved("old0").path.stat().st_size
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 2 * size)
    for number in range(4):
        os.utime(saved(f"old{number}").path, (now() - 100 + number,) * 2)
    saved("tiny").delete()

    assert files() == ["old2.npz", "old3.npz"]


def test_their_age_is_bounded():
    for days in (1, 29, 31):
        path = saved(f"{days} days").path
        os.utime(path, (now() - days * 86_400,) * 2)
    stale = path.with_name(".stale.1.partial.npz")
    stale.write_bytes(b"half")
    os.utime(stale, (now() - 31 * 86_400,) * 2)
    saved("tiny").delete()

    assert files() == ["1 days.npz", "29 days.npz"]


def now() -> float:
    return checkpoint.time.time()


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
