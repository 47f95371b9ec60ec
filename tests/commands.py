"""The project's commands, run in the process of a test."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner


def run_all(project: Path, *commands: tuple[typer.Typer, list[str]]) -> None:
    """Run commands one after another in a project's folder; each must end well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for app, arguments in commands:
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, result.output
