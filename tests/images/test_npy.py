""".npy files whose headers are damaged or hostile."""

import io
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from stages.images import npy
from tests.damage import damaged, examples

ARRAY = np.arange(6, dtype=np.uint8).reshape(2, 3)


def file_of(header: str, version: int = 1) -> bytes:
    """Return an .npy file of six bytes with any header."""
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + ARRAY.tobytes()


def header_of(shape: object = (2, 3), descr: object = "|u1") -> str:
    return repr({"descr": descr, "fortran_order": False, "shape": shape})


DAMAGE = {
    "nothing": b"",
    "text": b"x,y\n1,2\n",
    "half a header": file_of(header_of())[:30],
    "a length beyond the file": b"\x93NUMPY\2\0\xff\xff\xff\xff{}",
    "no dictionary": file_of("1"),
    "no Python": file_of("{,"),
    "an open bracket": file_of("{'descr': ("),
    "deep brackets": file_of("(" * 500),
    "deeper brackets": file_of("(" * 9000),
    "a sum without end": file_of("1+" * 4000 + "1"),
    "a number of nine thousand digits": file_of("9" * 9000),
    "more images than memory has": file_of(header_of((2**40, 3))),
    "a dimension beyond 64 bits": file_of(header_of((2**64, 3))),
    "dimensions whose product is": file_of(header_of((2**40, 2**40))),
    "a dimension below 0": file_of(header_of((-2, 3))),
    "a text as a dimension": file_of(header_of(("2", 3))),
    "no shape": file_of(header_of(None)),
    "a type that is none": file_of(header_of(descr="|x9")),
    "objects": file_of(header_of(descr="|O")),
    "a file cut short": file_of(header_of())[:-1],
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_has_one_short_reason(tmp_path, case):
    (tmp_path / "a.npy").write_bytes(DAMAGE[case])
    with pytest.raises(npy.NpyError) as caught:
        npy.open_map(tmp_path / "a.npy")
    assert 0 < len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_whole_files_are_mapped_without_a_warning(tmp_path, version):
    with (tmp_path / "a.npy").open("wb") as file, warnings.catch_warnings(action="ignore"):
        np.lib.format.write_array(file, ARRAY, (version, 0))
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(npy.open_map(tmp_path / "a.npy"), ARRAY)
        assert npy.read_shape((tmp_path / "a.npy").open("rb")) == (2, 3)


def test_a_header_of_python_2_is_read_without_a_warning(tmp_path):
    content = file_of(header_of("shape").replace("'shape'}", "(2L, 3L)}"))
    (tmp_path / "a.npy").write_bytes(content)
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(npy.open_map(tmp_path / "a.npy"), ARRAY)
        assert npy.read_shape(io.BytesIO(content)) == (2, 3)


@pytest.mark.parametrize("case", ["nothing", "no Python", "deeper brackets", "a sum without end"])
def test_the_shape_of_a_damaged_header_is_refused(case):
    with pytest.raises(npy.NpyError):
        npy.read_shape(io.BytesIO(DAMAGE[case]))


def test_a_missing_file_is_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError):
        npy.open_map(tmp_path / "a.npy")


@examples(150)
@given(arrays_of.arrays(arrays_of.scalar_dtypes(), arrays_of.array_shapes(min_dims=0, max_side=3)))
def test_any_array_is_mapped_as_it_was_saved(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    mapped = npy.open_map(tmp_path / "a.npy")
    assert (mapped.dtype, mapped.shape, mapped.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert npy.read_shape((tmp_path / "a.npy").open("rb")) == array.shape


@examples(300)
@given(st.data())
def test_any_damage_has_a_short_reason(tmp_path, data):
    (tmp_path / "a.npy").write_bytes(data.draw(damaged(file_of(header_of()))))
    reason = ""
    try:
        npy.open_map(tmp_path / "a.npy").tobytes()
    except npy.NpyError as error:
        reason = str(error)
    assert len(reason.splitlines()) <= 1
    assert len(reason) < 300
