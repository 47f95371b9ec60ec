"""Formats by content. In the tests, pillow-heif is a module that reads one invented file."""

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image, features

from stages.common.errors import InputError
from stages.images.picture_files import formats, pictures
from tests.images.conftest import HEIC

PILLOW = {
    "PNG": "PNG", "JPEG": "JPEG", "WEBP": "WEBP", "BMP": "BMP", "GIF": "GIF", "TIFF": "TIFF", "PPM": "PPM",
    "MPO": "JPEG", "ICO": "ICO", "EPS": "EPS", "PDF": "PDF document", "JPEG2000": "JPEG 2000",
}  # fmt: skip


def saved(name: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (20, 16), 200).save(file, name, **options)
    return file.getvalue()


@pytest.mark.parametrize("name", PILLOW)
def test_the_formats_of_pillow_are_known_by_their_content(name):
    assert formats.format_of(saved(name)[: formats.HEAD_BYTES]) == PILLOW[name]


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read_where_pillow_reads_it(tmp_path):
    (tmp_path / "a.jpg").write_bytes(saved("AVIF"))
    assert formats.identify(tmp_path / "a.jpg") == "AVIF"
    assert "AVIF" in formats.readable()
    assert pictures.read(tmp_path / "a.jpg", (16, 20, 3)).shape == (16, 20, 3)


def test_avif_is_refused_by_its_name_where_pillow_does_not_read_it(tmp_path, without_extras, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypavif\0\0\0\0avifmif1" + bytes(40))
    monkeypatch.setattr(features, "check", lambda name: False)
    formats.readable.cache_clear()
    with pytest.raises(
        InputError, match=r"a\.jpg: expected a picture, received an AVIF picture; save it again, as PNG"
    ):
        pictures.read(tmp_path / "a.jpg", (4, 4, 3))


def tiff(*tags: tuple[int, int], order: str = "<") -> bytes:
    """Return a TIFF file with these tags, each a number."""
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    return (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags)) + entries + bytes(4)


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, x_train=np.zeros(3))
    return file.getvalue()


