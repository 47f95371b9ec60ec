"""A workflow of cached stages that trains and compares image classifiers; dvc.yaml is the graph."""

import importlib.util
import sys

if importlib.util.find_spec("typer") is None:  # each command would end with a traceback
    expected = "the project's environment, .venv"
    sys.exit(f"error: Python: expected {expected}, received {sys.executable}; run source .venv/bin/activate")
