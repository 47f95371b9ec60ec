"""Convert the files of a dataset to .npy arrays.

Reads params.yaml, datasets/<name>.yaml and the dataset's source: a folder of IDX files or pictures, a table of them, or
an .npz file. Writes data/processed/<name>/ and, for people, plots/samples/<name>.png. In dvc.yaml: `preprocess`.

    python -m stages.preprocess mnist

Takes about a second for MNIST on 2 cores.
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
    source: Annotated[
        Path | None, typer.Option(help="Folder of the data, or an .npz file.  [default: as in params.yaml]")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to write.  [default: data/processed/NAME]")] = None,
) -> None:
    """Convert a dataset to uint8 arrays of shape (N, height, width, 1 or 3), and plot some of its images."""
    from stages.common import params, paths
    from stages.images import arrays, catalog, preprocessing
    from stages.plots import samples

    dataset = catalog.Dataset.load(catalog.path_of(name))
    folder = output or paths.arrays(name)
    info, plain = preprocessing.preprocess(dataset, source or params.find_source(name), folder)
    if not output:
        images, labels = arrays.read_split(folder, "train")
        samples.draw(paths.samples(name), name, images, labels, info.classes, plain)
    height, width, channels = info.image_shape
    validation = f", {info.validation.images} to validate on" if info.validation else ""
    console.say(
        f"{name}: {info.train.images} images to train on{validation} and {info.test.images} to test on, "
        f"{height} × {width} "
        f"{'grey' if channels == 1 else 'in colour'}, of {len(info.classes)} classes"
    )


if __name__ == "__main__":
    app()
