"""What was found while pictures were read: errors, ranges, and notes that are told once each, with a count."""

import logging
import threading
from pathlib import Path

from stages.common.errors import InputError

Range = tuple[float, float]  # values of black and white, or the lowest and the highest value found

DARK = 0.5  # fraction of the range below which the brightest pixel of all pictures casts doubt on it
SET_RANGE = "add value_range: [black, white] under folder, csv or photos in the dataset's file"

logger = logging.getLogger(__name__)


class Findings:
    """Errors of unreadable pictures and notes on the others, taken from several threads at a time.

    Attributes:
        errors: Errors of unreadable pictures, in any order.
    """

    def __init__(self) -> None:
        self.errors: list[InputError] = []
        self._lines: list[str] = []
        self._notes: dict[str, tuple[int, Path]] = {}  # number of pictures, and the first of them
        self._ranges: dict[Range, Path] = {}
        self._brightest = 0.0
        self._lock = threading.Lock()

    def tell(self, line: str) -> None:
        """Keep a line for the log, which is written if there is no error."""
        self._lines.append(line)

    def note(self, text: str, path: Path) -> None:
        """Note that a text holds for a picture."""
        with self._lock:
            count, first = self._notes.get(text, (0, path))
            self._notes[text] = count + 1, min(first, path)

    def note_range(self, limits: Range, path: Path) -> None:
        """Note the values of black and white that a picture's file states."""
        with self._lock:
            self._ranges[limits] = min(path, self._ranges.get(limits, path))

    def note_brightest(self, fraction: float) -> None:
        """Note the brightest pixel of a picture of 16 bits, as a fraction of the range of these bits."""
        with self._lock:
            self._brightest = max(self._brightest, fraction)

    def find_contradictions(self) -> list[InputError]:
        """Return an error if files state different ranges, which may be those of each picture alone."""
        if len(self._ranges) < 2:
            return []
        (one, path), (other, where), *_ = sorted(self._ranges.items(), key=lambda pair: pair[1])
        expected = f"the range {range_text(one)}, as {path} states it"
        return [InputError(where, expected, range_text(other), SET_RANGE)]

    def log(self) -> None:
        """Log the lines, each note with the number of its pictures, and a warning of dark pictures of 16 bits."""
        for line in self._lines:
            log_line(line)
        for text, (count, first) in sorted(self._notes.items()):
            counted = "1 picture" if count == 1 else f"{count} pictures, the first"
            logger.info("%s: %s %s", text, counted, first)
        if 0 < self._brightest < DARK:
            text = (
                "warning: the brightest pixel of the pictures of 16 bits is at %.0f %% of the range; if it is white, %s"
            )
            logger.warning(text, 100 * self._brightest, SET_RANGE)


def log_line(line: str) -> None:
    """Log a line, as a warning if it begins with "warning: "."""
    logger.log(logging.WARNING if line.startswith("warning: ") else logging.INFO, "%s", line)


def range_text(limits: Range) -> str:
    """Return a range as a message shows it, such as 0…4095."""
    return "…".join(f"{limit:.10g}" if float(limit).is_integer() else f"{limit:.4g}" for limit in limits)
