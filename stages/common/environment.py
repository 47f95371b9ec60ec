"""Environment of the libraries: a user's settings of Keras, TensorFlow and matplotlib change no result.

The libraries read them when they are imported, so the functions here come first.
"""

import json
import logging
import os
import reprlib
from pathlib import Path
from typing import Any

from stages.common.errors import InputError, first_line

# Keras's defaults, which hold if it finds no file
KERAS = {"backend": "tensorflow", "floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
NO_FOLDER = f"{os.devnull}/keras"  # Keras can neither read nor write a keras.json there
# beginnings of the names of variables by which Keras, TensorFlow, XLA and oneDNN compute otherwise
PREFIXES = ("KERAS_", "TF_", "TF2_", "XLA_", "ONEDNN_", "DNNL_", "AUTOGRAPH_", "NVIDIA_TF32_OVERRIDE")
KEPT = (  # workers, log, and memory of GPUs; Terraform's variables
    "TF_CONFIG", "TF_CPP_", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_", "TF_GRPC_",
    "TF_CLI_", "TF_DATA_DIR", "TF_INPUT", "TF_LOG", "TF_PLUGIN_CACHE_DIR", "TF_TOKEN_", "TF_VAR_", "TF_WORKSPACE",
)  # fmt: skip
SET = {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": NO_FOLDER, "TF2_BEHAVIOR": "1"}
USUAL = {**SET, "TF_DETERMINISTIC_OPS": "1", "TF_ENABLE_ONEDNN_OPTS": "1", "TF_USE_LEGACY_KERAS": "0"}  # or nearly so

logger = logging.getLogger(__name__)


def fix_environment() -> None:
    """Hide the user's settings of Keras and TensorFlow from this process; call this before they are imported.

    A line names those that differ from the project's.

    Raises:
        InputError: matplotlib, which Keras imports, cannot read the user's settings of it.
    """
    folder = os.environ.get("KERAS_HOME", "~/.keras")
    if folder != NO_FOLDER:
        _warn_of_file(Path(folder) / "keras.json")
    hidden = [name for name in os.environ if name.startswith(PREFIXES) and not name.startswith(KEPT)]
    values = {name: os.environ.pop(name) for name in sorted(hidden)}
    os.environ.update(SET)
    differing = [
        f"{name}={reprlib.repr(value)}"
        for name, value in values.items()
        if value not in ("", USUAL.get(name)) and name != "KERAS_HOME"
    ]
    if differing:
        logger.warning("warning: every run here ignores %s, which could change its result", ", ".join(differing))
    import_matplotlib()


def import_matplotlib() -> Any:
    """Import matplotlib, which then reads the user's settings of it; `stages.plots.style` replaces them.

    Raises:
        InputError: matplotlib cannot read them.
    """
    os.environ["MPLBACKEND"] = "agg"  # it would refuse a name that it does not know
    try:
        import matplotlib
        import matplotlib.style
    except ValueError as error:
        expected = "matplotlibrc and stylelib/ in UTF-8"
        next_step = "fix or remove the file, here or in matplotlib's folder, such as ~/.config/matplotlib"
        raise InputError("matplotlib", expected, first_line(error), next_step) from error
    return matplotlib


def _warn_of_file(path: Path) -> None:
    """Name the settings of a keras.json that differ from the project's."""
    settings = _read(path)
    differing = [key for key in KERAS if settings.get(key, KERAS[key]) != KERAS[key]]
    if differing:
        theirs, ours = (
            ", ".join(f"{key} {reprlib.repr(each[key])}" for key in differing) for each in (settings, KERAS)
        )
        logger.warning("warning: %s says %s; every run here uses %s", path, theirs, ours)


def _read(path: Path) -> dict[str, Any]:
    """Return the settings of a keras.json; none if Keras itself could not read them."""
    try:
        path = path.expanduser()
        settings = json.loads(path.read_bytes()) if path.is_file() else {}
    except (OSError, ValueError, RuntimeError):
        return {}
    return settings if isinstance(settings, dict) else {}
