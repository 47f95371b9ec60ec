import csv
import io
import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.images import arrays
from stages.images.catalog import Dataset
from stages.images.tables import csv_dialect, table
from stages.plots import samples
from tests import own
from tests.damage import damaged, examples, refused_in_one_line

OUTPUT = Path("data/processed/own")
TABLE = Path("mine/labels.csv")
COLOURS = list(own.COLOURS)
HEADER = ["path", "label"]


@pytest.fixture(autouse=True)
def rows(tmp_path, monkeypatch):
    """Thirty pictures, and a table of them; returns its rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(samples, "draw", lambda *_: None)  # which would take most of the time
    own.write_folder(Path("mine/pictures"))
    rows = [[f"pictures/{colour}/{number}.png", colour] for colour in own.COLOURS for number in range(10)]
    write([HEADER, *rows])
    return rows


def write(rows, encoding="utf-8", **dialect):
    text = io.StringIO()
    csv.writer(text, **dialect).writerows(rows)
    TABLE.write_bytes(text.getvalue().encode(encoding))


def contents():
    return {path.name: path.read_bytes() for path in OUTPUT.iterdir()}


def make(text="csv:\n"):
    """Run preprocess, which must end well; return its lines but the last, which sums up."""
    result = own.make(text)
    assert result.exit_code == 0, result.output
    return result.stderr.splitlines()[:-1]


def shown():
    """Return the colour that each image shows by its class: {"red": {"red"}} if all is well."""
    info = arrays.read_info(OUTPUT)
    colours = np.array(list(own.COLOURS.values()))
    found: dict[str, set[str]] = {}
    for split in arrays.SPLITS:
        for image, label in zip(*arrays.read_split(OUTPUT, split), strict=True):
            centre = image[image.shape[0] // 2, image.shape[1] // 2].astype(int)
            nearest = np.abs(colours - centre).sum(axis=1).argmin()
            found.setdefault(info.classes[label], set()).add(COLOURS[nearest])
    return found


def assert_right(count=30):
    assert shown() == {colour: {colour} for colour in COLOURS}
    info = arrays.read_info(OUTPUT)
    assert info.train.images + info.test.images == count


def test_a_table_of_paths_and_labels_is_split_as_a_folder_is(rows):
    assert make() == []
    info = arrays.read_info(OUTPUT)
    assert (info.classes, info.image_shape) == (["blue", "green", "red"], (12, 16, 3))
    assert (info.train.images_per_class, info.test.images_per_class) == ([8, 8, 8], [2, 2, 2])
    assert_right()
    before = contents()
    write([HEADER, *reversed(rows)])
    make()
    assert contents() == before


def test_a_column_may_say_the_split_and_columns_may_have_other_names(rows):
    lines = [[label, "x", "test" if "/7" in path else "train", f" ./{path} "] for path, label in rows]
    write([["species", "note", "part", "picture"], *lines], encoding="utf-8-sig")
    TABLE.rename("mine/birds.csv")
    make("csv: {file: birds.csv, path: picture, label: species, split: part, image_size: [6, 8], channels: 1}\n")
    info = arrays.read_info(OUTPUT)
    assert (info.train.images_per_class, info.test.images_per_class) == ([9, 9, 9], [1, 1, 1])
    assert info.image_shape == (6, 8, 1)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_separators_and_unicode_encodings_are_found(rows, separator, encoding):
    make()
    before = contents()
    write([HEADER, *rows], encoding=encoding, delimiter=separator)
    told = make()
    assert contents() == before
    assert (told == []) == (separator == "," and "utf-8" in encoding)


WAYS = {  # to write the same table
    "blank after the comma": lambda text: text.replace(",", ", "),
    "blanks around quotes": lambda text: text.replace(",", ', "').replace("\r\n", '"\r\n'),
    "all in quotes": lambda text: '"' + text.replace(",", '","').replace("\r\n", '"\r\n"')[:-1],
    "lines of Unix": lambda text: text.replace("\r\n", "\n"),
    "lines of old Macs": lambda text: text.replace("\r\n", "\r"),
    "no line break at the end": lambda text: text.rstrip(),
    "line that names the separator": lambda text: "sep=;\r\n" + text.replace(",", ";"),
    "line that names a usual separator": lambda text: "SEP=,\n" + text,
    "byte order mark and separator": lambda text: "\ufeffsep=;\r\n" + text.replace(",", ";"),
    "empty lines": lambda text: "\r\n\r\n" + text.replace("\r\n", "\r\n\r\n"),
    "empty rows of Excel": lambda text: text + ",\r\n,\r\n",
    "comments": lambda text: "# made by hand; 2024\n" + text.replace("\r\n", "\r\n# a, comment\r\n", 3),
    "header in a comment": lambda text: f"# {text}",
    "surplus separators": lambda text: text.replace("\r\n", ",\r\n"),
    "surplus separators below the header": lambda text: text.replace("\r\n", ",,\r\n").replace(",,", "", 1),
    "trailing blanks": lambda text: text.replace("\r\n", "  \r\n"),
    "no-break spaces": lambda text: text.replace(",", "\u00a0,\u00a0"),
    "byte order mark twice": lambda text: "\ufeff\ufeff" + text,
    "capitals in the header": lambda text: text.replace("path,label", "Path, LABEL "),
    "usual names": lambda text: text.replace("path,label", "FileName,Class"),
    "usual names with blanks": lambda text: text.replace("path,label", "File name,class_name"),
    "other usual names": lambda text: text.replace("path,label", "image_id,target"),
    "Chinese names": lambda text: text.replace("path,label", "文件名,标签"),
    "an unusual name for the only other column": lambda text: text.replace("path,label", "file,breed"),
    "no header": lambda text: text.split("\r\n", 1)[1],
    "no header and empty first line": lambda text: "\n" + text.split("\r\n", 1)[1],
    "header in the middle": lambda text: text.replace("\r\n", "\r\npath,label\r\n", 5),
    "blanks for separators": lambda text: text.replace(",", "   "),
    "backslashes": lambda text: text.replace("/", "\\"),
    "backslashes and dot": lambda text: text.replace("/", "\\").replace("pictures", ".\\pictures"),
    "dot": lambda text: text.replace("pictures", "./pictures"),
    "detours": lambda text: text.replace("pictures/", "pictures/../pictures//"),
    "leading blanks": lambda text: text.replace("pictures", "  pictures"),
    "absolute": lambda text: text.replace("pictures", f"{Path.cwd()}/mine/pictures"),
    "addresses of files": lambda text: text.replace("pictures", f"file://{Path.cwd()}/mine/pictures"),
    "escapes": lambda text: text.replace("pictures/", "pictures%2F"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_table_may_be_written_in_many_ways(way):
    make()
    before = contents()
    text = TABLE.read_bytes().decode()
    TABLE.write_bytes(WAYS[way](text).encode())
    make()
    assert contents() == before


def test_what_was_found_rather_than_named_is_told_in_one_line(rows):
    lines = [[path.replace("/", "\\"), label, "subset"] for path, label in rows]
    for index, line in enumerate(lines):
        line[2] = "Testing" if index % 10 == 7 else "TRAIN"
    write([["File", "Class", "Part"], *lines], encoding="utf-16", delimiter="\t")
    text = TABLE.read_bytes().decode("utf-16").replace("\r\n", "\r\n# note\r\n", 1)
    TABLE.write_bytes(text.encode("utf-16"))
    assert make() == [
        "mine/labels.csv: UTF-16; tabs between the cells; paths in column 'File'; classes in column 'Class'; "
        "splits in column 'Part'; 1 comment left out (line 2)",
        "30 paths converted: \\ for /",
    ]
    info = arrays.read_info(OUTPUT)
    assert (info.train.images_per_class, info.test.images_per_class) == ([9, 9, 9], [1, 1, 1])
    assert_right()


LEGACY = {
    "Chinese": ("gb18030", ["猫", "狗", "鸟"]),
    "Chinese and Latin": ("gb18030", ["健康", "患病 A", "B"]),
    "German": ("cp1252", ["Löwe", "Käfer", "Frösche"]),
    "letters": ("latin-1", ["ä", "ö", "ü"]),
    "Spanish": ("cp1252", ["camión", "avión", "pájaro"]),
}


@pytest.mark.parametrize("case", LEGACY)
def test_an_encoding_of_excel_is_read_if_there_is_no_doubt_and_told(rows, case):
    encoding, names = LEGACY[case]
    name_of = dict(zip(COLOURS, names, strict=True))
    write([HEADER, *([path, name_of[label]] for path, label in rows)], encoding=encoding)
    [line] = make()
    assert line.startswith("warning: mine/labels.csv is not UTF-8; read as ")
    assert names[0].split()[0] in line
    assert shown() == {name: {colour} for colour, name in name_of.items()}


@pytest.mark.parametrize(
    "names",
    [("αhelix", "βsheet", "coil"), ("TNFα", "IFNγ", "λphage"), ("kΩ", "Ωm", "V"), ("µm", "βблок", "猫cat")],  # noqa: RUF001
)
def test_words_of_several_alphabets_in_utf_8_are_read_as_they_are(rows, names):
    name_of = dict(zip(COLOURS, names, strict=False))
    write([HEADER, *([path, name_of.get(label, label)] for path, label in rows)])
    assert make() == []
    assert shown() == {name: {colour} for colour, name in name_of.items()}


@pytest.mark.parametrize(("folder", "encoding"), [("照片", "gbk"), ("Käfer", "cp1252"), ("图片 é", "utf-16")])
def test_paths_in_another_encoding_lead_to_their_files(rows, folder, encoding):
    Path("mine/pictures").rename(f"mine/{folder}")
    write([HEADER, *([path.replace("pictures", folder), label] for path, label in rows)], encoding=encoding)
    make()
    assert_right()


def test_chinese_bytes_that_are_utf_8_too_are_not_guessed(rows):
    Path("mine/pictures").rename("mine/图片")
    write([HEADER, *([path.replace("pictures", "图片"), label] for path, label in rows)], encoding="gbk")
    [line] = own.errors(own.make("csv:\n"))
    assert "received ͼƬ/blue/0.png, which is not there (did you mean 图片/blue/0.png?)" in line


DOUBTFUL = {
    "Korean": ("cp949", "고양이"),
    "Chinese or Korean by the letters": ("cp949", "강아지"),
    "Cyrillic": ("cp1251", "кошка"),
    "Cyrillic of Unix": ("koi8-r", "кошка"),
    "Greek": ("cp1253", "γάτα"),
    "Czech": ("cp1250", "kočka"),
    "French with a letter of Czech": ("cp1252", "chèvre"),
    "Traditional Chinese": ("big5", "貓狗"),
    "Japanese": ("shift_jis", "ネコ"),
    "currency": ("cp1252", "5 €"),
    "two letters of German that are Chinese, too": ("cp1252", "Süß"),
    "old Mac": ("mac_roman", "Käfer"),
    "degrees": ("cp1252", "45°"),
    "DOS": ("cp850", "Käfer"),
    "UTF-8 cut in a letter": ("utf-8", "é"),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_an_encoding_in_doubt_is_refused(rows, case):
    encoding, name = DOUBTFUL[case]
    name_of = dict(zip(COLOURS, [name, "b", "c"], strict=True))
    content = "\r\n".join([",".join(HEADER), *(f"{path},{name_of[label]}" for path, label in rows)]).encode(encoding)
    if encoding == "utf-8":
        content = content.replace(name.encode(), name.encode()[:1])
    TABLE.write_bytes(content)
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine/labels.csv:2: expected UTF-8 text, received byte 0x")
    assert line.endswith("; save it as UTF-8, in Excel as 'CSV UTF-8'")


SPLIT_CELLS = [("train", "test"), ("TRAIN", "TEST"), (" Training ", "testing"), ("training_set", "test set")]


@pytest.mark.parametrize("cells", SPLIT_CELLS)
@pytest.mark.parametrize("name", ["split", "Split", "subset", "whatever"])
def test_a_column_of_splits_is_known_by_its_name_or_cells(rows, cells, name):
    write([[*HEADER, name], *([*row, cells["/7" in row[0]]] for row in rows)])
    make()
    info = arrays.read_info(OUTPUT)
    assert (info.train.images_per_class, info.test.images_per_class) == ([9, 9, 9], [1, 1, 1])


def test_splits_are_found_though_the_first_rows_are_all_of_one(rows, monkeypatch):
    monkeypatch.setattr(table, "SAMPLE_ROWS", 20)
    lines = sorted(([*row, "test" if "/7" in row[0] else "train"] for row in rows), key=lambda line: line[2] == "test")
    write([[*HEADER, "part"], *lines])
    assert make() == ["mine/labels.csv: splits in column 'part'"]
    info = arrays.read_info(OUTPUT)
    assert (info.train.images_per_class, info.test.images_per_class) == ([9, 9, 9], [1, 1, 1])
    before = contents()
    write([["path", "breed", "part"], *lines])
    make()
    assert contents() == before
    write([[*HEADER, "part"], *lines[:5], [*HEADER, "part"], *lines[5:]])
    make()
    assert contents() == before
    write([[*HEADER, "part"], *([*row, "train"] for row in rows)])
    assert make() == ["mine/labels.csv: not read: part"]


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [("is_test", 1, 0), ("Test", "True", "False"), ("is train", "no", "no"), ("is_training_image", "no", "no")],
)
def test_a_column_may_say_whether_a_picture_is_of_a_split(rows, name, yes, no):
    if name.startswith("is") and name != "is_test":
        yes, no = 0, 1
    write([[*HEADER, name], *([*row, yes if "/7" in row[0] else no] for row in rows)])
    assert make() == [f"mine/labels.csv: splits in column '{name}'"]
    info = arrays.read_info(OUTPUT)
    assert (info.train.images_per_class, info.test.images_per_class) == ([9, 9, 9], [1, 1, 1])
    write([["path", *COLOURS, "is_valid"], *([p, *(int(c == k) for k in COLOURS), int("/7" in p)] for p, c in rows)])
    make()
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images, info.validation.images) == (21, 6, 3)
    assert info.classes == COLOURS
    assert_right(27)


@pytest.mark.parametrize(
    "names", [("Datei", "Klasse"), ("Fichier", "Étiquette"), ("id", "breed"), ("ファイル", "種類")]
)
def test_the_only_column_that_leads_to_files_holds_the_paths(rows, names):
    write([["", *names], *([index, *row] for index, row in enumerate(rows))], delimiter=";")
    [line] = make()
    assert line.startswith(f"mine/labels.csv: semicolons between the cells; paths in column '{names[0]}'; classes in")
    assert_right()
    write([[*names, "copy"], *([*row, row[0]] for row in rows)])
    [line] = own.errors(own.make("csv:\n"))
    assert f"expected one column path, received several that could be it: {names[0]} and copy; name the" in line


def test_columns_that_are_not_read_are_told(rows):
    write([[*HEADER, "fold", "age"], *([*row, index % 5, 30] for index, row in enumerate(rows))])
    assert make() == ["mine/labels.csv: not read: fold and age"]
    assert_right()


def test_a_class_that_is_named_like_a_split_is_a_class(rows):
    names = ["plane", "train", "ship"]
    write([["path", *names], *([p, *(int(c == k) for k in COLOURS)] for p, c in rows)])
    make()
    assert arrays.read_info(OUTPUT).classes == sorted(names)


@pytest.mark.parametrize("cell", ["val", "Valid", "validation", "dev"])
def test_pictures_of_a_third_split_are_validation_images(rows, cell):
    cells = {"/7": "test", "/8": cell}
    write([[*HEADER, "split"], *([*row, cells.get(row[0][-6:-4], "train")] for row in rows)])
    make()
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images, info.validation.images) == (24, 3, 3)


def moved(rows, folder_of):
    """Move each picture to the folder that a function of its path gives, and write the table."""
    paths = [folder_of(path) + path.removeprefix("pictures") for path, _ in rows]
    for (path, _), target in zip(rows, paths, strict=True):
        Path("mine", target).parent.mkdir(parents=True, exist_ok=True)
        Path("mine", path).rename(Path("mine", target))
    write([HEADER, *([path, label] for path, (_, label) in zip(paths, rows, strict=True))])


@pytest.mark.parametrize(
    ("train", "test", "names"),
    [
        ("training", "Test", "Test and training"),
        ("images/train", "images/test", "test and train"),
        ("a/b/train_images/c", "a/b/test_images/d", "test_images and train_images"),
    ],
)
def test_the_folders_train_and_test_in_the_paths_are_splits(rows, train, test, names):
    moved(rows, lambda path: test if "/7" in path else train)
    [line] = make()
    assert line == f"mine/labels.csv: the folders {names} of the paths are splits"
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images) == (27, 3)
    assert_right()


def test_the_folders_train_and_val_in_the_paths_are_splits(rows):
    moved(rows, lambda path: "images/val" if "/7" in path else "images/train")
    assert make() == [
        "mine/labels.csv: the folders train and val of the paths are splits",
        "no test pictures: 6 of the training pictures are held out as such; the validation pictures stay apart",
    ]
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.validation.images) == (21, 3)


@pytest.mark.parametrize(
    ("folders", "shown"),
    [
        (("train", "test", "extra"), "extra, test and train"),
        (("train2017", "val2017", "train2017"), "train2017 and val2017"),
    ],
)
def test_folders_in_the_paths_that_look_like_splits_are_told(rows, folders, shown):
    moved(rows, lambda path: folders[1 if "/7" in path else 2 if "/8" in path else 0])
    assert make() == [
        f"warning: mine/labels.csv: the folders {shown} of the paths are not all read as splits; "
        "if they are splits, write them into a column of the table"
    ]
    assert_right()


def test_a_second_table_may_hold_the_test_images_and_a_third_the_validation_images(rows):
    is_test, is_validation = (lambda path: "/7" in path), (lambda path: "/8" in path)
    for name, is_in in (
        ("train", lambda path: not is_test(path) and not is_validation(path)),
        ("test", is_test),
        ("val", is_validation),
    ):
        write([HEADER, *(row for row in rows if is_in(row[0]))])
        TABLE.rename(f"mine/{name}.csv")
    left_out, first, second = make("csv: {file: train.csv}\n")
    assert left_out.startswith("left out: 6 pictures that the table does not list, the first mine/pictures/blue/7.png")
    assert first == "warning: mine/test.csv is not read; if it has labels, name it under `csv` as test_file"
    assert second == "warning: mine/val.csv is not read; if it has labels, name it under `csv` as validation_file"
    assert make("csv: {file: train.csv, test_file: test.csv, validation_file: val.csv}\n") == []
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images, info.validation.images) == (24, 3, 3)
    assert_right(27)


ONE_HOT = {
    "found": ("0", "1", "csv:\n"),
    "floats": ("0.0", "1.0", "csv:\n"),
    "words": ("False", "TRUE", "csv:\n"),
    "named": ("0", "1", "csv: {label: [blue, green, red]}\n"),
    "beside classes in another order": ("0", "1", "csv:\nclasses: [red, green, blue]\n"),
}


@pytest.mark.parametrize("case", ONE_HOT)
def test_a_one_hot_table_is_read(rows, case):
    no, yes, text = ONE_HOT[case]
    names = ["green", "red", "blue"]
    write([["", "image", *names], *([i, p, *(yes if c == n else no for n in names)] for i, (p, c) in enumerate(rows))])
    told = make(text)
    assert_right()
    is_named = "label" in text
    classes = "one column for each of 3 classes (green, red and blue)"
    expected = "paths in column 'image'" + ("" if is_named else f"; {classes}")
    assert told == [f"mine/labels.csv: {expected}"]


ONE_HOT_ERRORS = {
    "two classes": ("1,1,0", "a 1 for one class, and 0 for the others, received 2 (blue and green)"),
    "no class": ("0,0,0", "a 1 for one class, and 0 for the others, received 0 alone"),
    "an empty cell": ("1,,0", "a 1 for one class, and 0 for the others, received '' for green"),
    "a fraction": ("0.7,0.3,0", "a 1 for one class, and 0 for the others, received '0.7' for blue"),
    "a surplus cell": ("1,0,0,1", "4 cells, as in the header, received 5"),
    "a missing cell": ("1,0", "4 cells, as in the header, received 3"),
}


@pytest.mark.parametrize("case", ONE_HOT_ERRORS)
def test_a_wrong_row_of_a_one_hot_table_is_named_by_its_line(rows, case):
    cells, expected = ONE_HOT_ERRORS[case]
    lines = [[path, *(int(label == colour) for colour in COLOURS)] for path, label in rows]
    lines[3] = [lines[3][0], *cells.split(",")]
    write([["path", *COLOURS], *lines])
    [line] = own.errors(own.make("csv: {label: [blue, green, red]}\n"))
    assert line.startswith(f"mine/labels.csv:5: expected {expected}")


def test_a_table_of_several_labels_for_most_pictures_is_refused_in_one_line(rows):
    lines = [[path, *(int(label == colour or colour == "red") for colour in COLOURS)] for path, label in rows]
    write([["path", *COLOURS], *lines])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith(
        "mine/labels.csv:2: expected a 1 for one class, and 0 for the others, received 2 (blue and red)"
    )
    assert "and the like in lines 3, 4, 5 and 16 more; leave out pictures of no class or of several" in line


def test_a_thousand_columns_are_no_hindrance(rows):
    names = [f"note{number}" for number in range(1000)]
    write([[*names, *HEADER], *([*([""] * 1000), *row] for row in rows)])
    make()
    assert_right()
    write([[*names, "species"], *([*([""] * 1000), label] for _, label in rows)])
    [line] = own.errors(own.make("csv:\n"))
    assert line == (
        "mine/labels.csv: expected the columns path, label, received note0, note1, note2, note3, note4 and 996 more, "
        "and so no 'path'; name the table's under `csv` in the dataset's file"
    )


WRONG_LINES = {
    "leaves the folder": (("../other.png", "red"), "a path inside mine, received ../other.png"),
    "leaves it halfway": (("pictures/../../other.png", "red"), "a path inside mine, received pictures/../../other.png"),
    "leaves it in escapes": (("..%2Fother.png", "red"), "received ..%2Fother.png"),
    "leaves it in backslashes": (("..\\other.png", "red"), "a path inside mine, received ..\\other.png"),
    "from the root": (("/etc/passwd", "red"), "a path inside mine, received /etc/passwd"),
    "from a drive": (("C:\\pets\\x.png", "red"), "a path inside mine, received C:\\pets\\x.png"),
    "from another folder": (
        ("/home/you/data/pictures/red/1.png", "red"),
        "received /home/you/data/pictures/red/1.png, which is not there (did you mean pictures/red/1.png?); "
        "write the paths from mine",
    ),
    "from another drive": (
        ("C:\\data\\pictures\\red\\1.png", "red"),
        "which is not there (did you mean pictures/red/1.png?); write the paths from mine",
    ),
    "from the project's folder": (
        ("mine/pictures/green/0.png", "red"),
        "(did you mean pictures/green/0.png?); write the paths from mine",
    ),
    "address": (("https://example.org/a.png", "red"), "received https://example.org/a.png, an address; download the"),
    "no suffix": (
        ("pictures/green/0", "red"),
        "pictures/green/0, which is not there (did you mean pictures/green/0.png?); write the file's suffix, too",
    ),
    "other suffix": (
        ("pictures/green/0.jpg", "red"),
        "(did you mean pictures/green/0.png?); write the file's own suffix",
    ),
    "other capitals": (
        ("Pictures/Green/0.PNG", "red"),
        "(did you mean pictures/green/0.png?); write the path in the file's own capitals",
    ),
    "other quotes": (
        ("'pictures/green/0.png'", "red"),
        "(did you mean pictures/green/0.png?); leave out the marks around",
    ),
    "no file": (("pictures/red/77.png", "red"), "received pictures/red/77.png, which is not there; fix the line"),
    "a name that many files have": (
        ("1.png", "red"),
        "received 1.png, which is not there (did you mean pictures/blue/1.png or 2 more?); write the paths from mine",
    ),
    "a folder": (("pictures/red", "red"), "received pictures/red, which is not there; fix the line"),
    "the folder itself": ((".", "red"), "received ., which is not there"),
    "endless": (("x" * 5000, "red"), f"received {'x' * 59}…, which is not there"),
    "zero byte": (("a\0b", "red"), "which is not there"),
    "no label": (("pictures/red/1.png", ""), "a class, received an empty cell in line 5; write a class, or leave"),
    "a label of blanks": (("pictures/red/1.png", " \t "), "a class, received an empty cell in line 5"),
    "no path": ((" ", "red"), "the path of a picture, received an empty cell"),
    "one cell": (("pictures/red/1.png",), "2 cells, as in the header, received 1 (pictures/red/1.png)"),
    "three cells": (
        ("pictures/red/1.png", "red", "tabby"),
        "2 cells, as in the header, received 3 (pictures/red/1.png, ",
    ),
    "twice": (
        ("pictures//blue/0.png", "blue"),
        "each picture once, received pictures/blue/0.png a second time, after line 2; remove one of the lines",
    ),
    "twice in two classes": (
        ("pictures/blue/0.png", "red"),
        "pictures/blue/0.png a second time, after line 2, as 'red' after 'blue'",
    ),
}


@pytest.mark.parametrize("case", WRONG_LINES)
def test_a_wrong_line_is_named_by_its_number(rows, case):
    make()
    before = contents()
    Path("other.png").touch()
    cells, expected = WRONG_LINES[case]
    rows[3] = list(cells)
    write([HEADER, *rows])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine/labels.csv:5: expected ")
    assert expected in line
    assert len(line) < 300
    assert contents() == before


def test_all_wrong_lines_are_listed(rows):
    lines = [[*row, "train"] for row in rows]
    lines[4][2], lines[6][0], lines[8][2] = "holdout", "gone.png", ""
    write([[*HEADER, "split"], *lines])
    *lines, last = own.errors(own.make("csv:\n"))
    assert [x.split(": ")[0] for x in lines] == ["mine/labels.csv:6", "mine/labels.csv:8", "mine/labels.csv:10"]
    assert "the split train, validation or test, received 'holdout'" in lines[0]
    assert "3 mistakes" in last


def test_many_lines_with_one_mistake_are_one_error(rows):
    write([HEADER, *([path.removesuffix(".png"), label] for path, label in rows)])
    [line] = own.errors(own.make("csv:\n"))
    assert line == (
        "mine/labels.csv:2: expected the path of a picture in mine, received pictures/blue/0, which is not there (did "
        "you mean pictures/blue/0.png?), and the like in lines 3, 4, 5 and 26 more; write the file's suffix, too"
    )


def test_lines_are_counted_as_an_editor_counts_them(rows):
    lines = [[path, f"note\nof {path}", label] for path, label in rows]
    write([["path", "note", "label"], *lines])
    make()
    assert_right()
    lines[3][0] = "gone.png"
    write([["path", "note", "label"], *lines])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine/labels.csv:8: ")


def test_a_label_over_two_lines_is_refused(rows):
    rows[3][1] = "big\nred"
    write([HEADER, *rows])
    [line] = own.errors(own.make("csv:\n"))
    told = "mine/labels.csv:5: expected the name of a class as text of one line, received 'big\\nred' in line 5; close"
    assert told in line


@pytest.mark.parametrize("name", ["re\x07d", "\x1b[31mred", "re\td", "r\u200bed", "\u202edeR"])
def test_a_label_with_characters_that_cannot_be_seen_is_refused(rows, name):
    write([HEADER, *relabelled(rows, "red", name)])
    [line] = own.errors(own.make("csv:\n"))
    told = "mine/labels.csv:23: expected the name of a class as text of one line, received '"
    assert line.startswith(told)
    assert name not in line
    assert line.endswith("in lines 23, 25, 27 and 2 more; remove the characters that cannot be seen")


def test_cells_that_are_missing_at_the_end_are_told(rows):
    write([[*HEADER, "note"], *(row if index == 4 else [*row, "x"] for index, row in enumerate(rows))])
    assert make() == ["mine/labels.csv: not read: note; cells missing at the end of line 6"]
    write([["path", "note", "label"], *([row[0], "x", row[1]] for row in rows[:-1]), rows[-1]])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine/labels.csv:31: expected 3 cells, as in the header, received 2")


WRONG_TABLES = {
    "missing": (TABLE.unlink, "csv:\n", "expected a table of pictures, received none; fix `csv`"),
    "missing beside another": (
        lambda: TABLE.rename("mine/train.csv"),
        "csv:\n",
        "csv: expected a table of pictures, received none of this name, but train.csv; set `file` under `csv` to",
    ),
    "empty": (lambda: TABLE.write_text(""), "csv:\n", "expected a table in CSV, received an empty file"),
    "blank": (lambda: TABLE.write_text(" \n,\n"), "csv:\n", "expected a table in CSV, received an empty file"),
    "blanks in quotes": (
        lambda: TABLE.write_text('" "\n\f\n'),
        "csv:\n",
        "expected a table in CSV, received an empty file",
    ),
    "blanks and a separator": (
        lambda: TABLE.write_text('sep=;\n""\n\u200b\n'),
        "csv:\n",
        "expected a table in CSV, received an empty file",
    ),
    "half a quote in UTF-16": (lambda: TABLE.write_bytes(b'"\0'), "csv:\n", "received an empty file"),
    "a quote as separator": (
        lambda: TABLE.write_text('sep="\npath,label\n'),
        "csv:\n",
        "expected cells with commas, semicolons, tabs or vertical bars between them, received",
    ),
    "a line without end": (
        lambda: TABLE.write_text("path,label\n" + "a," * 10_000_000),
        "csv:\n",
        "labels.csv:2: expected a line of at most 16,777,216 characters, received a longer one; write the table as CSV",
    ),
    "a line without end behind many": (
        lambda: TABLE.write_text("path,label\n" + "a,b\n" * 100 + "a" * 20_000_000),
        "csv:\n",
        "labels.csv:102: expected a line of at most 16,777,216 characters, received a longer one; write the table as",
    ),
    "a quote that is never closed": (
        lambda: TABLE.write_text('path,label\na,"b\n' + "a,b\n" * 100_000),
        "csv:\n",
        "labels.csv:2: expected a closing quote at the end of each cell that begins with one, received unexpected end",
    ),
    "letters and a byte that is not UTF-8": (
        lambda: TABLE.write_bytes(b"path,label\n" + b"a" * 1_000_000 + b",caf\xe9 \x93\n"),
        "csv:\n",
        "labels.csv:2: expected UTF-8 text, received byte 0xe9; save it as UTF-8",
    ),
    "a column of blanks": (
        lambda: TABLE.write_text("path,label,x\na,b,'" + "_" * 1_000_000 + "'\n"),
        "csv:\n",
        "labels.csv:2: expected the path of a picture in mine, received a, which is not there; fix the line",
    ),
    "the header alone, repeated, beside classes": (
        lambda: write([HEADER, HEADER]),
        "csv:\nclasses: [red, blue]\n",
        "labels.csv: expected 2…256 classes in column 'label', received 0: none",
    ),
    "comments alone": (lambda: TABLE.write_text("# a,b\n# c\n"), "csv:\n", "received nothing but comments"),
    "a folder": (lambda: (TABLE.unlink(), TABLE.mkdir()), "csv:\n", "expected a table of pictures, received none"),
    "one column": (
        lambda: TABLE.write_text("path\na.png\n"),
        "csv:\n",
        "expected cells with commas, semicolons, tabs or vertical bars between them, received one column, path;",
    ),
    "other columns": (
        lambda: None,
        "csv: {label: species}\n",
        "the columns path, species, received path and label, and so no 'species'; name",
    ),
    "no split": (
        lambda: None,
        "csv: {split: part}\n",
        "the columns path, label, part, received path and label, and so no 'part'",
    ),
    "other capitals than named": (lambda: None, "csv: {label: Label}\n", "no 'Label' (did you mean 'label'?)"),
    "two columns of one name": (
        lambda: write([["path", "label", "label"], ["a", "b", "c"]]),
        "csv:\n",
        "expected one column label, received several that could be it: label and label",
    ),
    "two columns of a given name": (
        lambda: write([["path", "label", "label"], ["a", "b", "c"]]),
        "csv: {label: label}\n",
        "expected one column label, received columns 2 and 3 of that name; rename one of them",
    ),
    "two columns that may hold labels": (
        lambda: write([["path", "class", "category"], ["a", "b", "c"]]),
        "csv:\n",
        "expected one column label, received several that could be it: class and category; name the table's",
    ),
    "columns that capitals tell apart": (
        lambda: write([["path", "Label", "label"], ["a", "b", "c"]]),
        "csv:\n",
        "received several that could be it: Label and label",
    ),
    "no path": (
        lambda: write([["breed", "label"], ["a", "b"]]),
        "csv:\n",
        "received breed and label, and so no 'path'",
    ),
    "no header and three columns": (
        lambda: write([["a.png", "b", "c"]]),
        "csv:\n",
        "expected a header line that names the columns path and label, received a.png, b and c",
    ),
    "two classes of one name": (
        lambda: write([["path", "a", "a"], ["pictures/red/1.png", "0", "1"]]),
        "csv:\n",
        "expected one column for each class, received several of a; rename one of them",
    ),
    "Excel": (lambda: TABLE.write_bytes(b"PK\3\4" + b"\0" * 26), "csv:\n", "expected a table in CSV, received a zip"),
    "old Excel": (
        lambda: TABLE.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        "csv:\n",
        "received an Office document; save it as 'CSV UTF-8'",
    ),
    "picture": (
        lambda: shutil.copy("mine/pictures/red/1.png", TABLE),
        "csv:\n",
        "received a PNG picture; write the table",
    ),
    "web page": (lambda: TABLE.write_text("<!DOCTYPE html>\n<html>"), "csv:\n", "received a web page"),
    "JSON": (
        lambda: TABLE.write_text('[{"path": "a", "label": "b"}]'),
        "csv:\n",
        "received JSON; write the table as CSV",
    ),
    "XML": (lambda: TABLE.write_text("<?xml version='1.0'?><a/>"), "csv:\n", "received markup; write the table as CSV"),
    "pointer": (lambda: TABLE.write_text("version https://git-lfs.github.com/spec/v1\n"), "csv:\n", "; git lfs pull"),
    "zeros": (lambda: TABLE.write_bytes(b"a\0\0\0\0b" * 9), "csv:\n", "received a file of an unknown format; write"),
    "half a letter of UTF-16": (
        lambda: TABLE.write_bytes("path,label\n".encode("utf-16") + b"x"),
        "csv:\n",
        "expected UTF-16 text, received byte 0x78; save it as UTF-8",
    ),
    "quote": (
        lambda: TABLE.write_text('path,label\na,b\n"a,b\n'),
        "csv:\n",
        "labels.csv:3: expected a closing quote at the end of each cell that begins with one, received unexpected end",
    ),
    "no rows": (lambda: write([HEADER]), "csv:\n", "labels.csv: expected a row for each picture, received none"),
    "no rows and named classes": (
        lambda: write([HEADER]),
        "csv:\nclasses: [red, blue]\n",
        "labels.csv: expected a row for each picture, received none",
    ),
    "separators in doubt": (
        lambda: TABLE.write_text("path;a,label\nx;y,z\n"),
        "csv:\n",
        "received commas and semicolons in its first line; write the separator into a line before it, such as sep=;",
    ),
    "splits in two columns": (
        lambda: write([[*HEADER, "a", "b"], ["x", "y", "train", "test"], ["x", "y", "test", "train"]]),
        "csv:\n",
        "expected one column of splits, received a and b; say which with `split` under `csv`",
    ),
    "pixels": (
        lambda: write([["label", *(f"pixel{i}" for i in range(784))], [0] * 785]),
        "csv:\n",
        "received label, pixel0, pixel1, pixel2, pixel3 and 780 more, and so no 'path'; if these are pixels, set "
        "pixels: [28, 28] under `csv`",
    ),
}


@pytest.mark.parametrize("case", WRONG_TABLES)
def test_a_wrong_table_gives_one_line(case):
    spoil, text, expected = WRONG_TABLES[case]
    spoil()
    [line] = own.errors(own.make(text))
    assert line.startswith("mine")
    assert expected in line
    assert len(line) < 300
    assert not OUTPUT.exists()


def test_a_table_in_place_of_its_folder_is_told():
    [line] = own.errors(own.make("csv:\n", TABLE))
    assert line == (
        "mine/labels.csv: expected the folder of the table, received a file; set the dataset's `source` in params.yaml "
        "to mine, and `file` under `csv` to labels.csv"
    )


def test_a_split_without_test_pictures_or_without_a_class_is_refused(rows):
    write([[*HEADER, "split"], *([*row, "train"] for row in rows)])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine: expected images of the split test, received none")
    write([[*HEADER, "split"], *([*row, "test" if row[1] == "red" else "train"] for row in rows)])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith(
        "mine: expected images of every class to train on, received none of class red; add some, or leave"
    )


def test_a_column_of_splits_in_one_of_two_tables_is_refused(rows):
    write([[*HEADER, "split"], *([*row, "train"] for row in rows)])
    shutil.copy(TABLE, "mine/test.csv")
    [line] = own.errors(own.make("csv: {test_file: test.csv}\n"))
    assert (
        "labels.csv: expected no column of splits, since all its rows are of the split train, received one (col" in line
    )


def test_pictures_may_be_links_as_dvc_makes_them(rows):
    Path("cache").mkdir()
    for number, (path, _) in enumerate(rows):
        original = (Path("cache") / str(number)).resolve()
        shutil.move(Path("mine") / path, original)
        (Path("mine") / path).symlink_to(original)
    make()
    assert_right()


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_a_path_may_be_in_another_form_of_unicode(rows, on_disk, in_table):
    Path("mine/pictures").rename(Path("mine") / unicodedata.normalize(on_disk, "jalapeño é"))
    name = unicodedata.normalize(in_table, "jalapeño é")
    write([HEADER, *([path.replace("pictures", name), label] for path, label in rows)])
    told = make()
    assert told == ([] if on_disk == in_table else ["30 paths converted: another form of Unicode"])
    assert_right()


def relabelled(rows, *names):
    """Return the rows with other labels for the reds, in turn."""
    reds = [row for row in rows if row[1] == "red"]
    for index, row in enumerate(reds):
        row[1] = names[index % len(names)]
    return rows


ALIKE = {
    "capitals": (
        ("Red", "red"),
        "'Red' in lines 22, 24, 26 and 2 more and 'red' in lines 23, 25, 27 and 2 more, which",
    ),
    "numbers": (("0", "0.0", "00"), "which differ in how the number is written"),
    "decimal comma": (("1", "1,0"), "which differ in how the number is written"),
    "sign": (("5", "+5"), "which differ in how the number is written"),
    "full width": (("RED", "\uff32\uff25\uff24"), "which differ in the width or form of letters"),
    "blank": (("hot dog", "hot  dog"), "which differ in blanks, - or _"),
    "underscore": (("hot dog", "hot_dog"), "which differ in blanks, - or _"),
    "hyphen": (("hotdog", "hot-dog"), "which differ in blanks, - or _"),
    "quotes": (("red", "'red'"), "which differ in the marks around them"),
    "full stop": (("red", "red."), "which differ in the marks around them"),
    "variant of an emoji": (("\u2764", "\u2764\ufe0f"), "which differ in characters that look alike or are invisible"),
    "soft hyphen": (("red", "r\u00aded"), "which differ in characters that look alike or are invisible"),
    "letter of another alphabet": (("red", "r\u0435d"), "'r\\u0435d' in lines"),
    "no-break space": (("hot dog", "hot\u00a0dog"), "which differ in the width or form of letters"),
    "sharp s": (("STRASSE", "straße"), "which differ in capitals"),
}


@pytest.mark.parametrize("case", ALIKE)
def test_labels_that_are_probably_one_class_are_refused_unless_the_dataset_lists_them(rows, case):
    names, expected = ALIKE[case]
    write([HEADER, *relabelled(rows, *names)])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith("mine/labels.csv:2")
    assert "expected one name for each class, received " in line
    assert expected in line
    assert line.endswith("fix it, or list the classes under `classes` in datasets/own.yaml, where exact names count")
    classes = [*names, "blue", "green"]
    make(f"csv:\nclasses: {json.dumps(classes)}\n")
    assert arrays.read_info(OUTPUT).classes == classes
    assert shown() == {**{name: {"red"} for name in names}, "blue": {"blue"}, "green": {"green"}}


SAME = {
    "blanks around": ("red", "red ", " red", "\u3000red"),
    "forms of Unicode": (unicodedata.normalize("NFC", "rosé"), unicodedata.normalize("NFD", "rosé")),
    "byte order mark": ("red", "\ufeffred"),
}


@pytest.mark.parametrize("case", SAME)
def test_labels_that_are_one_class_beyond_doubt_are_one(rows, case):
    write([HEADER, *relabelled(rows, *SAME[case])])
    make()
    assert arrays.read_info(OUTPUT).classes == ["blue", "green", SAME[case][0]]


DIFFERENT = [
    ("1-2", "12"),
    ("-1", "1"),
    ("A", "A-", "A+"),
    ("C", "C++", "C#"),
    ("0.5", "5"),
    ("cafe", "café"),
    ("1 2", "12"),
    ("T-shirt", "T-shirt/top"),
    ("\u03b1", "a"),
    ("no flag", "flag"),
]


@pytest.mark.parametrize("names", DIFFERENT)
def test_labels_that_are_different_stay_so(rows, names):
    write([HEADER, *relabelled(rows, *names)])
    make()
    assert arrays.read_info(OUTPUT).classes == sorted([*names, "blue", "green"])


MISSING = [
    "nan",
    "NaN",
    "N/A",
    "NA",
    "NULL",
    "null",
    "None",
    "-",
    "--",
    "?",
    "#N/A",
    "<NA>",
    "nil",
    "#REF!",
    "'None'",
    "—",
]


@pytest.mark.parametrize("name", MISSING)
def test_a_label_that_stands_for_none_is_refused_unless_the_dataset_lists_it(rows, name):
    write([HEADER, *relabelled(rows, "red", name)])
    [line] = own.errors(own.make("csv:\n"))
    assert line == (
        f"mine/labels.csv:23: expected a class, received '{name}' in lines 23, 25, 27 and 2 more; write a class, or "
        "leave these lines out; if it is a class, list the classes under `classes` in datasets/own.yaml, where exact "
        "names count"
    )
    make(f"csv:\nclasses: {json.dumps(['blue', 'green', 'red', name])}\n")
    assert shown() == {"blue": {"blue"}, "green": {"green"}, "red": {"red"}, name: {"red"}}


def test_a_number_that_stands_for_no_label_is_refused_unless_the_dataset_lists_it(rows):
    number_of = {"blue": "0", "green": "1", "red": "-1"}
    write([HEADER, *([path, number_of[label]] for path, label in rows)])
    [line] = own.errors(own.make("csv:\n"))
    assert line.startswith(
        "mine/labels.csv:22: expected a class, received '-1' in lines 22, 23, 24 and 7 more; write a"
    )
    make("csv:\nclasses: ['-1', '0', '1']\n")
    assert shown() == {"-1": {"red"}, "0": {"blue"}, "1": {"green"}}


def test_pictures_that_the_table_does_not_list_are_told(rows):
    write([HEADER, *rows[:-3]])
    shutil.copy(f"mine/{rows[0][0]}", "mine/pictures/.hidden.png")
    for folder in ("lost+found", "__MACOSX", "pictures/@Recycle", "$RECYCLE.BIN/a", ".cache"):
        Path("mine", folder).mkdir(parents=True)
        shutil.copy(f"mine/{rows[0][0]}", f"mine/{folder}/0.png")
    Path("mine/pictures/notes.txt").touch()
    [line] = make()
    assert line == "left out: 3 pictures that the table does not list, the first mine/pictures/red/7.png"
    assert_right(27)


def test_empty_labels_are_refused_even_if_the_dataset_lists_classes(rows):
    write([HEADER, *relabelled(rows, "red", "")])
    [line] = own.errors(own.make("csv:\nclasses: [red, green, blue]\n"))
    assert (
        "expected a class that datasets/own.yaml lists, received an empty cell in lines 23, 25, 27 and 2 more" in line
    )


UNLISTED = {
    "capitals": (
        ("red", "Red"),
        "a class that datasets/own.yaml lists (did you mean 'red'?), received 'Red' in lines 23,",
    ),
    "unknown": (
        ("red", "zebra"),
        "a class that datasets/own.yaml lists, received 'zebra' in lines 23, 25, 27 and 2 more",
    ),
    "many": (("red", "a", "b", "c", "d"), "a class that datasets/own.yaml lists, received 4 others: a, b, c and d"),
}


@pytest.mark.parametrize("case", UNLISTED)
def test_a_label_that_the_dataset_does_not_list_is_named_with_its_lines(rows, case):
    names, expected = UNLISTED[case]
    write([HEADER, *relabelled(rows, *names)])
    [line] = own.errors(own.make("csv:\nclasses: [red, green, blue]\n"))
    assert expected in line


SEVERAL = {
    "commas": (("red,blue",), "'red,blue', and the like, in line"),
    "blanks": (("blue green",), "'blue green', and the like, in line"),
    "a list of Python": (("['red']", "['blue']", "['red', 'blue']"), "and the like, in lines"),
    "bars without single labels": (("x|y", "x|z", "z|y"), "'x|y', and the like, in lines 22, 23, 24 and 6 more"),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_labels_in_a_cell_are_refused(rows, case):
    names, expected = SEVERAL[case]
    kept = [rows[-1].copy()]
    kept[0][0] = "pictures/red/9.png"
    rows = relabelled(rows[:-1], *names)
    write([HEADER, *rows, *kept])
    [line] = own.errors(own.make("csv:\n"))
    assert "expected one class for each picture, received " in line
    assert expected in line


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_of_listed_classes_are_their_names(rows, first):
    number_of = {"red": first, "green": first + 1, "blue": first + 2}
    write([HEADER, *([path, number_of[label]] for path, label in rows)])
    [line] = make("csv:\nclasses: [red, green, blue]\n")
    assert line == f"labels are numbers of classes: {first} is red, {first + 1} is green and {first + 2} is blue"
    assert_right()


def test_numbers_that_fit_no_listed_classes_are_refused(rows):
    number_of = {"red": 2, "green": 3, "blue": 4}
    write([HEADER, *([path, number_of[label]] for path, label in rows)])
    [line] = own.errors(own.make("csv:\nclasses: [red, green, blue]\n"))
    assert line == (
        "mine/labels.csv: expected labels 0…2 for the 3 classes in datasets/own.yaml, or their names, received 3 "
        "numbers from 2 to 4; fix one of the two"
    )


def test_whole_numbers_that_pandas_wrote_as_floats_are_whole(rows):
    number_of = {"red": "10.0", "green": "2.0", "blue": "0.0"}
    write([HEADER, *([path, number_of[label]] for path, label in rows)])
    [line] = make()
    assert line == "labels are numbers of classes: 0.0 is 0, 2.0 is 2 and 10.0 is 10"
    assert shown() == {"0": {"blue"}, "2": {"green"}, "10": {"red"}}


def test_a_label_for_each_picture_is_no_class(rows):
    for number in range(10, 280):
        own.picture("red", number).save(f"mine/pictures/red/{number}.png")
    lines = [[f"pictures/red/{number}.png", f"{number:03}"] for number in range(280)]
    write([HEADER, *lines])
    [line] = own.errors(own.make("csv:\n"))
    assert line == (
        "mine/labels.csv: expected 2…256 classes in column 'label', received 280: 000, 001, 002, 003, 004 and 275 "
        "more; name the column of classes with `label` under `csv`"
    )
    write([HEADER, *([path, "red"] for path, _ in lines)])
    [line] = own.errors(own.make("csv:\n"))
    assert "expected 2…256 classes in column 'label', received 1: red; name the column" in line


def test_measurements_as_labels_are_refused_in_a_short_line(rows):
    write([HEADER, *([path, f"{number / 7}"] for number, (path, _) in enumerate(rows))])
    [line] = own.errors(own.make("csv:\n"))
    assert "two images of each class, one of them to test on, received one of 0.0, 0.14285714285714285, " in line
    assert len(line) < 300


def test_letters_in_both_cases_are_refused_in_one_line(rows):
    names = "AaBbCcDdEe"
    write([HEADER, *([path, names[index % 10]] for index, (path, _) in enumerate(rows))])
    [line] = own.errors(own.make("csv:\n"))
    assert line == (
        "mine/labels.csv: expected one name for each class, received 5 pairs such as 'A' and 'a', 'B' and 'b', 'C' and "
        "'c'; fix them, or list the classes under `classes` in datasets/own.yaml, where exact names count"
    )


def test_labels_of_two_tables_are_looked_at_together(rows):
    write([HEADER, *rows])
    write_test = [[path, "Red" if label == "red" else label] for path, label in rows if "/7" in path]
    write([HEADER, *(row for row in rows if "/7" not in row[0])])
    TABLE.rename("mine/train.csv")
    write([HEADER, *write_test])
    TABLE.rename("mine/test.csv")
    [line] = own.errors(own.make("csv: {file: train.csv, test_file: test.csv}\n"))
    assert line.startswith("mine/test.csv:4: expected one name for each class, received 'red' in lines 20")


def test_a_picture_in_two_tables_is_refused(rows):
    shutil.copy(TABLE, "mine/test.csv")
    [line] = own.errors(own.make("csv: {test_file: test.csv}\n"))
    assert (
        "mine/test.csv:2: expected each picture once, received pictures/blue/0.png a second time, after mine/lab"
        in line
    )


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9)


@examples(200)
@given(cells=st.lists(st.tuples(TEXT, TEXT), min_size=1), separator=st.sampled_from(",;\t|"))
def test_any_cells_are_read_as_they_were_written(cells, separator):
    """The first row leaves no doubt of the separator."""
    write([[*HEADER], *cells], delimiter=separator, quoting=csv.QUOTE_ALL)
    file = csv_dialect.CsvFile(TABLE, "utf-8", separator, 1, ())
    expected = [[csv_dialect.clean(cell) for cell in row] for row in (HEADER, *cells)]
    assert [row.cells for row in file.rows()] == [row for row in expected if any(row)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "cp1252"])
@pytest.mark.parametrize("text", ["csv:", "csv:\nclasses: [red, green, blue]"])
@examples(40)
@given(data=st.data())
def test_any_damage_is_refused_in_one_line_or_read_right(rows, encoding, text, data):
    write([HEADER, *rows[::5]], encoding)
    TABLE.write_bytes(data.draw(damaged(TABLE.read_bytes())))
    dataset = Dataset.parse(text, Path("own.yaml"))
    with refused_in_one_line():
        listed = table.list_pictures(Path("mine"), dataset, dataset.csv)
        assert all((Path("mine") / picture.path).is_file() for picture in listed)
        assert len({picture.path for picture in listed}) == len(listed)
