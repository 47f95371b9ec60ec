"""Values of the pixels in a table, and which of them are black and white."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.common.errors import InputError
from stages.images.problems import Place

MAX_ERROR = 0.02  # of a multiple of 1/255 that was written with four digits or more
MAX_LEVELS = 16  # no photograph has so few; digits of 0…16 are those of scikit-learn

Values = npt.NDArray[Any]  # uint8 or float64, (num_rows, num_values)


@dataclass
class ValueRange:
    """Range of the values of the pixels in one table or several.

    Attributes:
        range_of: Lowest and highest value of each table.
        first: Line and value of the first pixel that is not finite, below 0, above 255, a fraction, and no multiple of
            1/255, or of 1/127.5 from -1.
    """

    range_of: dict[Path, tuple[float, float]] = field(default_factory=dict)
    first: dict[str, tuple[Place, float]] = field(default_factory=dict)

    def add(self, values: Values, places: Sequence[Place]) -> None:
        """Take the values of some rows into account.

        Args:
            values: uint8 or float64, (num_rows, num_values).
            places: Lines of the rows.
        """
        lowest, highest = self.range_of.get(places[0].table, (math.inf, -math.inf))
        self.range_of[places[0].table] = min(lowest, float(values.min())), max(highest, float(values.max()))
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

    def limits(self) -> tuple[int, int]:
        """Return the values of black and white: 0 and 255; 0 and 1; or -1 and 1.

        Raises:
            InputError: The values have another range, or would be rounded; or the tables have different ranges.
        """
        if "not finite" in self.first:
            raise self._error("not finite", "pixels 0…255", "write a number")
        path, *_ = self.range_of
        lowest = min(low for low, _ in self.range_of.values())
        highest = max(high for _, high in self.range_of.values())
        if lowest < 0:
            if lowest == -1 and highest <= 1:
                self._refuse_others("-1…1", lambda low, _: low == -1)
                if "no 127.5th" not in self.first:
                    return -1, 1
            raise self._error(
                "below 0", "pixels 0…255", "undo the normalization: a network here scales its images itself"
            )
        if highest > 255:
            raise self._error("above 255", "pixels 0…255", "divide by the value of white, and multiply by 255")
        if highest == 0:
            raise InputError(path, "pixels 0…255", "0 alone, which is black", "write the table again")
        if highest > MAX_LEVELS:
            self._refuse_others("0…255", lambda _, high: high > MAX_LEVELS)
        if highest <= 1:
            if "no 255th" in self.first:
                expected = "pixels 0…255, or multiples of 1/255 from 0 to 1"
                raise self._error("no 255th", expected, "multiply by 255, and write whole numbers")
            return 0, 1
        if "fraction" in self.first:
            is_small = self.first["fraction"][1] < 1
            next_step = "write whole numbers in all rows" if is_small else "round them"
            raise self._error("fraction", "whole numbers 0…255", next_step)
        if highest <= MAX_LEVELS:
            received = f"0…{highest:g} in the whole table, which is nearly black"
            raise InputError(path, "pixels 0…255", received, f"multiply by 255/{highest:g}, and round")
        return 0, 255

    def _refuse_others(self, limits: str, is_fit: Callable[[float, float], bool]) -> None:
        """Refuse a table whose lowest and highest value are not those of the others, such as 0…1 beside 0…255."""
        for path, (low, high) in self.range_of.items():
            if not is_fit(low, high):
                expected = f"pixels {limits}, as in the other table"
                raise InputError(path, expected, f"{low:g}…{high:g}", "write both in one range")

    def _error(self, kind: str, expected: str, next_step: str) -> InputError:
        place, value = self.first[kind]
        return InputError(place, expected, f"{value:g}", next_step)

    def _note(self, kind: str, is_kind: npt.NDArray[np.bool_], values: Values, places: Sequence[Place]) -> None:
        if kind not in self.first and is_kind.any():
            row, column = np.argwhere(is_kind)[0]
            self.first[kind] = places[row], float(values[row, column])
