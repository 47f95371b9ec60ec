"""A workflow of cached stages that trains and compares image classifiers; dvc.yaml is the graph."""

import importlib.util
import signal
import sys

if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # until the command begins, Ctrl-C ends `python -m stages.…` without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

if importlib.util.find_spec("typer") is None:  # each command would end with a traceback
    expected = "the project's environment, .venv"
    sys.exit(f"error: Python: expected {expected}, received {sys.executable}; run source .venv/bin/activate")
