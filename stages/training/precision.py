"""Which precision this machine computes in."""

from pathlib import Path
from typing import Literal

from stages.console import say

Precision = Literal["float32", "bfloat16"]

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86, x86 with tiles, ARM


def supported(wanted: Precision) -> Precision:
    """Return the precision that is wanted, or float32 with a warning where bfloat16 would only be emulated.

    An emulated bfloat16 can be tens of times slower than float32.
    """
    import tensorflow as tf

    if wanted == "float32" or tf.config.list_physical_devices("GPU") or BFLOAT16_FLAGS & _processor_flags():
        return wanted
    say("warning: this processor has no bfloat16; computing in float32, which takes longer and gives other last digits")
    return "float32"


def _processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return set()
    return {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()}
