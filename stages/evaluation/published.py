"""published.yaml: test accuracies that others report for the same systems."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stages.common import paths
from stages.common.yaml_files import ConfigFile, Name, names_beside, nearest
from stages.images import catalog

PATH = Path("published.yaml")


class Published(ConfigFile):
    """The whole of published.yaml."""

    accuracy: Mapping[Name, Mapping[Name, Annotated[float, Field(ge=0, le=1, strict=True)]]]
    """Test accuracy, 0…1, by the dataset's name and the recipe's."""

    def find_accuracy(self, dataset: str, recipe: str) -> float | None:
        """Return the published test accuracy of a recipe on a dataset, 0…1, or None."""
        return self.accuracy.get(dataset, {}).get(recipe)

    def find_misspelling(self, dataset: str, recipe: str) -> str | None:
        """Return a sentence about the key that misspells this dataset or recipe, or None.

        The key has no file of its own in datasets/ or recipes/, and this dataset or recipe is the nearest that has one.
        """
        if dataset not in self.accuracy:
            name = _misspelling(dataset, self.accuracy, catalog.path_of(dataset))
            return name and f"accuracy.{name} is no dataset (did you mean '{dataset}'?)"
        name = _misspelling(recipe, self.accuracy[dataset], paths.recipe(recipe))
        return name and f"accuracy.{dataset}.{name} is no recipe (did you mean '{recipe}'?)"


def _misspelling(name: str, written: Iterable[str], path: Path) -> str | None:
    """Return the name written in place of one whose file is at `path`, or None."""
    if name in written:
        return None
    known = names_beside(path)
    return next((each for each in written if each not in known and nearest(each, known) == name), None)
