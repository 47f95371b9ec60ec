"""published.yaml: test accuracies that others report for the same systems."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stages.common.yaml_files import ConfigFile, Name

PATH = Path("published.yaml")


class Published(ConfigFile):
    """The whole of published.yaml."""

    accuracy: Mapping[Name, Mapping[Name, Annotated[float, Field(ge=0, le=1)]]]
    """Test accuracy, 0…1, by the dataset's name and the recipe's."""

    def find_accuracy(self, dataset: str, recipe: str) -> float | None:
        """Return the published test accuracy of a recipe on a dataset, 0…1, or None."""
        return self.accuracy.get(dataset, {}).get(recipe)
