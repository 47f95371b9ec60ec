import errno
import logging
import os
import re
import subprocess
import sys
import warnings

import pytest
import rich.console
from typer.testing import CliRunner

from stages.common import console
from stages.common.errors import InputError
from tests.processes import PATIENCE, ROOT, line_of, start_code


def app_that_raises(error):
    app = console.new_app()

    @app.command()
    @console.command
    def main(name: str = "nobody"):
        """Do one thing."""
        if error:
            raise error

    return app


ENDLESS = """
import itertools
from stages.common import console
app = console.new_app()
@app.command()
@console.command
def main():
    for number in itertools.count():
        print(number)
app()
"""


def test_a_warning_of_a_library_ends_no_command_whatever_pythonwarnings_says(monkeypatch: pytest.MonkeyPatch):
    app = console.new_app()

    @app.command()
    @console.command
    def main():
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr(sys, "warnoptions", ["error::DeprecationWarning"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CliRunner().invoke(app, []).exit_code == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            InputError("a.yaml", "a\nnumber", "'x'", "edit\n  it"),
            "error: a.yaml: expected a number, received 'x'; edit it\n",
        ),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            "error: disk: No space left on device; nothing half-written is left",
        ),
        (
            OSError(errno.EACCES, os.strerror(errno.EACCES), "x.npy"),
            "error: x.npy: Permission denied; nothing half-written",
        ),
        (OSError("odd"), "error: disk: odd; nothing half-written is left"),
        (MemoryError(), "error: memory: the system has no more to give"),
    ],
)
def test_an_error_a_person_can_mend_is_one_line_and_exit_code_1(error, expected):
    result = CliRunner().invoke(app_that_raises(error), [])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(expected)
    assert result.stderr.count("\n") == 1


def test_a_reader_that_has_seen_enough_is_no_error():
    with start_code(ENDLESS) as process:
        assert line_of(process.stdout) == "0"
        process.stdout.close()
        assert (process.stderr.read(), process.wait(PATIENCE)) == ("", 1)


CLOSED = """
import os, sys
from stages.common import console
app = console.new_app()
@app.command()
@console.command
def main():
    with open(sys.argv[-1], "w") as file:
        assert file.fileno() > 2, file.fileno()
        print("to nobody", flush=True)
        console.say("to nobody either")
        os.write(1, b"a library's own print")
        with console.quiet(), console.progress("working", 1) as advance:
            advance(1)
        file.write("whole")
    console.table(["a"], [["b"]])
sys.argv = [sys.argv[0]]
app()
"""


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_a_closed_stream_is_no_error_and_nothing_gets_into_files(tmp_path, closed):
    code = CLOSED.replace("sys.argv[-1]", repr(str(tmp_path / "file")))
    shell = "exec " + " ".join(f"{each}{'<' if each == 0 else '>'}&-" for each in closed) + ' "$@"'
    command = ["sh", "-c", shell, "sh", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").read_text() == "whole"
    assert "Traceback" not in done.stdout + done.stderr
    assert ("to nobody" in done.stdout) == (1 not in closed)
    assert ("to nobody either" in done.stderr) == (2 not in closed)


def test_what_a_library_module_logs_is_a_plain_line_on_standard_error(capsys):
    logger = logging.getLogger("stages.images.somewhere")
    console.show_log()
    console.show_log()  # as the second command of a process does
    logger.debug("hidden")
    logger.info("a line of more than eighty characters, [bold]as it is[/bold], %s, and a number: %d", "x" * 40, 7)
    logger.warning("two\nlines")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"a line of more than eighty characters, [bold]as it is[/bold], {'x' * 40}, and a number: 7\ntwo\nlines\n"
    )


def test_a_command_shows_the_log(monkeypatch):
    logger = logging.getLogger("stages")
    monkeypatch.setattr(logger, "handlers", [])
    app = console.new_app()

    @app.command()
    @console.command
    def main():
        logging.getLogger("stages.training.loop").info("epoch %d", 1)

    assert CliRunner().invoke(app, []).stderr == "epoch 1\n"


def test_the_log_of_other_libraries_is_not_shown_and_ours_is_not_given_to_them(capsys):
    console.show_log()
    caught = []
    handler = logging.Handler()
    handler.emit = caught.append
    logging.getLogger().addHandler(handler)  # as absl does, which TensorFlow imports
    try:
        logging.getLogger("stages.train").info("once")
        logging.getLogger("other").info("theirs")
    finally:
        logging.getLogger().removeHandler(handler)
    assert capsys.readouterr().err == "once\n"
    assert [record.name for record in caught] in ([], ["other"])


def test_a_mistake_in_the_code_keeps_its_traceback():
    result = CliRunner().invoke(app_that_raises(ZeroDivisionError("a bug")), [])
    assert isinstance(result.exception, ZeroDivisionError)


def test_ctrl_c_says_so_and_exits_as_the_shell_expects():
    result = CliRunner().invoke(app_that_raises(KeyboardInterrupt()), [])
    assert result.exit_code == 130
    assert "stopped: " in result.stderr


