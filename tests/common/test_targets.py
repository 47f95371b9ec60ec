"""The run or dataset that a command works on, in commands of their own."""

import pytest
from typer.testing import CliRunner

from stages.common import console, targets

run_app = console.new_app()
dataset_app = console.new_app()


@run_app.command()
def on_run(name: targets.Run):
    print(name)


@dataset_app.command()
def on_dataset(name: targets.Dataset):
    print(name)


@pytest.mark.parametrize(("app", "option"), [(run_app, ["--run"]), (dataset_app, [])])
@pytest.mark.parametrize(
    ("named", "stage", "expected"),
    [
        (["a"], None, "a"),
        (["a"], "train@b", "a"),
        (["train@a"], None, "train@a"),
        ([], "train@b", "b"),
        ([], "../dvc.yaml:train@b", "b"),
        ([], "train@b; touch c", "b; touch c"),
    ],
)
def test_the_name_comes_from_the_command_line_or_from_dvc(app, option, named, stage, expected):
    result = CliRunner().invoke(app, [*option, *named] if named else [], env={"DVC_STAGE": stage})
    assert result.stdout == f"{expected}\n"


@pytest.mark.parametrize(("app", "argument"), [(run_app, "--run"), (dataset_app, "name")])
@pytest.mark.parametrize("stage", [None, ""])
def test_a_name_is_needed(app, argument, stage):
    result = CliRunner().invoke(app, [], env={"DVC_STAGE": stage})
    assert result.exit_code == 2
    assert f"Missing {'option' if argument == '--run' else 'argument'} '{argument}'" in result.stderr


@pytest.mark.parametrize("app", [run_app, dataset_app])
def test_the_help_does_not_speak_of_dvcs_variable(app):
    assert "DVC_STAGE" not in CliRunner().invoke(app, ["--help"]).stdout
