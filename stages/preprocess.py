"""Turn a dataset's files into .npy arrays.

Reads datasets/<name>.yaml and the dataset's source, a folder of IDX files or pictures or an .npz file; writes
data/processed/<name>/ and, for people, plots/samples/<name>.png. In dvc.yaml: `preprocess`.

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
    source: Annotated[Path | None, typer.Option(help="Its folder, or its .npz file.  [default: data/raw/NAME]")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to write.  [default: data/processed/NAME]")] = None,
) -> None:
    """Turn a dataset into uint8 arrays of shape (N, height, width, 1 or 3), describe them, and draw some of them."""
    from stages import outputs
    from stages.images import arrays, catalog, preprocessing
    from stages.pictures import samples

    description = catalog.path_of(name)
    dataset = catalog.Dataset.load(description)
    folder = output or outputs.arrays(name)
    written = preprocessing.preprocess(dataset, description, source or outputs.files(name), folder)
    if not output:
        images, labels = arrays.read_split(folder, "train")
        samples.draw(outputs.samples(name), name, images, labels, written.classes)
    height, width, channels = written.image_shape
    console.say(
        f"{name}: {written.train.images} images to train on and {written.test.images} to test on, {height} × {width} "
        f"{'grey' if channels == 1 else 'in colour'}, of {len(written.classes)} classes"
    )


if __name__ == "__main__":
    app()
