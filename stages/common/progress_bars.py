"""Progress bars that fit any terminal: what has no room is left out, and no number is cut."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich import progress as bars
from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

GAP = 1  # characters between two columns


def new_bar(console: Console, total: float | None, unit: str = "") -> "FittedProgress":
    """Return a progress bar, which is drawn if the console is a terminal; its task needs the field `note`.

    Args:
        console: Console of standard error.
        total: Amount of work in `unit`, or None if it is not yet known.
        unit: "bytes" shows sizes and speed; any other word stands behind the count.
    """
    description = bars.TextColumn("{task.description}", markup=False)  # a bracket in a name is no markup
    note = bars.TextColumn("{task.fields[note]}", markup=False)
    line, elapsed, word = bars.BarColumn(24), bars.TimeElapsedColumn(), bars.TextColumn(unit)
    remaining, speed = bars.TimeRemainingColumn(), bars.TransferSpeedColumn()
    columns: list[bars.ProgressColumn] = [description, line, elapsed, note]
    if unit == "bytes":
        columns[2:2] = [bars.DownloadColumn(), speed]
    elif total:
        columns[2:2] = [bars.MofNCompleteColumn(), word, remaining]
    dispensable = [line, elapsed, remaining, speed, word, note]
    options = {"console": console, "transient": True, "disable": not console.is_terminal}
    # colorama, which DVC imports, would keep a redirected standard output and write to it at exit
    return FittedProgress(columns, dispensable, redirect_stdout=False, **options)


class FittedProgress(bars.Progress):
    """Progress bars that leave columns out where the terminal is too narrow for all.

    Args:
        columns: Columns from left to right. The first is the description, which is shortened if nothing else helps.
        dispensable: Those that may be left out, in this order.
        options: Options of rich's `Progress`.
    """

    def __init__(
        self, columns: Sequence[bars.ProgressColumn], dispensable: Sequence[bars.ProgressColumn], **options: Any
    ) -> None:
        self._dispensable = dispensable
        super().__init__(*columns, **options)

    def make_tasks_table(self, tasks: Iterable[bars.Task]) -> Table:
        """Return a line for each task."""
        lines = [self._fitted(task) for task in tasks if task.visible]
        table = Table.grid(*(Column(no_wrap=True) for _ in max(lines, key=len, default=[])), padding=(0, GAP))
        for line in lines:
            table.add_row(*line)
        return table

    def _fitted(self, task: bars.Task) -> list[Any]:
        shown = {column: column(task) for column in self.columns if isinstance(column, bars.ProgressColumn)}
        for column in self._dispensable:
            if self._surplus(shown.values()) > 0:
                shown.pop(column, None)
        description, *others = shown.values()
        if isinstance(description, Text):
            room = description.cell_len - max(self._surplus(shown.values()), 0)
            description.truncate(max(room, 1), overflow="crop" if self.console.options.ascii_only else "ellipsis")
        return [description, *others]

    def _surplus(self, line: Iterable[Any]) -> int:
        """Return how many characters of a line have no room; the last of the terminal's is for the cursor."""
        widths = [part.cell_len if isinstance(part, Text) else self._measured(part) for part in line]
        return sum(widths) + GAP * len(widths) - self.console.width

    def _measured(self, part: Any) -> int:
        return Measurement.get(self.console, self.console.options, part).maximum
