"""Values of the pixels in a table, and which of them are black and white."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.common.errors import InputError
from stages.images.problems import Place

MAX_ERROR = 0.02  # of a multiple of 1/255 that was written with four digits or more
MAX_LEVELS = 16  # no photograph has so few; digits of 0…16 are those of scikit-learn
NEXT_STEP = "write whole numbers 0…255"

Values = npt.NDArray[Any]  # uint8 or float64, (num_rows, num_values)


@dataclass
class ValueRange:
    """Range of the values of a table's pixels.

    Attributes:
        lowest: Lowest value.
        highest: Highest value.
        first: Line and value of the first pixel that is not finite, below 0, above 255, a fraction, and no multiple of
            1/255, or of 1/127.5 from -1.
    """

    lowest: float = math.inf
    highest: float = -math.inf
    first: dict[str, tuple[Place, float]] = field(default_factory=dict)

    def add(self, values: Values, places: Sequence[Place]) -> None:
        """Take the values of some rows into account.

        Args:
            values: uint8 or float64, (num_rows, num_values).
            places: Lines of the rows.
        """
        self.lowest, self.highest = min(self.lowest, float(values.min())), max(self.highest, float(values.max()))
        if values.dtype == np.uint8:
            return
        self._note("not finite", ~np.isfinite(values), values, places)
        values = np.clip(np.nan_to_num(values), -1e9, 1e9)
        scaled, centred = values * 255, (values + 1) * 127.5
        self._note("below 0", values < 0, values, places)
        self._note("above 255", values > 255, values, places)
        self._note("fraction", values != np.rint(values), values, places)
        self._note("no 127.5th", np.abs(centred - np.rint(centred)) > MAX_ERROR, values, places)
        self._note("no 255th", np.abs(scaled - np.rint(scaled)) > MAX_ERROR, values, places)

    def limits(self, path: Path) -> tuple[int, int]:
        """Return the values of black and white: 0 and 255; 0 and 1; or -1 and 1.

        Args:
            path: The table, for errors.

        Raises:
            InputError: The values have another range, or would be rounded.
        """
        if "not finite" in self.first:
            raise self._error("not finite", "pixels 0…255", "write a number")
        if self.lowest < 0:
            if self.lowest == -1 and self.highest <= 1 and "no 127.5th" not in self.first:
                return -1, 1
            raise self._error(
                "below 0", "pixels 0…255", "undo the normalization: a network here scales its images itself"
            )
        if self.highest > 255:
            next_step = "divide by 256, or by the highest value, and write whole numbers 0…255"
            raise self._error("above 255", "pixels 0…255", next_step)
        if self.highest == 0:
            raise InputError(path, "pixels 0…255", "0 alone, which is black", "write the table again")
        if self.highest <= 1:
            if "no 255th" in self.first:
                expected = "pixels 0…255, or multiples of 1/255 from 0 to 1"
                raise self._error("no 255th", expected, "multiply by 255, and write whole numbers")
            return 0, 1
        if "fraction" in self.first:
            raise self._error("fraction", "whole numbers 0…255", "round them")
        if self.highest <= MAX_LEVELS:
            received = f"0…{self.highest:g} in the whole table, which is nearly black"
            raise InputError(path, "pixels 0…255", received, f"multiply by 255/{self.highest:g}, and round")
        return 0, 255

    def _error(self, kind: str, expected: str, next_step: str) -> InputError:
        place, value = self.first[kind]
        return InputError(place, expected, f"{value:g}", next_step)

    def _note(self, kind: str, is_kind: npt.NDArray[np.bool_], values: Values, places: Sequence[Place]) -> None:
        if kind not in self.first and is_kind.any():
            row, column = np.argwhere(is_kind)[0]
            self.first[kind] = places[row], float(values[row, column])
