"""params.yaml: the datasets, and the runs that train a recipe on one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from stages.common import paths
from stages.common.errors import InputError
from stages.common.yaml_files import Config, ConfigFile, Name, did_you_mean, misfit, said

PATH = Path("params.yaml")


class DatasetParams(Config):
    """Data of a dataset before preprocessing."""

    source: Annotated[Path, said("the path of a folder or a file (in quotes if it is a number)")]
    """Folder of the data, or an .npz file."""


class RunParams(Config):
    """Recipe trained on a dataset."""

    dataset: Name
    """Name of a key under `datasets`."""
    recipe: Name
    """Name of a file in recipes/, without its suffix."""
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)]
    """Seed of every random number of the run, 0…2³² - 1."""


class Params(ConfigFile):
    """The whole of params.yaml."""

    downloads: list[Name]
    """Datasets to download: names of files in datasets/, without their suffix."""
    datasets: Mapping[Name, DatasetParams]
    """Datasets to preprocess, by the name of the file in datasets/."""
    runs: Mapping[Name, RunParams]
    """Runs, by a name of your choice."""

    @model_validator(mode="after")
    def _runs_use_known_datasets(self) -> Self:
        for name, run in self.runs.items():
            if run.dataset not in self.datasets:
                known = f"{', '.join(self.datasets)}{did_you_mean(run.dataset, self.datasets)}"
                raise misfit(f"runs.{name}.dataset to be one of {known}", run.dataset)
        return self


@dataclass(frozen=True)
class Run:
    """Recipe trained on a dataset, under a name.

    Attributes:
        name: Key under `runs` in params.yaml.
        dataset: Key under `datasets` in params.yaml.
        recipe: Name of a file in recipes/, without its suffix.
        seed: Seed of every random number of the run, 0…2³² - 1.
    """

    name: str
    dataset: str
    recipe: str
    seed: int

    @property
    def recipe_path(self) -> Path:
        """File of the recipe."""
        return paths.recipe(self.recipe)

    @property
    def arrays(self) -> Path:
        """Folder of the dataset's arrays."""
        return paths.arrays(self.dataset)


def load_runs() -> dict[str, Run]:
    """Return the runs of params.yaml, by name.

    Raises:
        InputError: params.yaml does not fit its schema.
    """
    return {name: Run(name, run.dataset, run.recipe, run.seed) for name, run in Params.load(PATH).runs.items()}


def find_run(name: str, dataset: str | None = None, recipe: str | None = None, seed: int | None = None) -> Run:
    """Return the run of this name in params.yaml, with the given values in place of those in the file.

    params.yaml is not opened if all three values are given.

    Raises:
        InputError: params.yaml does not fit its schema, or has no such run.
    """
    if dataset and recipe and seed is not None:
        return Run(name, dataset, recipe, seed)
    runs = load_runs()
    if name not in runs:
        known = f"one of the runs {', '.join(runs)}{did_you_mean(name, runs)}"
        raise InputError(PATH, known, repr(name), "choose one or add it under runs")
    run = runs[name]
    return Run(name, dataset or run.dataset, recipe or run.recipe, run.seed if seed is None else seed)
