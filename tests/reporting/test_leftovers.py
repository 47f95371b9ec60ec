from pathlib import Path

import pytest

from stages.reporting import leftovers

OLD = [
    "metrics/old.json", "models/old.keras", "models/old.md", "models/old.tflite", "plots/classes/old.csv",
    "plots/confusion/old.csv", "plots/history/old.csv", "plots/pictures/old/history.png", "plots/predictions/old.png",
    "predictions/old.csv", "logs/old.json",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")


def test_nothing_is_left_where_nothing_ran():
    assert leftovers.find(["new"]) == {}


def test_the_outputs_of_a_run_that_is_gone_are_found():
    write(*OLD, *(path.replace("old", "new") for path in OLD))
    found = leftovers.find(["new"])

    assert {name: sorted(map(str, paths)) for name, paths in found.items()} == {
        "old": sorted(path.removesuffix("/history.png") for path in OLD)
    }


def test_runs_whose_names_begin_alike_are_told_apart():
    write("metrics/mlp.json", "metrics/mlp-wide.json", "models/mlp.v2.keras")
    assert leftovers.find(["mlp"]) == {
        "mlp-wide": [Path("metrics/mlp-wide.json")],
        "mlp.v2": [Path("models/mlp.v2.keras")],
    }


def test_other_files_are_no_leftovers():
    write("metrics/.gitignore", "metrics/.old.json", "models/notes.txt", "plots/samples/tiny.png", "logs/old.json")
    write("models/README.md", "predictions/holiday.csv", "plots/pictures/mine/1.png")
    assert leftovers.find([]) == {}
