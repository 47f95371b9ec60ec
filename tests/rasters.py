"""PNG and TIFF files of pixels that Pillow reads but does not write: 12 and 16 bits, signed, floats, inverted."""

import struct
import zlib
from pathlib import Path

import numpy as np

SHORT, LONG, FLOAT = 3, 4, 11  # types of TIFF tags
CODES = {SHORT: "H", LONG: "I", FLOAT: "f"}
KINDS = {"u": 1, "i": 2, "f": 3}  # the tag SampleFormat
GREY, COLOUR, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 4, 6  # colour types of PNG


def write_png(path: Path, pixels: np.ndarray, colour: int = GREY, bits: int = 16, **chunks: bytes) -> Path:
    """Write a PNG of uint16 pixels, or of rows packed by `pack`; chunks stand before the pixels."""
    rows = pixels.astype(">u2") if bits == 16 else pixels
    width = pixels.shape[1] if bits == 16 else pixels.shape[1] * 8 // bits
    header = struct.pack(">2I5B", width, len(pixels), bits, colour, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    named = [(name.encode(), data) for name, data in chunks.items()]
    parts = [(b"IHDR", header), *named, (b"IDAT", content), (b"IEND", b"")]
    written = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(written))
    return path


def write_tiff(
    path: Path, pixels: np.ndarray, *, white_is_zero: bool = False, stated: tuple[float, float] | None = None
) -> Path:
    """Write an uncompressed TIFF of grey pixels or, with three channels, of colour, in their own byte order."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    dtype = pixels.dtype
    tags = {
        256: (LONG, [pixels.shape[1]]),
        257: (LONG, [len(pixels)]),
        258: (SHORT, [8 * dtype.itemsize] * channels),
        259: (SHORT, [1]),
        262: (SHORT, [2 if channels == 3 else 0 if white_is_zero else 1]),
        277: (SHORT, [channels]),
        278: (LONG, [len(pixels)]),
        279: (LONG, [pixels.nbytes]),
        339: (SHORT, [KINDS[dtype.kind]] * channels),
    }
    if stated:
        tags |= {340: (FLOAT, [stated[0]]), 341: (FLOAT, [stated[1]])}
    return _write_tiff(path, tags, pixels.tobytes(), ">" if dtype.str.startswith(">") else "<")


def write_tiff_of_12_bits(path: Path, pixels: np.ndarray) -> Path:
    """Write a TIFF of grey pixels, 0…4095, two in three bytes."""
    first, second = pixels[:, ::2].astype(int), pixels[:, 1::2].astype(int)
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 2).astype(np.uint8)
    height, width = pixels.shape
    tags = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [12]),
        259: (SHORT, [1]),
        262: (SHORT, [1]),
        277: (SHORT, [1]),
        278: (LONG, [height]),
        279: (LONG, [packed.nbytes]),
    }
    return _write_tiff(path, tags, packed.tobytes(), "<")


def pack(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Return rows of 1, 2 or 4 bits a pixel, packed into bytes."""
    each = np.unpackbits(pixels.astype(np.uint8)[..., np.newaxis], axis=2)[..., -bits:]
    return np.packbits(each.reshape(len(pixels), -1), axis=1)


def _write_tiff(path: Path, tags: dict[int, tuple[int, list]], content: bytes, order: str) -> Path:
    tags[273] = (LONG, [0])  # the place of the pixels, known below
    after = 8 + 2 + 12 * len(tags) + 4
    long_values, entries = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}{CODES[kind]}", *values)
        if len(packed) > 4:
            packed, long_values = struct.pack(f"{order}I", after + len(long_values)), long_values + packed
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    start = after + len(long_values)
    place = struct.pack(f"{order}HHI", 273, LONG, 1)
    entries = entries.replace(place + bytes(4), place + struct.pack(f"{order}I", start))
    magic = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}I", 8) + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    path.write_bytes(magic + directory + long_values + content)
    return path
