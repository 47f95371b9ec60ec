"""params.yaml: the datasets, and the runs that train a recipe on one of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import Field, model_validator

from stages.common import paths
from stages.common.errors import InputError
from stages.common.yaml_files import (
    Config,
    ConfigFile,
    Name,
    did_you_mean,
    misfit,
    names_beside,
    parse_yaml,
    read_text,
    said,
)

PATH = Path("params.yaml")

Value = TypeVar("Value")


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

    @model_validator(mode="after")
    def _names_differ_by_more_than_case(self) -> Self:
        for key in ("datasets", "runs"):
            seen: dict[str, str] = {}
            for name in getattr(self, key):
                if (other := seen.setdefault(name.lower(), name)) != name:
                    expected = f"{key} whose names differ by more than capitals, as files of macOS and Windows do"
                    raise misfit(expected, f"{other} and {name}")
        return self

    def named_runs(self) -> dict[str, "Run"]:
        """Return the runs, by name."""
        return {name: Run(name, run.dataset, run.recipe, run.seed) for name, run in self.runs.items()}

    def check_files(self) -> None:
        """Raise if a file is missing that a dataset or a recipe needs.

        Raises:
            InputError: datasets/ or recipes/ has no file of the name, or there is nothing at a source.
        """
        for name in self.downloads:
            _check_file(paths.dataset(name), "downloads")
        for name, dataset in self.datasets.items():
            _check_file(paths.dataset(name), "datasets")
            self._check_source(name, dataset.source)
        for name, run in self.runs.items():
            _check_file(paths.recipe(run.recipe), f"runs.{name}.recipe")

    def _check_source(self, name: str, source: Path) -> None:
        """Raise if there is nothing at a source, and neither a download nor a .dvc file will bring it."""
        relative = Path(os.path.relpath(source))
        downloaded = {paths.raw(download) for download in self.downloads}
        comes = (each in downloaded or Path(f"{each}.dvc").is_file() for each in (relative, *relative.parents))
        if not (source.exists() or any(comes)):
            expected = "the path of data that are there, that are downloaded or that `dvc add` has added"
            raise InputError(
                f"{PATH}: datasets.{name}.source",
                expected,
                repr(str(source)),
                "correct it, add the data, or remove the dataset",
            )


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

    def check_unchanged(self) -> None:
        """Raise if params.yaml says something else of this run than when it was found.

        Nothing else in the file matters to the run, so other lines may be edited meanwhile.

        Raises:
            InputError: The run changed, or is no longer there.
        """
        values = parse_yaml(read_text(PATH), PATH)
        runs = values.get("runs") if isinstance(values, dict) else None
        run = runs.get(self.name) if isinstance(runs, dict) else None
        if run != {"dataset": self.dataset, "recipe": self.recipe, "seed": self.seed}:
            expected = "the values it had when the stage began"
            raise InputError(f"{PATH}: runs.{self.name}", expected, repr(run), "run the command again")


def load_runs() -> dict[str, Run]:
    """Return the runs of params.yaml, by name.

    Raises:
        InputError: params.yaml does not fit its schema.
    """
    return Params.load(PATH).named_runs()


def find_run(name: str) -> Run:
    """Return the run of this name in params.yaml.

    Raises:
        InputError: params.yaml does not fit its schema, or has no such run.
    """
    return _find(name, "runs", load_runs())


def find_source(dataset: str) -> Path:
    """Return the folder or file that params.yaml names as the source of a dataset.

    Raises:
        InputError: params.yaml does not fit its schema, or has no such dataset.
    """
    return _find(dataset, "datasets", Params.load(PATH).datasets).source


def _check_file(path: Path, key: str) -> None:
    if not path.is_file():
        names = names_beside(path)
        known = f"one of {', '.join(names)}{did_you_mean(path.stem, names)}"
        raise InputError(f"{PATH}: {key}", known, repr(path.stem), f"choose one, or write {path} and add it to git")


def _find(name: str, key: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        known = f"one of the {key} {', '.join(values)}{did_you_mean(name, values)}"
        raise InputError(PATH, known, repr(name), f"choose one, or add it under {key}")
    return values[name]
