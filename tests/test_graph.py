"""What dvc.yaml declares is what the stages touch: by their imports, and by the files they open when they run."""

import ast
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from dvc.repo import Repo

from stages.code import STAGES
from stages.common import fingerprints
from tests import pipeline, tiny
from tests.pipeline import ROOT, read_yaml

PACKAGES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("stages/*/**/__init__.py"))
# no result depends on these modules
NO_RESULT = {"stages/__init__.py", *fingerprints.EXCLUDED, *PACKAGES}

PARAMS = """\
downloads: [tiny]
datasets:
  tiny: {source: data/raw/tiny}
runs:
  unseen: {dataset: tiny, recipe: unseen, seed: 0}
  held-out: {dataset: tiny, recipe: held-out, seed: 0}
  test: {dataset: tiny, recipe: test, seed: 0}
"""
RECIPES = {
    run: tiny.RECIPE.replace("validation: none", f"validation: {validation}")
    for run, validation in (("unseen", "none"), ("held-out", 40), ("test", "test"))
}
RUN = [
    "code",
    "download@tiny",
    "preprocess@tiny",
    *(f"train@{run}" for run in RECIPES),
    "evaluate@unseen",
    "predict@unseen",
]

# Runs a module, and writes down each file of the working folder that it opens. A name that is not there is left out:
# it is that of bytecode, which is not kept here, or relative to an open folder elsewhere, which Python does not tell.
RECORDER = """
import os, runpy, sys
root, record = os.getcwd(), open(sys.argv[1], "w", buffering=1)
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path, mode, flags = arguments
        path = os.path.realpath(os.fsdecode(path))
        if path.startswith(root + os.sep):
            writes = flags & (os.O_WRONLY | os.O_RDWR) or set(mode or "") & set("wax+")
            if writes or os.path.exists(path):
                print("written" if writes else "read", os.path.relpath(path, root), file=record)
sys.argv = sys.argv[2:]
sys.addaudithook(note)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Declared:
    """What dvc.yaml says of a stage, as paths from the project's folder."""

    cmd: str
    deps: frozenset[str]
    outs: frozenset[str]


@dataclass(frozen=True)
class Touched:
    """What a stage did: files that it opened to read, files that it opened to write or that changed."""

    read: frozenset[str]
    written: frozenset[str]


def lies(declared: Declared, touched: Touched, log: str) -> list[str]:
    """Return where a stage touched what it does not declare, or declares what it does not touch."""
    outs = declared.outs | {log}
    undeclared_reads = {
        path
        for path in touched.read - NO_RESULT
        if not (_within(path, declared.deps | declared.outs) or _beside(path, outs))
    }
    undeclared_writes = {path for path in touched.written if not (_within(path, outs) or _beside(path, outs))}
    unread = {dep for dep in declared.deps if not any(_within(path, {dep}) for path in touched.read)}
    unwritten = {out for out in declared.outs if not any(_within(path, {out}) for path in touched.written)}
    found = {
        "reads but does not declare": undeclared_reads,
        "writes but does not declare": undeclared_writes,
        "declares but does not read": unread,
        "declares but does not write": unwritten,
    }
    return [f"{lie} {path}" for lie, paths in found.items() for path in sorted(paths)]


