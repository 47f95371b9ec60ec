"""params.yaml: which datasets there are, and which runs put a recipe to one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from stages import outputs
from stages.errors import InputError
from stages.settings import Name, Schema, did_you_mean, misfit

PATH = Path("params.yaml")


class Source(Schema):
    """Where the files of a dataset lie before preprocessing.

    Attributes:
        source: Their folder, or their .npz file.
    """

    source: Path


class Run(Schema):
    """A recipe put to a dataset.

    Attributes:
        dataset: Name of a key under `datasets`.
        recipe: Name of a file in recipes/, without its suffix.
        seed: Start of every random number of the run, 0…2³² - 1.
    """

    dataset: Name
    recipe: Name
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)]

    @property
    def recipe_path(self) -> Path:
        """The recipe's file."""
        return Path("recipes") / f"{self.recipe}.yaml"

    @property
    def data(self) -> Path:
        """The folder of the dataset's arrays."""
        return outputs.arrays(self.dataset)


class Plan(Schema):
    """The whole of params.yaml.

    Attributes:
        downloads: What download fetches: names of files in datasets/, without their suffix.
        datasets: What preprocess turns into arrays, by the name of its file in datasets/.
        runs: Recipes put to datasets, by a name of your choice.
    """

    downloads: list[Name]
    datasets: Mapping[Name, Source]
    runs: Mapping[Name, Run]

    @model_validator(mode="after")
    def _runs_use_known_datasets(self) -> Self:
        for name, run in self.runs.items():
            if run.dataset not in self.datasets:
                known = f"{', '.join(self.datasets)}{did_you_mean(run.dataset, self.datasets)}"
                raise misfit(f"runs.{name}.dataset to be one of {known}", run.dataset)
        return self


def find_run(name: str, dataset: str | None = None, recipe: str | None = None, seed: int | None = None) -> Run:
    """Return the run of this name in params.yaml, with what is given in place of what stands there.

    If all three are given, params.yaml is not opened.

    Raises:
        InputError: params.yaml does not fit its schema, or has no such run.
    """
    if dataset and recipe and seed is not None:
        return Run.model_construct(dataset=dataset, recipe=recipe, seed=seed)
    runs = Plan.load(PATH).runs
    if name not in runs:
        known = f"one of the runs {', '.join(runs)}{did_you_mean(name, runs)}"
        raise InputError(PATH, known, repr(name), "choose one or add it under runs")
    given = {"dataset": dataset, "recipe": recipe, "seed": seed}
    return runs[name].model_copy(update={key: value for key, value in given.items() if value is not None})
