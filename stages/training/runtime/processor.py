"""Processor and GPUs of this machine: what they compute in hardware, and by what libraries choose their kernels."""

import platform
from pathlib import Path

# fields of /proc/cpuinfo, on x86 and on ARM
MODEL = ("vendor_id", "cpu family", "model", "model name", "CPU implementer", "CPU architecture", "CPU part")
FLAGS = ("flags", "Features")
VECTOR_FLAGS = ("sse", "ssse", "avx", "fma", "f16c", "amx", "asimd", "sve", "bf16", "i8mm")  # their beginnings


def flags() -> set[str]:
    """Return the names of the instructions that the processor has; none if the system does not tell."""
    return {flag for field, value in _fields() if field in FLAGS for flag in value.split()}


def kind() -> list[str]:
    """Return what libraries choose their kernels by: architecture, model and vector instructions."""
    models = {f"{field} {value}" for field, value in _fields() if field in MODEL}
    vectors = {flag for flag in flags() if flag.startswith(VECTOR_FLAGS)}
    return [platform.machine(), *sorted(models), *sorted(vectors)]


def gpus() -> list[str]:
    """Return the models of the GPUs that TensorFlow sees."""
    import tensorflow as tf

    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [each.get("device_name", "unknown") for each in details]


def _fields() -> list[tuple[str, str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return []
    named = (line.partition(":") for line in lines)
    return [(field.strip(), value.strip()) for field, _, value in named]
