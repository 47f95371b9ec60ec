"""Names of files and classes as one line of text that any terminal can show."""

import unicodedata

HIDDEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of pairs, and the separators of lines and paragraphs
DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # they reorder what is shown
INVISIBLE = "\u200b\ufeff"  # a space without width, and the byte order mark
SURROGATE_BYTES = range(0xDC80, 0xDD00)  # stand for the bytes 80…FF in a file name that is not UTF-8


def printable(name: object) -> str:
    r"""Return a name with line breaks, control characters and bytes that are not UTF-8 as escapes, such as \n or \xe9.

    Args:
        name: Path, or name of a file or a class.
    """
    text = str(name)
    return text if text.isprintable() else "".join(map(_escaped, text))


def is_printable(name: str) -> bool:
    """Return True if a name has no character that `printable` escapes."""
    return printable(name) == name


def _escaped(character: str) -> str:
    if ord(character) in SURROGATE_BYTES:
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) in HIDDEN or character in DIRECTIONS + INVISIBLE:
        return character.encode("unicode_escape").decode("ascii")
    return character
