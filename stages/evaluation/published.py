"""published.yaml: what others report for the same systems."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stages.settings import Name, Schema

PATH = Path("published.yaml")


class Published(Schema):
    """The whole of published.yaml.

    Attributes:
        accuracy: Test accuracy, 0…1, by the dataset's name and the recipe's.
    """

    accuracy: Mapping[Name, Mapping[Name, Annotated[float, Field(ge=0, le=1)]]]

    def find_accuracy(self, dataset: str, recipe: str) -> float | None:
        """Return the test accuracy that somebody else reported for a recipe on a dataset, 0…1, or None."""
        return self.accuracy.get(dataset, {}).get(recipe)
