"""Turn a dataset's IDX files into .npy arrays.

Reads datasets/<name>.yaml and the dataset's source folder, writes data/processed/<name>/ and, for people,
plots/samples/<name>.png. In dvc.yaml: `preprocess`.

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
    from stages import plan
    from stages.images import arrays, catalog, preprocessing
    from stages.pictures import samples

    description = catalog.path_of(name)
    dataset = catalog.Dataset.load(description)
    folder = output or Path("data/processed") / name
    preprocessing.preprocess(dataset, description, source or Path("data/raw") / name, folder)
    images, labels = arrays.read_split(folder, "train")
    classes = arrays.read_description(folder).classes
    samples.draw(plan.picture_path("samples", name), name, images, labels, classes)


if __name__ == "__main__":
    app()
