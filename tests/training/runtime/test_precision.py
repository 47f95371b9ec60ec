from pathlib import Path

import pytest

from stages.training.runtime import precision

WARNING = (
    "warning: this processor has no bfloat16; computing in float32, which takes longer and gives other last digits"
)
PROCESSORS = {
    "amd": ("flags\t\t: fpu sse4_2 avx2 avx512f avx512_bf16 avx512_vnni", True),
    "intel": ("flags\t\t: fpu avx2 amx_bf16 amx_tile", True),
    "arm": ("Features\t: fp asimd i8mm bf16 bti", True),
    "older": ("flags\t\t: fpu sse4_2 avx2 avx512f", False),
    "of that name only": ("model name\t: bf16 avx512_bf16\nflags\t\t: fpu avx2", False),
    "nothing told": ("", False),
}


def processor(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    """Let /proc/cpuinfo say `text`, or let there be none; every other file is as it is."""
    read_text = Path.read_text

    def told(path: Path, *arguments: object, **settings: object) -> str:
        if path != Path("/proc/cpuinfo"):
            return read_text(path, *arguments, **settings)
        if text is None:
            raise FileNotFoundError(path)
        return text

    monkeypatch.setattr(Path, "read_text", told)


@pytest.mark.parametrize(("text", "has_bfloat16"), PROCESSORS.values(), ids=PROCESSORS)
def test_bfloat16_is_computed_where_the_processor_can(
    text: str, has_bfloat16: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    processor(monkeypatch, text)

    assert precision.supported("bfloat16") == ("bfloat16" if has_bfloat16 else "float32")
    assert capsys.readouterr().err.splitlines() == ([] if has_bfloat16 else [WARNING])


def test_where_no_processor_is_described_there_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    processor(monkeypatch, None)

    assert precision.supported("bfloat16") == "float32"
    assert capsys.readouterr().err.splitlines() == [WARNING]


def test_float32_needs_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    processor(monkeypatch, "")

    assert precision.supported("float32") == "float32"
    assert capsys.readouterr().err == ""
