"""The terminal: lines, progress bars, tables, and errors in one line.

No result depends on this module, so `stages.common.fingerprints` leaves it out of a stage's code.
"""

import functools
import io
import itertools
import logging
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, Protocol

import typer
from typer.core import TyperCommand

from stages.common import orphan, signals
from stages.common.errors import InputError
from stages.common.printable import printable

P = ParamSpec("P")

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2  # their file descriptors
SIGNALLED = 128  # added to a signal's number, the shell's exit code for it
COLUMN_GAP = 2  # characters between the columns of a table
LONGEST_PATH = 1000  # characters of a path in an error
WRONG_USAGE = 2  # Click's exit code for options and arguments that it does not know


class Command(TyperCommand):
    """Command that explains a surplus argument: half of a name with a blank, as a rule."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, and exit with one line if there are too many."""
        ctx.allow_extra_args = True
        surplus = super().parse_args(ctx, args)
        if surplus and not ctx.resilient_parsing:
            expected = "names without blanks (letters, digits, - and _), and paths with blanks in quotes"
            received = f"the surplus {' '.join(map(repr, surplus))}"
            next_step = "rename it in params.yaml, datasets/ and recipes/, or quote the path"
            say(f"Error: {InputError('arguments', expected, received, next_step)}")  # as Click says it
            raise typer.Exit(WRONG_USAGE)
        return surplus


class App(typer.Typer):
    """Typer app of one command."""

    def command(self, *args: Any, **options: Any) -> Any:
        """Return a decorator that makes a function the command."""
        return super().command(*args, **{"cls": Command, **options})


def new_app() -> typer.Typer:
    """Return a Typer app whose --help is plain text, which answers at once."""
    return App(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def say(line: str) -> None:
    """Print one line on standard error, or nothing if the terminal or the reader behind it is gone."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # no reason to end a training
        signals.write_nowhere(STANDARD_ERROR)


class LogHandler(logging.Handler):
    """Print the log of the library modules as plain lines on standard error, above a progress bar if there is one.

    Line breaks and control characters in names, which are arguments of a message, are escaped.
    Rich's own handler would wrap long lines where standard error is a file.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        if isinstance(record.args, tuple):
            shown = (printable(each) if isinstance(each, str | Path) else each for each in record.args)
            say(record.msg % tuple(shown) if record.args else str(record.msg))
        else:
            say(record.getMessage())


def show_log() -> None:
    """Print the log of library modules from now on; by Python's default, only warnings would appear."""
    logger = logging.getLogger("stages")
    if not logger.handlers:
        logger.addHandler(LogHandler())
    logger.setLevel(logging.INFO)
    logger.propagate = False  # absl, which TensorFlow imports, would print each line again


def command(body: Callable[P, None]) -> Callable[P, None]:
    """Turn the errors that a person can fix into one line and exit code 1, without a traceback.

    Characters that the encoding of standard output lacks are escaped, as Python does on standard error.
    """

    @functools.wraps(body)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        _open_closed_streams()
        if not os.environ.get("COLUMNS", "").strip("0"):  # a terminal of width 0, in which Rich prints nothing
            os.environ.pop("COLUMNS", None)
        show_log()
        if any(option.startswith("error") for option in sys.warnoptions):  # PYTHONWARNINGS
            warnings.simplefilter("default")  # a warning of a library is told, and ends nothing
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        watch = orphan.DvcWatch()
        try:
            with signals.raised(), watch:
                body(*args, **kwargs)
        except InputError as error:
            _fail(str(error))
        except BrokenPipeError:  # the reader of the output, such as head, has ended
            signals.write_nowhere(STANDARD_OUTPUT)  # for Python's own flush at exit
            raise typer.Exit(1) from None
        except OSError as error:
            where, reason = printable(error.filename or "disk")[:LONGEST_PATH], error.strerror or error
            _fail(f"{where}: {reason}; nothing half-written is left; fix this and run the command again")
        except MemoryError:
            _fail("memory: the system has no more to give; close other programs and run the command again")
        except KeyboardInterrupt as request:
            number = request.number if isinstance(request, signals.Stopped) else signal.SIGINT
            _say_stopped(number, watch.is_orphan)
            raise typer.Exit(SIGNALLED + number) from None

    return wrapper


def _open_closed_streams() -> None:
    """Open the null device for standard streams that are closed, as after `>&-`.

    The next file that is opened would otherwise get the number of the stream, and what libraries print with it.
    """
    for name in ("stdin", "stdout", "stderr"):  # in this order: a file gets the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: PTH123, SIM115


def _say_stopped(number: int, is_orphan: bool) -> None:
    """Say that a signal has ended the command.

    Args:
        number: Signal.
        is_orphan: True if the reason was that the `dvc` which started this command has ended.
    """
    cause, again = f" by {signal.Signals(number).name}", "run the same command again"
    if is_orphan:
        cause, again = ", since dvc has ended", "run dvc repro again"
    elif number == signal.SIGINT:
        cause = ""
        say("")  # ends the line of the terminal's ^C
    say(f"stopped{cause}: nothing half-written was left behind; {again} to go on")


def _fail(line: str) -> NoReturn:
    say(f"error: {line}")
    raise typer.Exit(1) from None


class Advance(Protocol):
    """Function that moves a progress bar on by `amount`, or to `completed`; the note stands behind the bar."""

    def __call__(
        self,
        amount: float = 0,
        *,
        completed: float | None = None,
        total: float | None = None,
        description: str | None = None,
        note: str | None = None,
    ) -> None:
        """Move the bar."""


@contextmanager
def progress(description: str, total: float | None, unit: str = "") -> Iterator[Advance]:
    """Show a progress bar while the block runs, if standard error is a terminal.

    Args:
        description: Work being done.
        total: Amount of work in `unit`, or None if it is not yet known.
        unit: "bytes" shows sizes and speed; any other word stands behind the count.

    Yields:
        Function that moves the bar.
    """
    from rich.console import Console

    from stages.common.progress_bars import new_bar

    with new_bar(Console(stderr=True), total, unit) as bar:
        task = bar.add_task(description, total=total, note="")

        def advance(
            amount: float = 0,
            *,
            completed: float | None = None,
            total: float | None = None,
            description: str | None = None,
            note: str | None = None,
        ) -> None:
            if note is not None:
                bar.update(task, note=note)
            bar.update(task, advance=amount or None, completed=completed, total=total, description=description)

        try:
            yield advance
        finally:  # the bar is wiped from a terminal that is still there
            signals.leave_closed_terminal()


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the output of native libraries while the block runs; if the block raises, show it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # hides most of TensorFlow's log, not all
    sys.stderr.flush()
    terminal = os.dup(STANDARD_ERROR)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), STANDARD_ERROR)
        try:
            yield
        except Exception:
            kept.seek(0)
            os.write(terminal, kept.read())
            raise
        finally:
            os.dup2(terminal, STANDARD_ERROR)
            os.close(terminal)


