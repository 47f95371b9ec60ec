"""Options of the commands that work on a run, as a command of their own; what they mean is in test_params.py."""

import pytest
from typer.testing import CliRunner

from stages.common import console, run_options

app = console.new_app()


@app.command()
def main(
    run: run_options.Run,
    dataset: run_options.Dataset = None,
    recipe: run_options.Recipe = None,
    seed: run_options.Seed = None,
):
    print(run, dataset, recipe, seed)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--run", "a"], "a None None None"),
        (["--run", "a", "--dataset", "b", "--recipe", "c", "--seed", "0"], "a b c 0"),
        (["--run", "a", "--seed", str(2**32 - 1)], f"a None None {2**32 - 1}"),
    ],
)
def test_a_run_is_enough_and_the_others_may_be_given(arguments, expected):
    assert CliRunner().invoke(app, arguments).stdout == f"{expected}\n"


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ([], "--run"),
        (["--run", "a", "--seed", "-1"], "--seed"),
        (["--run", "a", "--seed", str(2**32)], "--seed"),
        (["--run", "a", "--seed", "0.5"], "--seed"),
    ],
)
def test_what_cannot_be_is_told_with_its_option(arguments, option):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert f"'{option}'" in result.stderr
