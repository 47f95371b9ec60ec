from pathlib import Path

import pytest

from stages.training.runtime import processor

X86 = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
cpu MHz\t\t: 2596.146
flags\t\t: fpu sse4_2 hypervisor avx2 avx512_bf16

processor\t: 1
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
cpu MHz\t\t: 3100.001
flags\t\t: fpu sse4_2 hypervisor avx2 avx512_bf16
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd i8mm bf16 bti
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd40
"""


@pytest.fixture(autouse=True)
def x86_64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")


def kind(monkeypatch: pytest.MonkeyPatch, cpuinfo: str) -> list[str]:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: cpuinfo)
    return processor.kind()


def test_the_kind_names_model_and_vector_instructions(monkeypatch: pytest.MonkeyPatch):
    assert kind(monkeypatch, X86) == [
        "x86_64", "cpu family 25", "model 17", "model name AMD EPYC", "vendor_id AuthenticAMD",
        "avx2", "avx512_bf16", "sse4_2",
    ]  # fmt: skip
    assert kind(monkeypatch, ARM) == [
        "x86_64", "CPU architecture 8", "CPU implementer 0x41", "CPU part 0xd40", "asimd", "bf16", "i8mm",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ("2596.146", "1200.000", True),
        ("hypervisor", "smep", True),
        (" avx512_bf16", "", False),
        ("\t: 17", "\t: 1", False),
        ("AuthenticAMD", "GenuineIntel", False),
    ],
)
def test_what_changes_the_kernels_changes_the_kind(old: str, new: str, is_same: bool, monkeypatch: pytest.MonkeyPatch):
    assert old in X86
    assert (kind(monkeypatch, X86.replace(old, new)) == kind(monkeypatch, X86)) == is_same


def test_where_nothing_is_told_the_architecture_is_left(monkeypatch: pytest.MonkeyPatch):
    def missing(path: Path, **_: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert processor.kind() == ["x86_64"]
    assert processor.flags() == set()


def test_gpus_are_told_by_their_models(monkeypatch: pytest.MonkeyPatch):
    import tensorflow as tf

    details = {"/physical_device:GPU:0": {"device_name": "NVIDIA A100"}, "/physical_device:GPU:1": {}}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(details))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details.get)
    assert processor.gpus() == ["NVIDIA A100", "unknown"]
