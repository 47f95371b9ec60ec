"""Precision that this machine supports in hardware."""

import logging
from typing import Literal

from stages.training.runtime import processor

Precision = Literal["float32", "bfloat16"]

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86, x86 with tiles, ARM

logger = logging.getLogger(__name__)


def supported(precision: Precision) -> Precision:
    """Return the precision, or float32 with a warning where bfloat16 would be emulated.

    Emulated bfloat16 can be tens of times slower than float32.
    """
    import tensorflow as tf

    if precision == "float32" or tf.config.list_physical_devices("GPU") or BFLOAT16_FLAGS & processor.flags():
        return precision
    logger.warning(
        "warning: this processor has no bfloat16; computing in float32, which takes longer and gives other last digits"
    )
    return "float32"