def archive(member: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr(member, "x")
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return file.getvalue()


def brands(major: bytes, *others: bytes) -> bytes:
    names = b"".join((major, bytes(4), *others))
    return struct.pack(">I", 8 + len(names)) + b"ftyp" + names + b"\0\0\0\x08meta" + b"avif"


CONTENTS = {
    "nothing": (b"", "empty file"),
    "text": (b"a picture, said the file\n", "text file"),
    "text that begins as a bitmap does": (b"BMW and Mercedes in front of the house", "text file"),
    "text that begins as a pixmap does": (b"P5 is the fifth picture", "text file"),
    "UTF-8": ("größer\n".encode(), "text file"),
    "UTF-8 with a mark": ("größer\n".encode("utf-8-sig"), "text file"),
    "UTF-16": ("größer\n".encode("utf-16"), "text file"),
    "Latin 1": ("größer\n".encode("latin-1"), "text file"),
    "noise": (bytes(range(256)), "file of an unknown format"),
    "web page": (b"\n<!DOCTYPE html><title>404</title>", "web page"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "SVG with a head": (b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg/>", "SVG"),
    "XML": (b"<?xml version='1.0'?><annotation/>", "text file"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "PDF": (b"%PDF-1.7\n", "PDF document"),
    "zip": (archive("cat/0.png"), "zip archive"),
    "Word": (archive("[Content_Types].xml"), "Office document"),
    "LibreOffice": (archive("mimetype"), "Office document"),
    "npz": (npz(), "NumPy .npz archive"),
    "npy": (npy(), "NumPy array"),
    "tar": (tar(), "tar archive"),
    "gzip": (b"\x1f\x8b\x08\0", "gzip archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    "rar": (b"Rar!\x1a\x07\0", "rar archive"),
    "IDX": (b"\0\0\x08\3\0\0\0\1\0\0\0\1\0\0\0\1\0", "IDX file"),
    "pickle": (b"\x80\x04\x95", "pickled Python object"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "HDF5 file"),
    "Parquet": (b"PAR1\x15", "Parquet table"),
    "resource fork": (b"\0\5\x16\7\0\2\0\0Mac OS X", "resource fork"),
    "MP4": (brands(b"isom", b"mp41"), "video"),
    "live photograph": (brands(b"qt  "), "video"),
    "AVI": (b"RIFF\0\0\0\0AVI LIST", "video"),
    "WebM": (b"\x1aE\xdf\xa3", "video"),
    "sound": (b"RIFF\0\0\0\0WAVEfmt ", "audio file"),
    "HEIC": (HEIC, "HEIF"),
    "HEIF of several": (brands(b"mif1", b"heic"), "HEIF"),
    "AVIF of several": (brands(b"mif1", b"avif"), "AVIF"),
    "HEIF, newer": (brands(b"mif2", b"miaf"), "HEIF"),
    "HEIF of H.264": (brands(b"avci", b"mif1"), "HEIF"),
    "JPEG XL": (b"\xff\x0a\0", "JPEG XL"),
    "JPEG XR": (b"II\xbc\1\x20\0\0\0", "JPEG XR"),
    "Targa": (b"\0\0\2" + bytes(9) + b"\x10\0\x0c\0\x18\0", "Targa"),
    "packed Targa": (b"\0\0\n" + bytes(9) + b"\x10\0\x0c\0\x18\0", "Targa"),
    "Paintbrush": (b"\n\5\1\x08" + bytes(124), "PCX"),
    "Silicon Graphics": (b"\x01\xda\0\1\0\3\0\x10", "SGI"),
    "textures": (b"DDS |\0\0\0", "DDS"),
    "icons of macOS": (b"icns\0\0\1\0", "ICNS"),
    "portable floats": (b"PF\n16 12\n-1.0\n", "PFM"),
    "portable map of any kind": (b"P7\nWIDTH 16\nHEIGHT 12\n", "PAM"),
    "Radiance": (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "Radiance"),
    "astronomy": (b"SIMPLE  =                    T / a star", "FITS"),
    "NRRD": (b"NRRD0004\ntype: uchar\n", "NRRD"),
    "NIfTI": (b"\x5c\1\0\0" + bytes(340) + b"n+1\0", "NIfTI"),
    "Zeiss": (b"ZISRAWFILE\0\0", "Zeiss CZI"),
    "Nikon's microscopes": (b"\xda\xce\xbe\n\0\0", "Nikon ND2"),
    "Photoshop": (b"8BPS\0\1", "Photoshop"),
    "DICOM": (bytes(128) + b"DICM", "DICOM"),
    "Canon": (b"II*\0\x10\0\0\0CR\2\0" + bytes(30), "raw camera"),
    "Canon, newer": (brands(b"crx "), "raw camera"),
    "Nikon": (tiff((254, 1), (256, 160), (330, 500)), "raw camera"),
    "Adobe": (tiff((254, 1), (256, 256), (50706, 1), order=">"), "raw camera"),
    "Fuji": (b"FUJIFILMCCD-RAW 0201", "raw camera"),
    "TIFF": (tiff((254, 0), (256, 20)), "TIFF"),
    "a small copy alone in TIFF": (tiff((254, 1), (256, 20)), "TIFF"),
    "TIFF cut short": (b"MM\0*", "TIFF"),
    "TIFF that leads nowhere": (b"II*\0\xff\xff\xff\xff\1\2", "TIFF"),
    "large TIFF": (b"II+\0\x08\0\0\0", "TIFF"),
    "plain bitmap": (b"P1\n# by hand\n2 2\n0 1 1 0\n", "PPM"),
    "grey map": (b"P5\n# scanned\n20 16\n255\n", "PPM"),
    "grey map of 12 bits": (b"P5 20 16 4095\n", "PPM of 16 bits"),
    "cut after the first bytes": (b"\x89PNG", "PNG"),
    "PNG that was changed as text": (b"\x89PNG\n\x1a\n", "PNG"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_a_file_is_known_by_its_first_bytes(tmp_path, case):
    content, expected = CONTENTS[case]
    (tmp_path / "a.jpg").write_bytes(content)
    assert formats.identify(tmp_path / "a.jpg") == expected


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".HEIC", ".txt", ""])
def test_a_picture_is_read_whatever_its_suffix(tmp_path, name, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(saved(name))
    assert formats.identify(path) in formats.readable()
    np.testing.assert_allclose(pictures.read(path, (16, 20, 3))[..., 0], 200, atol=3)


def test_every_cut_of_every_picture_has_a_name():
    for name in PILLOW:
        whole = saved(name)
        for length in range(min(len(whole), 300)):
            assert formats.format_of(whole[:length])


def test_every_cut_of_every_first_bytes_has_a_name():
    starts = [start for start, _ in formats.STARTS] + [whole for whole, _ in CONTENTS.values()]
    for start in (*starts, HEIC, brands(b"avif", b"mif1")):
        for length in range(min(len(start), 300) + 1):
            assert formats.format_of(start[:length])


@pytest.mark.parametrize("length", range(8, 12))
def test_a_picture_cut_within_its_brand_is_unknown(length):
    assert formats.format_of(HEIC[:length]) == formats.UNKNOWN


def test_heic_is_read_where_pillow_heif_is_installed(tmp_path, with_heif):
    assert "HEIF" in formats.readable()
    assert not formats.is_unread_picture("HEIF")
    for name in ("IMG_1.HEIC", "a.jpg"):
        (tmp_path / name).write_bytes(HEIC)
        assert pictures.read(tmp_path / name, (2, 3, 3))[0, 0].tolist() == [250, 20, 30]
        assert pictures.read_size(tmp_path / name) == (2, 3)


def test_heic_is_refused_by_its_name_where_it_is_not(tmp_path, without_extras):
    assert formats.is_unread_picture("HEIF")
    for name in ("IMG_1.HEIC", "a.jpg"):
        (tmp_path / name).write_bytes(HEIC)
        expected = f"{name}: expected a picture, received a HEIF picture; pip install pillow-heif, or save it as JPEG"
        with pytest.raises(InputError, match=expected):
            pictures.read(tmp_path / name, (2, 3, 3))


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("HEIF", 1, "1 HEIF picture"),
        ("HEIF", 3, "3 HEIF pictures"),
        ("text file", 2, "2 text files"),
        ("file of an unknown format", 2, "2 files of an unknown format"),
        ("zip archive", 2, "2 zip archives"),
    ],
)
def test_files_are_counted_in_words(name, count, expected):
    assert formats.counted(name, count) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PNG", "a PNG picture"),
        ("SVG", "an SVG picture"),
        ("SGI", "an SGI picture"),
        ("Targa", "a Targa picture"),
        ("empty file", "an empty file"),
        ("text file", "a text file"),
    ],
)
def test_a_file_has_its_article(name, expected):
    assert formats.article(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text file", formats.REPLACE),
        ("web page", formats.REPLACE),
        ("empty file", formats.REPLACE),
        ("video", formats.REPLACE),
        ("PCX", formats.SAVE_AGAIN),
        ("file of an unknown format", formats.SAVE_AGAIN),
        ("zip archive", "unpack it"),
        ("Git LFS pointer", "git lfs pull"),
    ],
)
def test_the_next_step_fits_the_format(name, expected):
    assert formats.remedy(name) == expected
