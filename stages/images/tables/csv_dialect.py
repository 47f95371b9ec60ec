"""CSV files as people have them: in any encoding that is beyond doubt, with any of the usual separators."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from stages.common.errors import InputError
from stages.images.picture_files import formats
from stages.images.problems import MAX_NAMES, list_names

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is its beginning
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
ENCODING_NAMES = {"gb18030": "GB18030 (Chinese)", "cp1252": "Windows-1252 (Western European)"}
COMMENT = "#"
CHUNK_BYTES = 1 << 20
MAX_LINE = 1 << 24  # characters; a line may hold all pixels of an image
MAX_CELL = 1 << 25  # characters; in quotes, it may span lines
MAX_LEGACY_BYTES = 1 << 24  # of a file whose encoding is guessed, since its words are looked at together
SAMPLE_LINES, SAMPLE_CHARACTERS = 50, 1 << 20
SAVE_AGAIN = "save it as UTF-8, in Excel as 'CSV UTF-8'"
FIRST_LINE = re.compile(r"sep=([\t ]|[^\w\s\"])\s*", re.IGNORECASE)  # as Excel writes it and reads it
WORD = re.compile(rb"(?<![A-Za-z\x80-\xff])[A-Za-z]*(?:[\x80-\xff]+[A-Za-z]*)+")
HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
OTHER_SIGNS = re.compile(rb"[\x80-\xbf]")  # in Windows-1252: punctuation, and few letters; on old Macs and DOS: letters
WITHIN_LETTERS = re.compile(rb"[A-Za-z][\x80-\xff]+[A-Za-z]")
DECIMAL = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
COMMON_CHINESE_END = b"\xd8"  # behind the 3,755 common characters of GB 2312; the others are rare
# the most frequent syllables of Korean, whose encoding has the same bytes as that of Chinese
KOREAN = set(
    "이다는에의가고을로한하지도기사은어나리자서시인대아스를해라정장으만주구전부수일그제게보성여안소유상오비신우차바조트선동발마화물강새개무미양생레방치원음중들타거래"
)


Words = Counter[bytes]  # with letters that are not ASCII, and how often each stands in a file

csv.field_size_limit(MAX_CELL)  # 131,072 characters would be too few for the pixels of an image


class Row(NamedTuple):
    """Cells of a table's row, without blanks around them, and the number of its first line in the file."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class CsvFile:
    """CSV file whose encoding and separator are known.

    Attributes:
        path: The file.
        encoding: Name of the encoding, as Python knows it.
        separator: Character between the cells.
        first_line: Number of the table's first line, after a line that names the separator.
        legacy_words: Words of the file, if its encoding is neither UTF-8 nor UTF-16, and was guessed.
    """

    path: Path
    encoding: str
    separator: str
    first_line: int
    legacy_words: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table, with their breaks as they are.

        Raises:
            InputError: A line has more than MAX_LINE characters.
        """
        return islice(_lines(self.path, self.encoding), self.first_line - 1, None)

    def rows(self) -> Iterator[Row]:
        """Yield the rows that have a cell which is not empty.

        Raises:
            InputError: Quotes are not closed, or a cell goes on behind them.
        """
        reader = csv.reader(self.lines(), delimiter=self.separator, skipinitialspace=True, strict=True)
        line = self.first_line
        try:
            for cells in reader:
                stripped = [clean(cell) for cell in cells]
                if any(stripped):
                    yield Row(line, stripped)
                line = self.first_line + reader.line_num
        except csv.Error as error:
            expected = "a closing quote at the end of each cell that begins with one"
            raise InputError(f"{self.path}:{line}", expected, error, "fix the quotes from that line on") from error

    def column(self, index: int) -> Iterator[str]:
        """Yield the cells of a column, its name among them.

        Args:
            index: Index of the column, from 0.
        """
        return (row.cells[index] for row in self.rows() if index < len(row.cells))

    def told(self) -> list[str]:
        """Return what is worth telling of how the file is read, in words."""
        told = []
        if self.encoding.startswith(("utf-16", "utf-32")):
            told.append(self.encoding[:6].upper())
        if self.separator != ",":
            told.append(f"{SEPARATORS.get(self.separator, 'blanks')} between the cells")
        return told


def detect(path: Path) -> CsvFile:
    """Return a CSV file with its encoding and separator.

    UTF-8 and UTF-16 are read with or without a byte order mark. GB18030 and Windows-1252, which Excel writes in China
    and in Western Europe, are read only if no other encoding gives words, too.

    Args:
        path: The file.

    Raises:
        InputError: The file is empty, no text, or in an encoding that could be several.
    """
    kind = formats.identify(path)
    if kind not in (formats.TEXT, formats.UNKNOWN):
        next_step = "save it as 'CSV UTF-8'" if kind == "Office document" else formats.remedy(kind)
        next_step = "write the table as CSV" if next_step == formats.SAVE_AGAIN else next_step
        raise InputError(path, "a table in CSV", formats.article(kind), next_step)
    encoding, words = _encoding(path)
    sample = _sample(path, encoding)
    start = clean("".join(sample[:1]))[:1]
    if start in ("{", "[", "<"):
        raise InputError(path, "a table in CSV", "markup" if start == "<" else "JSON", "write the table as CSV")
    named = FIRST_LINE.fullmatch(sample[0]) if sample else None
    lines = sample[1:] if named else sample
    rows = csv.reader(lines, delimiter=named[1] if named else ",", skipinitialspace=True)
    if not any(clean(cell).strip("".join(SEPARATORS)) for row in rows for cell in row):
        raise InputError(path, "a table in CSV", "an empty file", "write the paths and classes of pictures into it")
    separator = named[1] if named else _separator(path, lines)
    return CsvFile(path, encoding, separator, 2 if named else 1, tuple(words))


def clean(cell: str) -> str:
    """Return a cell without the blanks and byte order marks around it."""
    return cell.strip().strip("\ufeff\u200b").strip()


def _lines(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        for number in count(1):
            line = file.readline(MAX_LINE + 1)
            if len(line) > MAX_LINE:
                expected = f"a line of at most {MAX_LINE:,} characters"
                raise InputError(f"{path}:{number}", expected, "a longer one", "write the table as CSV")
            if not line:
                return
            yield line


def _sample(path: Path, encoding: str) -> list[str]:
    """Return the first lines of a file, fewer if they are long."""
    sample: list[str] = []
    num_characters = 0
    for line in islice(_lines(path, encoding), SAMPLE_LINES):
        sample.append(line)
        num_characters += len(line)
        if num_characters > SAMPLE_CHARACTERS:
            break
    return sample


def _encoding(path: Path) -> tuple[str, list[str]]:
    """Return the encoding, and some words if it is neither UTF-8 nor UTF-16."""
    with path.open("rb") as file:
        head = file.read(CHUNK_BYTES)
    encoding = next((name for mark, name in BOMS.items() if head.startswith(mark)), None) or _without_mark(path, head)
    misfit = _misfit(path, encoding)
    if misfit is None:
        return encoding, []
    if encoding == "utf-8" and path.stat().st_size <= MAX_LEGACY_BYTES and (guess := _legacy(path.read_bytes())):
        return guess
    line, byte = misfit
    expected = f"{encoding.upper().removesuffix('-SIG')} text"
    raise InputError(f"{path}:{line}" if line else path, expected, f"byte {byte:#x}", SAVE_AGAIN)


def _without_mark(path: Path, head: bytes) -> str:
    """Return UTF-8, or UTF-16 if every other byte of the text is often zero."""
    zeros = head[0::2].count(0), head[1::2].count(0)
    if 8 * sum(zeros) < len(head):
        return "utf-8"
    if max(zeros) >= 4 * min(zeros):
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    raise InputError(path, "a table in CSV", formats.article(formats.UNKNOWN), "write the table as CSV")


def _misfit(path: Path, encoding: str) -> tuple[int, int] | None:
    """Return line and value of the first byte that does not fit an encoding; line 0 if lines cannot be counted."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].count(b"\n")
                return (line + before if encoding == "utf-8" else 0), error.object[error.start]
            line += chunk.count(b"\n")
            if not chunk:
                return None