@pytest.mark.parametrize(("arguments", "exit_code"), [([], 0), (["--name", "x"], 0), (["--help"], 0), (["--nmae"], 2)])
def test_a_command_keeps_its_options_and_wrong_usage_is_exit_code_2(arguments, exit_code):
    result = CliRunner().invoke(app_that_raises(None), arguments)
    assert result.exit_code == exit_code
    assert ("--name" in result.output and "Do one thing." in result.output) is (arguments == ["--help"])


@pytest.mark.parametrize("unit", ["bytes", "images", ""])
def test_progress_is_drawn_on_a_terminal_only(capsys, monkeypatch, unit):
    def work():
        with console.progress("writing arrays", 10, unit) as advance:
            advance(4, note="half")
            advance(completed=10, description="done")
        return capsys.readouterr()

    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert work() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    drawn = work()
    assert drawn.out == ""
    assert "done" in drawn.err


def test_a_bracket_in_a_name_is_no_markup_of_a_progress_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with console.progress("looking at the files of [red] and [/bold]", 1, "files") as advance:
        advance(1, note="[/x]")
    assert "files of [red] and [/bold]" in capsys.readouterr().err


def test_quiet_hides_what_native_code_prints(capfd):
    with console.quiet():
        os.write(2, b"chatter of a library\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_quiet_shows_it_after_all_if_the_block_fails(capfd):
    def fail():
        with console.quiet():
            os.write(2, b"the reason\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert capfd.readouterr().err == "the reason\n"


def test_a_table_goes_to_standard_output(capsys):
    console.table(["picture", "it is"], [["a.png", "7 99.0%"]])
    shown = capsys.readouterr()
    assert shown.out.split() == ["picture", "it", "is", "a.png", "7", "99.0%"]
    assert shown.err == ""


HEADER = ["experiment", "seeds", "accuracy", "against main", "train\naccuracy", "loss"]
ROWS = [
    ["main, seeds-1 … seeds-4", "5", "0.9656 ± 0.0033", "", "0.9728", "0.1135"],
    ["faster-adam\n optimizer.learning_rate=0.005", "1", "0.9430", "-0.0226 ± 0.0101 worse", "0.9466", "0.2080"],
]
WHOLE = """\
experiment                      seeds  accuracy         against main            train     loss
                                                                                accuracy
main, seeds-1 … seeds-4         5      0.9656 ± 0.0033                          0.9728    0.1135
faster-adam                     1      0.9430           -0.0226 ± 0.0101 worse  0.9466    0.2080
 optimizer.learning_rate=0.005
"""
TWO_LINES = """\
experiment
  seeds  accuracy         against main            train     loss
                                                  accuracy
main, seeds-1 … seeds-4
  5      0.9656 ± 0.0033                          0.9728    0.1135
faster-adam
 optimizer.learning_rate=0.005
  1      0.9430           -0.0226 ± 0.0101 worse  0.9466    0.2080
"""
LISTED = """\
experiment
main, seeds-1 … seeds-4
  seeds           5
  accuracy        0.9656 ± 0.0033
  train accuracy  0.9728
  loss            0.1135
faster-adam
 optimizer.learning_rate=0.005
  seeds           1
  accuracy        0.9430
  against main    -0.0226 ± 0.0101 worse
  train accuracy  0.9466
  loss            0.2080
"""


@pytest.mark.parametrize(
    ("columns", "is_terminal", "expected"),
    [
        *((columns, False, WHOLE) for columns in (40, 60, 80, 200)),
        *((columns, True, WHOLE) for columns in (96, 100, 200)),
        *((columns, True, TWO_LINES) for columns in (66, 80, 95)),
        *((columns, True, LISTED) for columns in (40, 60, 65)),
    ],
)
def test_a_table_too_wide_for_the_terminal_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: int,
    is_terminal: bool,
    expected: str,
):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(rich.console.Console, "is_terminal", is_terminal)
    console.table(HEADER, ROWS)

    assert re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out) == expected


def test_a_name_longer_than_the_terminal_is_folded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(rich.console.Console, "is_terminal", True)
    console.table(["picture", "it is", ""], [["a-folder/with/a/long/name/图.png", "7", "99.0%"]])

    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(rich.cells.cell_len, shown.splitlines())) <= 20
    assert "".join(shown.split()) == "pictureitisa-folder/with/a/long/name/图.png799.0%"


@pytest.mark.parametrize("columns", ["0", "00"])
def test_a_terminal_of_width_0_shows_what_any_other_shows(monkeypatch: pytest.MonkeyPatch, columns: str):
    monkeypatch.setenv("COLUMNS", columns)
    app = console.new_app()

    @app.command()
    @console.command
    def main():
        console.table(["picture", "it is"], [["a.png", "7"]])

    assert CliRunner().invoke(app, []).stdout.split() == ["picture", "it", "is", "a.png", "7"]


def test_standard_output_stays_what_it_is_below_a_progress_bar(monkeypatch):
    """colorama keeps the standard output that it finds, and writes to it at exit."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    before = sys.stdout
    with console.progress("reading", total=None):
        assert sys.stdout is before
