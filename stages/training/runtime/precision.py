"""Precision that this machine supports in hardware."""

import logging
from pathlib import Path
from typing import Literal

Precision = Literal["float32", "bfloat16"]

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86, x86 with tiles, ARM

logger = logging.getLogger(__name__)


def supported(precision: Precision) -> Precision:
    """Return the precision, or float32 with a warning where bfloat16 would be emulated.

    Emulated bfloat16 can be tens of times slower than float32.
    """
    import tensorflow as tf

    if precision == "float32" or tf.config.list_physical_devices("GPU") or BFLOAT16_FLAGS & _cpu_flags():
        return precision
    logger.warning(
        "warning: this processor has no bfloat16; computing in float32, which takes longer and gives other last digits"
    )
    return "float32"


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return set()
    return {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()}
