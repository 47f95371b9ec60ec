"""The options of the commands that work on a run.

The graph puts what params.yaml says of a run on the command's line, where dvc.lock keeps it, and the file itself is not
opened: whoever edits it while `dvc repro` runs changes nothing of what runs. Typed by hand, `--run` is enough.
"""

from typing import Annotated

import typer

Run = Annotated[str, typer.Option("--run", help="A run of params.yaml.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="Its dataset.  [default: as params.yaml says]")]
Recipe = Annotated[str | None, typer.Option("--recipe", help="Its recipe.  [default: as params.yaml says]")]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**32 - 1, help="Start of its random numbers.  [default: as params.yaml says]"),
]