def _legacy(content: bytes) -> tuple[str, list[str]] | None:
    """Return the one encoding in which the words of a file are words, and some of them; None if there is doubt."""
    words = Counter(match[0] for match in WORD.finditer(content))
    plausible = {
        "gb18030": _are_chinese(words),
        "cp1252": all(map(_is_western, words)),
    }
    if sum(plausible.values()) != 1:
        return None
    encoding = next(name for name, is_plausible in plausible.items() if is_plausible)
    return encoding, [word.decode(encoding) for word in islice(words, MAX_NAMES)]


def _count_letters(words: Words, encoding: str) -> Counter[str]:
    """Return how often each letter stands in words that have an encoding."""
    letters: Counter[str] = Counter()
    for word, number in words.items():
        for letter in word.decode(encoding):
            letters[letter] += number
    return letters


def _are_chinese(words: Words) -> bool:
    """Return True if words are Chinese, most letters of the commoner half, and the words of no other language."""
    try:
        letters = _count_letters(words, "gb2312")  # two high bytes for each letter
    except UnicodeDecodeError:
        return False
    chinese = {letter: number for letter, number in letters.items() if "\u4e00" <= letter <= "\u9fff"}
    num_common = sum(number for letter, number in chinese.items() if letter.encode("gb2312") < COMMON_CHINESE_END)
    is_common = 2 * num_common > sum(chinese.values())
    return is_common and not any(map(WITHIN_LETTERS.search, words)) and not _are_korean(words) and not _are_greek(words)