def _within(path: str, declared: frozenset[str] | set[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in declared)


def _beside(path: str, outs: frozenset[str]) -> bool:
    """Tell whether a path is the temporary name of an output, or lies in it: .name.… beside name or name.suffix."""
    return any(path.startswith(str(Path(out).with_name(f".{Path(out).stem}."))) for out in outs)


def test_every_stage_is_a_command_of_the_same_name_and_depends_on_its_code():
    code, *declared = read_yaml(ROOT / "dvc.yaml")["stages"].items()
    assert code[1]["cmd"] == "python -m stages.code"
    assert code[1]["deps"] == ["params.yaml", "stages"]
    assert code[1]["outs"] == [f"data/code/{stage}.txt" for stage in STAGES]
    assert [name for name, _ in declared] == list(STAGES)
    for stage, each in declared:
        assert each["do"]["cmd"] == f"python -m stages.{stage}"  # no value of params.yaml, which a shell would read
        assert f"data/code/{stage}.txt" in each["do"]["deps"]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_hold_nothing_but_a_docstring(package):
    source = (ROOT / package).read_text()
    assert ast.get_docstring(ast.parse(source))
    assert len(ast.parse(source).body) == 1


def test_each_lie_is_caught():
    declared = Declared("", frozenset({"data/a", "recipes/run.yaml"}), frozenset({"models/run.keras", "data/b"}))
    inputs = {"data/a/1.npy", "recipes/run.yaml", *fingerprints.EXCLUDED, "stages/__init__.py"}
    read = frozenset({*inputs, "models/.run.7.partial.keras", ".log.7.partial"})
    written = frozenset(
        {"models/.run.7.partial.keras", "models/run.keras", "data/.b.partial/1", "data/b/1", ".log.7.partial", "log"}
    )
    assert lies(declared, Touched(read, written), "log") == []
    assert lies(declared, Touched(read | {"data/ab/1", "recipes/mlp.yaml"}, written), "log") == [
        "reads but does not declare data/ab/1",
        "reads but does not declare recipes/mlp.yaml",
    ]
    assert lies(declared, Touched(read, written | {"models/other.keras"}), "other log") == [
        "reads but does not declare .log.7.partial",
        "writes but does not declare .log.7.partial",
        "writes but does not declare log",
        "writes but does not declare models/other.keras",
    ]
    assert lies(declared, Touched(read - {"data/a/1.npy"}, written - {"data/b/1"}), "log") == [
        "declares but does not read data/a",
        "declares but does not write data/b",
    ]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Declared, Touched]]:
    """Each stage of RUN, with what it declares and what it touched."""
    base = tmp_path_factory.mktemp("graph").resolve()
    folder = pipeline.write(base / "project", base / "source", PARAMS, RECIPES)
    declared = {
        stage.name: Declared(
            stage.cmd, frozenset(dep.def_path for dep in stage.deps), frozenset(out.def_path for out in stage.outs)
        )
        for stage in Repo(str(folder), uninitialized=True).index.stages
    }
    touched = {name: _run(name, declared[name].cmd, folder, base) for name in RUN}
    return {name: (_with_its_modules(declared[name], folder), touched[name]) for name in RUN}


def _with_its_modules(declared: Declared, folder: Path) -> Declared:
    """Put the modules that `code` has written down in the place of the file in which they stand."""
    lists = {dep for dep in declared.deps if dep.startswith("data/code/")}
    modules = {line.split()[0] for each in lists for line in (folder / each).read_text().splitlines()}
    return Declared(declared.cmd, (declared.deps - lists) | modules, declared.outs)


def _run(stage: str, cmd: str, folder: Path, base: Path) -> Touched:
    python, option, *command = shlex.split(cmd)
    assert [python, option] == ["python", "-m"]
    before = _files(folder)
    subprocess.run(
        [sys.executable, "-c", RECORDER, base / "record", *command],
        cwd=folder,
        # bytecode would hide the modules
        env=pipeline.environment(base / "source") | {"DVC_STAGE": stage, "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
    )
    lines = [line.split(" ", 1) for line in (base / "record").read_text().splitlines()]
    changed = {path for path, state in _files(folder).items() if before.get(path) != state}
    return Touched(
        read=frozenset(path for how, path in lines if how == "read"),
        written=frozenset({path for how, path in lines if how == "written"} | changed),
    )


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file of a folder, with what changes when it is written, even by code that Python cannot watch."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("name", RUN)
def test_a_stage_touches_what_it_declares(ran, name):
    declared, touched = ran[name]
    assert lies(declared, touched, f"logs/{name.partition('@')[2]}.json") == []


@pytest.mark.parametrize("name", RUN)
def test_a_dep_left_out_of_dvc_yaml_is_caught(ran, name):
    declared, touched = ran[name]
    for dep in declared.deps:
        without = Declared(declared.cmd, declared.deps - {dep}, declared.outs)
        caught = lies(without, touched, f"logs/{name.partition('@')[2]}.json")
        assert caught
        assert all(lie.startswith(f"reads but does not declare {dep}") for lie in caught)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train@unseen", set()),
        ("train@held-out", set()),
        ("train@test", {"test_images.npy", "test_labels.npy"}),
        ("evaluate@unseen", {"test_images.npy", "test_labels.npy"}),
        ("predict@unseen", {"test_images.npy", "test_labels.npy"}),
    ],
)
def test_who_opens_the_test_split(ran, name, expected):
    opened = {Path(path).name for path in ran[name][1].read}
    assert {file for file in opened if file.startswith("test_") and file.endswith(".npy")} == expected
    assert "dataset.json" in opened
