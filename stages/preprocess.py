"""Turn a dataset's IDX files into .npy arrays.

Reads datasets/<name>.yaml and the dataset's source folder, writes data/processed/<name>/. In dvc.yaml: `preprocess`.

    python -m stages.preprocess mnist

Takes about a second for MNIST on 2 cores.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages import console

app = console.new_app()


@app.command()
@console.command
def main(
    name: Annotated[str, typer.Argument(help="Dataset: the name of a file in datasets/, without its suffix.")],
    source: Annotated[Path | None, typer.Option(help="Folder of its IDX files.  [default: data/raw/NAME]")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to write.  [default: data/processed/NAME]")] = None,
) -> None:
    """Turn a dataset's IDX files into uint8 arrays of shape (N, height, width, 1), and describe them."""
    from stages.images import catalog, preprocessing

    description = catalog.path_of(name)
    dataset = catalog.Dataset.load(description)
    preprocessing.preprocess(
        dataset, description, source or Path("data/raw") / name, output or Path("data/processed") / name
    )


if __name__ == "__main__":
    app()