def _are_korean(words: Words) -> bool:
    try:
        letters = _count_letters(words, "cp949")
    except UnicodeDecodeError:
        return False
    num_letters = sum(number for letter, number in letters.items() if not letter.isascii())
    return 4 * sum(letters[letter] for letter in KOREAN) >= num_letters


def _are_greek(words: Words) -> bool:
    """Return True if words could be Greek or Cyrillic: letters, capitals only at the beginning or throughout."""
    for encoding in ("cp1251", "koi8-r", "cp1253"):
        texts = [word.decode(encoding, errors="replace") for word in words]
        if all(map(_is_word, texts)):
            return True
    return False


def _is_word(text: str) -> bool:
    """Return True if a text has letters alone, with capitals only at the beginning or throughout."""
    return text.isalpha() and (text.islower() or text.isupper() or text.istitle())


def _is_western(word: bytes) -> bool:
    """Return True if a word has single letters with accents, alike in Western, Central European and Turkish files."""
    runs = HIGH_BYTES.findall(word)
    num_high = sum(map(len, runs))
    if max(map(len, runs)) > 2 or (len(word) > 1 and num_high > len(word) - num_high):
        return False
    texts = {word.decode(encoding, errors="replace") for encoding in ("cp1252", "cp1250", "cp1254")}
    return len(texts) == 1 and not OTHER_SIGNS.search(word) and _is_word(texts.pop())


def _separator(path: Path, lines: list[str]) -> str:
    """Return the separator that divides the first row, and the others into as many cells."""
    lines = [line for line in lines if not line.startswith(COMMENT)] or lines
    widths = {separator: _widths(lines, separator) for separator in (*SEPARATORS, " ")}
    are_even = {separator for separator, each in widths.items() if len(set(each)) == 1}
    dividing = [separator for separator in SEPARATORS if widths[separator][0] > 1]
    if len(dividing) > 1:
        dividing = [separator for separator in dividing if separator in are_even] or dividing
    if len(dividing) == 2 and dividing[0] == "," and _are_decimal(lines, dividing[1]):
        dividing = dividing[1:]
    if not dividing and " " in are_even and widths[" "][0] > 1:
        return " "
    if len(dividing) == 1:
        return dividing[0]
    names = list(SEPARATORS.values())
    expected = f"cells with {', '.join(names[:-1])} or {names[-1]} between them"
    if dividing:
        received = f"{list_names([SEPARATORS[each] for each in dividing])} in its first line"
        raise InputError(path, expected, received, "write the separator into a line before it, such as sep=;")
    raise InputError(path, expected, f"one column, {list_names([clean(lines[0])])}", "write the table as CSV")


def _are_decimal(lines: list[str], separator: str) -> bool:
    """Return True if each comma is a decimal one, in a cell that another separator ends."""
    cells = (clean(cell) for line in lines for cell in line.split(separator))
    return all(DECIMAL.fullmatch(cell) for cell in cells if "," in cell)


def _widths(lines: list[str], separator: str) -> list[int]:
    """Return the number of cells in each row that has one that is not empty."""
    rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    return [len(row) for row in rows if any(map(clean, row))]
