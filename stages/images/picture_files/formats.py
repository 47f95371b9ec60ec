"""Formats of files, identified by their content; the suffix of a name only says what a person takes the file for."""

import re
import struct
from functools import cache
from pathlib import Path

HEAD_BYTES = 1024  # read of each file
ALWAYS_READ = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # not EPS, for which Pillow would start Ghostscript
NOT_READ = (
    "AVIF", "DDS", "DICOM", "EPS", "FITS", "GIMP", "HEIF", "ICNS", "ICO", "JPEG 2000", "JPEG XL", "JPEG XR", "NIfTI",
    "NRRD", "Nikon ND2", "OpenEXR", "PAM", "PCX", "PFM", "PPM of 16 bits", "Photoshop", "Radiance", "SGI", "SVG",
    "Targa", "Zeiss CZI", "raw camera",
)  # fmt: skip # formats of pictures that this project, or this installation of Pillow, does not read
SUFFIXES = (
    ".apng", ".arw", ".avif", ".bmp", ".cr2", ".cr3", ".cur", ".dcm", ".dib", ".dng", ".emf", ".eps", ".exr", ".gif",
    ".heic", ".heif", ".hif", ".ico", ".j2k", ".jfif", ".jif", ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl",
    ".mpo", ".nef", ".orf", ".pbm", ".pef", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".raf", ".rw2", ".srw", ".svg",
    ".svgz", ".tga", ".tif", ".tiff", ".webp", ".wmf", ".xbm", ".xcf", ".xpm",
)  # fmt: skip # of files that a person takes for pictures
SAVE_AGAIN = "save it again, as PNG for instance"
REPLACE = "replace it with a picture, or remove it"
EMPTY, TEXT, UNKNOWN, LFS_POINTER = "empty file", "text file", "file of an unknown format", "Git LFS pointer"
VIDEO, WEB_PAGE = "video", "web page"

STARTS = (  # the first bytes of a file, and its format
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"IIRO", "raw camera"),
    (b"IIRS", "raw camera"),
    (b"IIU\0", "raw camera"),
    (b"FUJIFILMCCD-RAW", "raw camera"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "ICO"),
    (b"gimp xcf", "GIMP"),
    (b"v/1\1", "OpenEXR"),
    (b"II\xbc", "JPEG XR"),
    (b"DDS ", "DDS"),
    (b"icns", "ICNS"),
    (b"\n\5\1", "PCX"),
    (b"\x01\xda\0", "SGI"),
    (b"\x01\xda\1", "SGI"),
    (b"\0\0\2\0\0\0\0\0", "Targa"),
    (b"\0\0\n\0\0\0\0\0", "Targa"),
    (b"PF\n", "PFM"),
    (b"Pf\n", "PFM"),
    (b"P7\n", "PAM"),
    (b"#?RADIANCE", "Radiance"),
    (b"#?RGBE", "Radiance"),
    (b"SIMPLE  =", "FITS"),
    (b"NRRD000", "NRRD"),
    (b"ZISRAWFILE", "Zeiss CZI"),
    (b"\xda\xce\xbe\n", "Nikon ND2"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"\0\5\x16\7", "resource fork"),
    (b"\0\0\x08\1", "IDX file"),
    (b"\0\0\x08\3", "IDX file"),
    (b"%PDF", "PDF document"),
    (b"\x93NUMPY", "NumPy array"),
    (b"\x89HDF", "HDF5 file"),
    (b"PAR1", "Parquet table"),
    (b"\xd0\xcf\x11\xe0", "Office document"),
    (b"SQLite format", "database"),
    (b"\x80\2", "pickled Python object"),
    (b"\x80\3", "pickled Python object"),
    (b"\x80\4", "pickled Python object"),
    (b"\x80\5", "pickled Python object"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ", "xz archive"),
    (b"7z\xbc\xaf", "7z archive"),
    (b"Rar!", "rar archive"),
    (b"\x1aE\xdf\xa3", VIDEO),
    (b"\0\0\1\xba", VIDEO),
    (b"\0\0\1\xb3", VIDEO),
    (b"FLV\1", VIDEO),
    (b"ID3", "audio file"),
    (b"OggS", "audio file"),
    (b"fLaC", "audio file"),
)
CONTAINERS = {b"WEBP": "WEBP", b"AVI ": VIDEO, b"WAVE": "audio file"}  # the kinds of RIFF
HEIF_BRANDS = (
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1", b"avci",
)  # fmt: skip
AVIF_BRANDS = (b"avif", b"avis")
BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes
BLANK = rb"\s(?:\s|#[^\n]*\n)*"
BITMAP = re.compile(rb"P[14]" + BLANK + rb"\d+" + BLANK + rb"\d+\s")
PIXMAP = re.compile(rb"P[2356]" + (BLANK + rb"\d+") * 2 + BLANK + rb"(?P<highest>\d+)\s")
SUBFILE_TYPE, SUB_IFDS, DNG_VERSION = 254, 330, 50706  # tags of TIFF
NO_TEXT = re.compile(rb"[^\t\n\f\r\x1b -\x7e\x80-\xff]")


