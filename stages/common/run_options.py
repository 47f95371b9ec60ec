"""Options of the commands that work on a run.

dvc.yaml puts a run's dataset, recipe and seed on the command line, where dvc.lock records them. params.yaml itself is
then not opened, so an edit during `dvc repro` does not change a stage that runs. By hand, `--run` is enough.
"""

from typing import Annotated

import typer

Run = Annotated[str, typer.Option("--run", help="Run of params.yaml.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="Dataset.  [default: as in params.yaml]")]
Recipe = Annotated[str | None, typer.Option("--recipe", help="Recipe.  [default: as in params.yaml]")]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of the random numbers.  [default: as in params.yaml]"),
]
