import pytest

from stages.common import hashes


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),  # FIPS 180-4, B.1
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),  # B.3
    ],
)
def test_a_file_has_the_sha_256_of_its_content(tmp_path, content, expected):
    (tmp_path / "file").write_bytes(content)
    assert hashes.sha256(tmp_path / "file") == expected
