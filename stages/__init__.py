"""A workflow of cached stages that trains and compares image classifiers; dvc.yaml is the graph."""

import signal
import sys

if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # until the command begins, Ctrl-C ends `python -m stages.…` without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)
