"""Names of datasets and runs that a shell, DVC or YAML would take for something else: one line from every command."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stages import compare, download, evaluate, predict, preprocess, report, train
from tests import tiny

NAME = "a name of up to 100 letters, digits, - and _, the first a letter or a digit"
COMMANDS = {"train": train, "evaluate": evaluate, "predict": predict}


def line_of(app, *arguments, exit_code=1):
    """Run a command that must fail; return its one line."""
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    [line] = result.stderr.splitlines()
    return line


@pytest.mark.parametrize("app", [preprocess.app, download.app])
def test_a_blank_in_a_datasets_name_is_told_as_such(project, app):
    assert line_of(app, "my", "pets", exit_code=2) == (
        "Error: arguments: expected names without blanks (letters, digits, - and _), and paths with blanks in quotes, "
        "received the surplus 'pets'; rename it in params.yaml, datasets/ and recipes/, or quote the path"
    )
    assert line_of(app, "my pets") == (
        f"error: dataset: expected {NAME}, received 'my pets'; give the name of a file in datasets/ without its "
        "suffix, and rename the file if need be"
    )


@pytest.mark.parametrize("command", [*COMMANDS, "preprocess"])
def test_a_blank_in_a_runs_name_or_a_path_is_told_as_such(project, command):
    arguments = {"preprocess": ["tiny", "--source", "data/own/my", "pets"], "predict": ["--run", "my"]}
    app = {"preprocess": preprocess, **COMMANDS}[command].app
    if command != "predict":  # where the other word is a picture
        told = "expected names without blanks (letters, digits, - and _), and paths with blanks in quotes, received the"
        assert told in line_of(app, *arguments.get(command, ["--run", "my", "pets"]), exit_code=2)


def test_a_command_that_is_right_takes_its_arguments(project):
    result = CliRunner().invoke(preprocess.app, ["tiny", "--output", "arrays"])
    assert (result.exit_code, Path("arrays/dataset.json").exists()) == (0, True)


@pytest.mark.parametrize("name", ["a/b", "../b", "..", "", "a b", "é", "a.b", "a\n"])
def test_a_name_that_no_file_of_a_dataset_may_have_is_refused(project, name):
    assert line_of(preprocess.app, name).startswith(f"error: dataset: expected {NAME}, received ")


ODD = {
    "number": ("tiny:", "2024:", f"datasets: expected {NAME} (in quotes if it is a number or a date), received 2024;"),
    "fraction": ("tiny:", "1e3:", "(in quotes if it is a number or a date), received 1000.0;"),
    "date": ("tiny:", "2024-05-01:", "(in quotes if it is a number or a date), received 2024-05-01;"),
    "truth": ("tiny:", "true:", "(in quotes if it is a number or a date), received true;"),
    "nothing": ("tiny:", "null:", "(in quotes if it is a number or a date), received nothing;"),
    "blank": (
        "tiny:",
        "my pets:",
        f"datasets: expected {NAME} (in quotes if it is a number or a date), received 'my pets';",
    ),
    "run": ("tiny-mlp:", "7:", f"runs: expected {NAME} (in quotes if it is a number or a date), received 7;"),
    "dataset of a run": ("dataset: tiny", "dataset: 7", f"runs.tiny-mlp.dataset: expected {NAME} (in quotes"),
    "download": ("downloads: []", "downloads: [7]", f"downloads.0: expected {NAME} (in quotes"),
    "source": (
        "source: data/raw/tiny",
        "source: 7",
        "datasets.tiny.source: expected the path of a folder or a file (in qu",
    ),
}


READERS = {name: (command, ["--run", "tiny-mlp"]) for name, command in COMMANDS.items()}
READERS |= {"compare": (compare, ["tiny-mlp"]), "report": (report, [])}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("name", READERS)
def test_params_that_dvc_would_misread_are_refused_by_every_command_that_reads_them(project, name, case):
    right, wrong, told = ODD[case]
    assert right in tiny.PARAMS
    Path("params.yaml").write_text(tiny.PARAMS.replace(right, wrong, 1))
    command, arguments = READERS[name]
    line = line_of(command.app, *arguments)
    assert line.startswith("error: params.yaml: ")
    assert told in line


def test_a_number_in_quotes_is_a_name(project):
    Path("params.yaml").write_text(
        tiny.PARAMS.replace("  tiny:", "  '2024':").replace("dataset: tiny", "dataset: '2024'")
    )
    assert re.search("data/processed/2024", line_of(train.app, "--run", "tiny-mlp"))
