"""Download the files of a dataset and check them.

Reads datasets/<name>.yaml, writes data/raw/<name>/. In dvc.yaml: `download`.

    python -m stages.download mnist

Takes about 5 s for MNIST (11 MB compressed, 55 MB uncompressed) on a fast network.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.common import console, targets

app = console.new_app()


@app.command()
@console.command
def main(
    name: targets.Dataset,
    output: Annotated[Path | None, typer.Option(help="Folder to write.  [default: data/raw/NAME]")] = None,
    local: Annotated[
        Path | None,
        typer.Option(
            "--from",
            envvar="DATASETS_FROM",
            help="Folder with the files, or with a folder NAME of them; tried before the mirrors.",
        ),
    ] = None,
) -> None:
    """Download a dataset from the first mirror that has it, and check the SHA-256 of each file."""
    from stages.common import paths
    from stages.images import catalog, downloads

    dataset = catalog.Dataset.load(catalog.path_of(name))
    if local and (local / name).is_dir():
        local = local / name  # datasets may use the same file names, so each has its own folder
    downloads.download(dataset, output or paths.raw(name), local)
    dataset.check_unchanged()


if __name__ == "__main__":
    app()
