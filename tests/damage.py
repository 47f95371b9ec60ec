"""Damaged files for property-based tests: each is read right, or refused in one line."""

import contextlib
from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from stages.common.errors import InputError

LONGEST_LINE = 3000  # characters of an error, beside the path of a temporary folder
TOKENS = [
    *(b"", b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"),
    *(b'"', b"'", b",", b";", b"\n", b"\r", b"\t", b"#", b"-1", b"1e999", b"nan", b"9" * 5000),
    *(b"\xed\xa0\x80", b"\xe2\x80\xa8", b"{", b"[", b"&a ", b"*a", b"!!int ", b": ", b"- "),
]


def examples(count: int) -> settings:
    """Return settings for so many examples, the same in each run."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Return a file with some of its bytes replaced, removed, repeated or cut off; or whole."""
    content = whole
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, min(len(content), draw(st.sampled_from([64, 1 << 30])))))
        length = draw(st.sampled_from([0, 1, 2, 4, 8, 64, 1 << 30]))
        inserted = draw(st.sampled_from(TOKENS) | st.binary(max_size=8) | st.just(content[start : start + 64]))
        content = content[:start] + inserted + content[start + length :]
    return content


@contextlib.contextmanager
def refused_in_one_line() -> Iterator[None]:
    """Accept an InputError of one line that a person reads."""
    line = ""
    try:
        yield
    except InputError as error:
        line = str(error)
    assert len(line.splitlines()) <= 1
    assert len(line) < LONGEST_LINE