def identify(path: Path) -> str:
    """Return the format of a file by its first bytes: the name of a picture's format, or a noun such as "text file"."""
    with path.open("rb", buffering=0) as file:
        return format_of(file.read(HEAD_BYTES))


def format_of(head: bytes) -> str:
    """Return the format of a file, as `identify` does.

    Args:
        head: The first HEAD_BYTES bytes of the file, or all it has.
    """
    if not head:
        return EMPTY
    if head[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(head)
    if head[4:8] == b"ftyp" and len(head) >= 12:
        return _iso_media(head)
    if head[:4] == b"RIFF":
        return CONTAINERS.get(head[8:12], UNKNOWN)
    if head[:4] == b"PK\3\4":
        return _zip(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BMP_HEADERS:
        return "BMP"
    if BITMAP.match(head):
        return "PPM"
    if pixmap := PIXMAP.match(head):
        return "PPM" if int(pixmap["highest"]) <= 255 else "PPM of 16 bits"
    if head[128:132] == b"DICM":
        return "DICOM"
    if head[344:348] in (b"n+1\0", b"ni1\0"):
        return "NIfTI"
    if head[257:262] == b"ustar":
        return "tar archive"
    return next((name for start, name in STARTS if head.startswith(start)), None) or _text(head)


@cache
def readable() -> tuple[str, ...]:
    """Return the names of the formats that Pillow reads here; HEIF is among them if pillow-heif is installed."""
    from PIL import features

    formats = list(ALWAYS_READ)
    if "avif" in features.modules and features.check("avif"):
        formats.append("AVIF")
    try:
        import pillow_heif
    except ImportError:
        return tuple(formats)
    pillow_heif.register_heif_opener()
    return (*formats, "HEIF")


def is_unread_picture(name: str) -> bool:
    """Return True if a format is one of pictures, but not read here."""
    return name in NOT_READ and name not in readable()


def is_taken_for_picture(path: Path) -> bool:
    """Return True if a file's suffix is that of a picture, whatever the file holds."""
    return path.suffix.lower() in SUFFIXES


def counted(name: str, count: int) -> str:
    """Return a number of files of a format: "1 text file", "3 HEIF pictures"."""
    noun = _noun(name)
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun.replace('file', 'files', 1) if 'file' in noun else f'{noun}s'}"


def article(name: str) -> str:
    """Return one file of a format: "a text file", "an SVG picture"."""
    return (
        f"{'an' if name.startswith(('A', 'E', 'I', 'O', 'HDF', 'SGI', 'SVG', 'a', 'e', 'xz')) else 'a'} {_noun(name)}"
    )


def remedy(name: str) -> str:
    """Return the next step for a file of a format that is not read, as an imperative."""
    if name == "HEIF":
        return "pip install pillow-heif, or save it as JPEG"
    if name == LFS_POINTER:
        return "git lfs pull"
    if name.endswith("archive"):
        return "unpack it"
    return REPLACE if name in (EMPTY, TEXT, WEB_PAGE, VIDEO) else SAVE_AGAIN


def _noun(name: str) -> str:
    return f"{name} picture" if name in (*ALWAYS_READ, *NOT_READ) else name


def _tiff(head: bytes) -> str:
    """Tell the raw files of cameras, which are TIFF with a small preview as the first image, from other TIFF."""
    order = "<" if head[:2] == b"II" else ">"
    tags: dict[int, int] = {}
    (start,) = struct.unpack_from(f"{order}I", head.ljust(8, b"\0"), 4)
    if start + 2 <= len(head):
        (count,) = struct.unpack_from(f"{order}H", head, start)
        for place in range(start + 2, min(start + 2 + 12 * count, len(head) - 11), 12):
            tag, kind = struct.unpack_from(f"{order}HH", head, place)
            (tags[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", head, place + 8)
    is_preview = tags.get(SUBFILE_TYPE) == 1 and SUB_IFDS in tags
    return "raw camera" if is_preview or DNG_VERSION in tags or head[8:10] == b"CR" else "TIFF"


def _iso_media(head: bytes) -> str:
    """Return the format of a file of the ISO family, by the brands that it names."""
    brands = head[8 : max(16, int.from_bytes(head[:4], "big"))]
    every = [brands[place : place + 4] for place in range(0, len(brands), 4)]
    if every[0] in AVIF_BRANDS or (every[0] in HEIF_BRANDS and any(brand in AVIF_BRANDS for brand in every)):
        return "AVIF"
    if every[0] in HEIF_BRANDS:
        return "HEIF"
    return {b"crx ": "raw camera", b"jxl ": "JPEG XL", b"M4A ": "audio file"}.get(every[0], VIDEO)


def _zip(head: bytes) -> str:
    """Tell the zip archives that have a name of their own by the name of their first member."""
    member = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if member.endswith(b".npy"):
        return "NumPy .npz archive"
    return "Office document" if member in (b"[Content_Types].xml", b"mimetype", b"_rels/.rels") else "zip archive"


def _text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return TEXT
    if NO_TEXT.search(head):
        return UNKNOWN
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in start:
        return "SVG"
    if start.startswith((b"<!doctype html", b"<html")):
        return WEB_PAGE
    return LFS_POINTER if start.startswith(b"version https://git-lfs") else TEXT