def table(header: list[str], rows: list[list[str]]) -> None:
    """Print a table on standard output.

    In a terminal that is too narrow for it, the first cell of each row stands above the others. If these are too wide
    as well, each stands on a line of its own. In a pipe the table is as wide as it needs to be.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console()
    (titles, *lines), folds = _aligned([header, *rows]), False
    if console.is_terminal and not _fit([titles, *lines], console.width):
        titles, *lines = _indented(_aligned([row[1:] for row in (header, *rows)]))
        if not _fit([titles, *lines], console.width):
            titles = []
            lines = [_headed(header[1:], row[1:]) for row in rows]
        titles, folds = [header[0], *titles], True
        lines = [[*row[0].split("\n"), *others] for row, others in zip(rows, lines, strict=True)]
    for line in titles:
        console.print(Text(line, style="bold"), soft_wrap=not folds)
    for line in (line for row in lines for line in row):
        console.print(Text(line), soft_wrap=not folds)  # plain text: a bracket in a name is no markup


def _aligned(rows: list[list[str]]) -> list[list[str]]:
    """Return the lines of each row, with cells of equal width; a cell may have several lines."""
    from rich.cells import cell_len

    widths = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in zip(*rows, strict=True)]
    gap = " " * COLUMN_GAP
    return [
        [
            gap.join(part + " " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True)).rstrip()
            for parts in itertools.zip_longest(*(cell.split("\n") for cell in row), fillvalue="")
        ]
        for row in rows
    ]


def _headed(header: list[str], cells: list[str]) -> list[str]:
    """Return the cells of a row that are not empty, each on a line behind the name of its column."""
    named = [[name.replace("\n", " "), cell] for name, cell in zip(header, cells, strict=True) if cell]
    return [line for lines in _indented(_aligned(named)) for line in lines]


def _indented(rows: list[list[str]]) -> list[list[str]]:
    return [[" " * COLUMN_GAP + line for line in lines] for lines in rows]


def _fit(rows: list[list[str]], width: int) -> bool:
    from rich.cells import cell_len

    return all(cell_len(line) <= width for lines in rows for line in lines)
