import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.errors import InputError
from stages.images import arrays, preprocessing
from stages.images.catalog import Dataset
from stages.plots import samples
from tests import own, tiny
from tests.damage import damaged, examples, refused_in_one_line
from tests.processes import peak_memory

OUTPUT = Path("data/processed/own")
TABLE = Path("mine/train.csv")
SETTINGS = "pixels: [6, 5], file: train.csv"
SHAPE = (6, 5)
NUM_PIXELS = 30
HEADER = ["label", *(f"pixel{number}" for number in range(NUM_PIXELS))]
PREPROCESS = "from stages import preprocess; preprocess.app(standalone_mode=False)"


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A table of sixty images, every class among them; returns labels and images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(samples, "draw", lambda *_: None)
    Path("mine").mkdir()
    random = np.random.Generator(np.random.PCG64(0))
    images = random.integers(0, 256, (60, *SHAPE), dtype=np.uint8)
    images[:, 0] = images[:, -1] = 0  # the border of a digit
    labels = np.arange(60) % 10
    write(table(labels, images))
    return labels, images


def table(labels, images, header=HEADER):
    rows = [[label, *image.ravel().tolist()] for label, image in zip(labels, images, strict=True)]
    return [header, *rows] if header else rows


def write(rows, path=TABLE, encoding="utf-8", **dialect):
    text = io.StringIO()
    csv.writer(text, **dialect).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def make(settings=SETTINGS, more=""):
    """Run preprocess, which must end well; return its lines but the last, which sums up."""
    result = own.make(f"csv: {{{settings}}}\n{more}")
    assert result.exit_code == 0, result.output
    return result.stderr.splitlines()[:-1]


def refused(settings=SETTINGS, more=""):
    [line] = own.errors(own.make(f"csv: {{{settings}}}\n{more}"))
    assert len(line) < 300
    assert not OUTPUT.exists()
    return line


def read():
    """Return pairs of class and image, of all splits."""
    info = arrays.read_info(OUTPUT)
    splits = [split for split in (*arrays.SPLITS, "validation") if getattr(info, split)]
    pairs = [zip(*arrays.read_split(OUTPUT, split), strict=True) for split in splits]
    return sorted((info.classes[label], image.tobytes()) for both in pairs for image, label in both)


def expected(labels, images):
    return sorted((str(label), image.tobytes()) for label, image in zip(labels, images, strict=True))


def contents():
    return {path.name: path.read_bytes() for path in OUTPUT.iterdir()}


def test_each_row_is_an_image_with_its_label(data):
    assert make() == []
    info = arrays.read_info(OUTPUT)
    assert (info.classes, info.image_shape) == (list("0123456789"), (*SHAPE, 1))
    assert (info.train.images, info.test.images) == (50, 10)
    assert read() == expected(*data)
    first = contents()
    make()
    assert contents() == first
    make(more="split_seed: 1\n")
    assert contents() != first


def test_predict_treats_pictures_as_for_arrays():
    dataset = Dataset.from_values({"csv": {"pixels": [28, 28]}}, Path("datasets/own.yaml"))
    assert dataset.conversion_for((28, 28, 1)) is None
    placed = Dataset.from_values(
        {"csv": {"pixels": [28, 28]}, "photos": {"fit": 20, "centre": "mass"}}, Path("datasets/own.yaml")
    )
    assert placed.conversion_for((28, 28, 1)) == placed.photos


GRID = [f"row{row} col{column}" for row in range(8, 14) for column in range(8, 13)]
WAYS = {  # to write the same table
    "label last": lambda labels, images: [[*row[1:], row[0]] for row in table(labels, images)],
    "label in the middle": lambda labels, images: [[*row[1:9], row[0], *row[9:]] for row in table(labels, images)],
    "no header": lambda labels, images: table(labels, images, None),
    "no header and label last": lambda labels, images: [[*row[1:], row[0]] for row in table(labels, images, None)],
    "numbers as header": lambda labels, images: table(labels, images, list(range(31))),
    "label and numbers as header": lambda labels, images: table(labels, images, ["label", *range(30)]),
    "label and numbers from 1": lambda labels, images: table(labels, images, ["label", *range(1, 31)]),
    "capitals": lambda labels, images: table(labels, images, ["Label ", *HEADER[1:]]),
    "a usual name": lambda labels, images: table(labels, images, ["class", *HEADER[1:]]),
    "an unusual name": lambda labels, images: table(labels, images, ["digit", *HEADER[1:]]),
    "rows and columns": lambda labels, images: table(
        labels, images, ["label", *(f"{row}x{column}" for row in range(6) for column in range(5))]
    ),
    "columns and rows": lambda labels, images: table(
        labels, images, ["label", *(f"x{column}y{row}" for row in range(6) for column in range(5))]
    ),
    "row numbers of pandas": lambda labels, images: [
        [index - 1 if index else "", *row] for index, row in enumerate(table(labels, images))
    ],
    "other row numbers": lambda labels, images: [
        [index if index else "id", *row] for index, row in enumerate(table(labels, images))
    ],
    "a column of names": lambda labels, images: [
        [f"a{index}.png" if index else "file", *row] for index, row in enumerate(table(labels, images))
    ],
    "floats of NumPy without a header": lambda labels, images: [
        [f"{float(cell):.18e}" for cell in row] for row in table(labels, images, None)
    ],
    "columns sorted as words": lambda labels, images: [
        [row[0], *(row[1 + number] for number in sorted(range(30), key=str))] for row in table(labels, images)
    ],
    "floats": lambda labels, images: [
        HEADER, *([f"{float(cell)}" for cell in row] for row in table(labels, images, None))
    ],
    "fractions": lambda labels, images: [
        HEADER, *([row[0], *(cell / 255 for cell in row[1:])] for row in table(labels, images, None))
    ],
    "short fractions": lambda labels, images: [
        HEADER, *([row[0], *(f"{cell / 255:.4f}" for cell in row[1:])] for row in table(labels, images, None))
    ],
    "from -1 to 1": lambda labels, images: [
        HEADER, *([row[0], *(cell / 127.5 - 1 for cell in row[1:])] for row in table(labels, images, None))
    ],
    "exponents": lambda labels, images: [
        HEADER, *([row[0], *(f"{cell:.18e}" for cell in row[1:])] for row in table(labels, images, None))
    ],
    "surplus separators": lambda labels, images: [[*row, ""] for row in table(labels, images)],
    "surplus separators without a header": lambda labels, images: [[*row, ""] for row in table(labels, images, None)],
    "one column of all pixels": lambda labels, images: [
        ["label", "pixels"],
        *([label, " ".join(map(str, image.ravel()))] for label, image in zip(labels, images, strict=True)),
    ],
    "names of rows and columns sorted as words": lambda labels, images: [
        [row[0], *(row[1 + number] for number in sorted(range(30), key=lambda number: GRID[number]))]
        for row in table(labels, images, ["label", *GRID])
    ],
    "a list of Python in one column": lambda labels, images: [
        ["label", "pixels"],
        *([label, str(image.ravel().tolist())] for label, image in zip(labels, images, strict=True)),
    ],
    "one column of all pixels without a header": lambda labels, images: [
        [label, " ".join(map(str, image.ravel()))] for label, image in zip(labels, images, strict=True)
    ],
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_table_may_be_written_in_many_ways(data, way):
    make()
    before = contents()
    write(WAYS[way](*data))
    make()
    assert contents() == before


TEXTS = {
    "semicolons": lambda text: text.replace(",", ";"),
    "tabs": lambda text: text.replace(",", "\t"),
    "blanks": lambda text: text.replace(",", " "),
    "two blanks": lambda text: text.replace(",", "  "),
    "blank after the comma": lambda text: text.replace(",", ", "),
    "quotes": lambda text: '"' + text.replace(",", '","').replace("\r\n", '"\r\n"')[:-1],
    "comments": lambda text: "# digits\r\n" + text.replace("\r\n", "\r\n# more\r\n", 2),
    "header of NumPy": lambda text: f"# {text}",
    "empty lines": lambda text: text.replace("\r\n", "\r\n\r\n"),
    "empty rows of Excel": lambda text: text + "," * 30 + "\r\n",
    "line that names the separator": lambda text: "sep=;\r\n" + text.replace(",", ";"),
    "lines of old Macs": lambda text: text.replace("\r\n", "\r"),
    "no line break at the end": lambda text: text.rstrip(),
    "byte order mark": lambda text: "\ufeff" + text,
}


@pytest.mark.parametrize("way", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_separators_encodings_and_empty_lines_are_those_of_any_table(way, encoding):
    make()
    before = contents()
    TABLE.write_bytes(TEXTS[way](TABLE.read_bytes().decode()).encode(encoding))
    make()
    assert contents() == before


def test_what_was_found_rather_than_named_is_told(data):
    labels, images = data
    write([[*row[1:], row[0]] for row in table(labels, images / 255, None)], delimiter=";")
    assert make() == [
        "mine/train.csv: semicolons between the cells; no header line; labels in column 31 of 31",
        "mine: pixels 0…1 become 0…255",
    ]
    write(table(labels, images, ["digit", *(f"p{number}" for number in reversed(range(30)))]))
    assert make() == [
        "mine/train.csv: labels in column 'digit'; pixels in the order of the numbers in their names",
    ]
    assert read() == expected(labels, images.reshape(60, -1)[:, ::-1])


def test_fractions_may_have_decimal_commas(data):
    labels, images = data
    rows = [[row[0], *(f"{value / 255:.5f}".replace(".", ",") for value in row[1:])] for row in table(*data, None)]
    for header in ([HEADER], []):
        write([*header, *rows], delimiter=";")
        make()
        assert read() == expected(labels, images)


def test_a_row_that_pandas_took_for_a_header_is_told(data):
    """The letters of Kaggle's A_Z Handwritten Data have such a first line."""
    labels, images = data
    write(table(labels, images, [5, 0, *(f"0.{i}" for i in range(1, 30))]))
    [told] = make()
    assert told == (
        "mine/train.csv: the first line left out, a row that pandas took for a header; labels in column 1 of 31"
    )
    assert read() == expected(labels, images)


def test_colour_is_known_by_the_number_of_columns(data):
    labels = data[0]
    images = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (60, *SHAPE, 3), dtype=np.uint8)
    write(table(labels, images, None))
    make()
    assert arrays.read_info(OUTPUT).image_shape == (*SHAPE, 3)
    assert read() == expected(labels, images)
    make("pixels: [6, 15], file: train.csv")
    assert arrays.read_info(OUTPUT).image_shape == (6, 15, 1)
    [line] = own.errors(own.make(f"csv: {{{SETTINGS}, channels: 1}}\n"))
    assert "mine/train.csv: expected 30 in grey for 6 × 5 pixels, beside the label, received 90: " in line
    assert line.endswith("set channels: 3, or leave it out")
    write(table(labels, np.concatenate([images, images[..., :1]], axis=-1), None))
    [line] = own.errors(own.make(f"csv: {{{SETTINGS}}}\n"))
    assert line.endswith("if the fourth value of each pixel is transparency, leave it out")


def test_planes_of_red_green_and_blue_are_put_together_if_the_names_say_so(data):
    labels = data[0]
    images = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (60, *SHAPE, 3), dtype=np.uint8)
    planes = images.transpose(0, 3, 1, 2)
    write(table(labels, planes, ["label", *(f"{colour}{number}" for colour in "RGB" for number in range(30))]))
    assert make() == ["mine/train.csv: pixels in three planes of red, green and blue"]
    assert read() == expected(labels, images)


def test_planes_that_no_name_tells_are_refused(data):
    ramps = np.arange(60)[:, None, None] + 20 * np.arange(6)[:, None] + 8 * np.arange(5)
    images = np.stack([ramps, 255 - ramps, ramps // 2 + 60], axis=-1).astype(np.uint8)
    write(table(data[0], images, None))
    make()
    assert read() == expected(data[0], images)
    OUTPUT.rename("arrays")
    write(table(data[0], images.transpose(0, 3, 1, 2), None))
    assert refused() == (
        "mine/train.csv: expected the three values of each pixel side by side, received planes of one colour each, by "
        "their look; name the columns r0, r1, … g0, … b0, …, or write the values in the other order"
    )


def test_zeros_and_ones_become_black_and_white(data):
    labels, images = data
    bits = (images > 127).astype(np.uint8)
    write(table(labels, bits))
    assert make() == ["mine: pixels 0…1 become 0…255"]
    assert read() == expected(labels, bits * np.uint8(255))
    write(table(labels, bits / 1.0))
    make()
    assert read() == expected(labels, bits * np.uint8(255))


def test_classes_may_be_words_and_have_gaps(data):
    labels, images = data
    names = np.array(["cat", "dog", "owl"])[labels % 3]
    for header in (HEADER, None):
        write(table(names, images, header))
        make()
        assert read() == expected(names, images)
    numbers = np.array([3, 5, 11])[labels % 3]
    write(table(numbers, images))
    make()
    assert arrays.read_info(OUTPUT).classes == ["3", "5", "11"]
    assert read() == expected(numbers, images)
    write(table(numbers, images, None))
    make()
    assert read() == expected(numbers, images)


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_of_listed_classes_are_their_names(data, first):
    labels, images = data
    names = np.array(["cat", "dog", "owl"])
    write(table(labels % 3 + first, images))
    assert make(more="classes: [cat, dog, owl]\n") == [
        f"labels are numbers of classes: {first} is cat, {first + 1} is dog and {first + 2} is owl"
    ]
    assert read() == expected(names[labels % 3], images)


def test_a_second_table_may_hold_the_test_images(data):
    labels, images = data
    write(table(labels[:40], images[:40]))
    write(table(labels[40:], images[40:], None), Path("mine/test.csv"), delimiter=";")
    [line] = make()
    assert line == "warning: mine/test.csv is not read; if it has labels, name it under `csv` as test_file"
    assert arrays.read_info(OUTPUT).train.images + arrays.read_info(OUTPUT).test.images == 40
    make(f"{SETTINGS}, test_file: test.csv")
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images) == (40, 20)
    assert read() == expected(labels, images)
    make(f"{SETTINGS}, validation_file: test.csv")
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images, info.validation.images) == (30, 10, 20)


def test_two_tables_of_different_ranges_are_refused(data):
    labels, images = data
    both = f"{SETTINGS}, test_file: test.csv"
    write(table(labels[:40], images[:40]))
    for others, received in ((images[40:] / 255, "0…1"), (images[40:] // 128, "0…1"), (images[40:] // 16, "0…15")):
        write(table(labels[40:], others), Path("mine/test.csv"))
        assert refused(both) == (
            f"mine/test.csv: expected pixels 0…255, as in the other table, received {received}; write both in one range"
        )
    write(table(labels[:40], images[:40] / 127.5 - 1))
    write(table(labels[40:], images[40:] / 255), Path("mine/test.csv"))
    assert "mine/test.csv: expected pixels -1…1, as in the other table, received 0…1" in refused(both)


def test_a_row_of_fractions_among_whole_numbers_is_not_to_be_rounded(data):
    labels, images = data
    rows = table(labels, images)
    rows[4][1:] = [value / 255 for value in rows[4][1:]]
    write(rows)
    assert refused().endswith("write whole numbers in all rows")


def test_a_test_table_without_labels_is_refused_if_it_is_named(data):
    labels, images = data
    write([row[1:] for row in table(labels, images)], Path("mine/test.csv"))
    assert refused(f"{SETTINGS}, test_file: test.csv") == (
        "mine/test.csv: expected a column of labels beside the pixels, received 30 columns of pixels alone; name a "
        "table with labels, as train.csv often is"
    )


@pytest.mark.parametrize("header", [["Subset", *HEADER], None])
def test_a_column_may_say_the_split(data, header):
    labels, images = data[0] // 5, data[1]
    cells = ["test" if index % 10 in (4, 5) else "val" if index % 10 in (3, 6) else "Training" for index in range(60)]
    rows = [[cell, *row] for cell, row in zip(cells, table(labels, images, None), strict=True)]
    write([header, *rows] if header else rows)
    make()
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images, info.validation.images) == (36, 12, 12)
    assert read() == expected(labels, images)
    rows[3][0] = "holdout"
    write([header, *rows] if header else rows)
    told = "expected the split train, validation or test, received 'holdout'" if header else "expected 30 in grey or 90"
    [line] = own.errors(own.make(f"csv: {{{SETTINGS}}}\n"))
    assert told in line


def test_splits_are_found_though_the_first_rows_are_all_of_one(data):
    cells = ["train"] * 50 + ["test"] * 10
    write([["part", *HEADER], *([cell, *row] for cell, row in zip(cells, table(*data, None), strict=True))])
    assert make() == ["mine/train.csv: splits in column 'part'"]
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.test.images) == (50, 10)
    assert read() == expected(*data)


def test_the_table_of_faces_is_read(data):
    """Kaggle's FER2013 has a label of another name, a column of all pixels, and splits of other names.

    PublicTest and PrivateTest are the validation and the test images of its competition.
    """
    labels, images = data
    uses = ["Training", "Training", "Training", "Training", "PublicTest", "PrivateTest"]
    rows = [
        [label, " ".join(map(str, image.ravel())), uses[index // 10]]
        for index, (label, image) in enumerate(zip(labels, images, strict=True))
    ]
    write([["emotion", " pixels", "Usage"], *rows])
    make()
    assert read() == expected(labels, images)
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.validation.images, info.test.images) == (40, 10, 10)
    write([["emotion", "pixels", "is_test"], *([*row[:2], int(row[2] == uses[-1])] for row in rows)])
    make()
    info = arrays.read_info(OUTPUT)
    assert (info.train.images, info.validation, info.test.images) == (50, None, 10)


def test_warnings_name_the_lines_of_the_table(data):
    labels, images = data
    write([*table(labels, images), [8, *images[0].ravel()]])
    [warning, _] = make()
    start, named = warning.split("correct the labels: ")
    assert start == "warning: mine: 1 pair of pictures with equal pixels but different labels; "
    assert {*named.split(" and ")} == {"mine/train.csv:2", "mine/train.csv:62"}


def changed(column, value, line=5):
    def change(labels, images):
        rows = table(labels, images)
        rows[line - 1][column] = value
        return rows

    return change


WRONG_ROWS = {
    "above": (changed(8, 256), "mine/train.csv:5: expected pixels 0…255, received 256; divide by the value"),
    "16 bits": (changed(8, 65535), "mine/train.csv:5: expected pixels 0…255, received 65535; divide by the value"),
    "below": (changed(8, -1), "mine/train.csv:5: expected pixels 0…255, received -1; undo the normalization"),
    "fraction": (changed(8, 12.5), "mine/train.csv:5: expected whole numbers 0…255, received 12.5; round them"),
    "infinity": (changed(8, "-inf"), "mine/train.csv:5: expected pixels 0…255, received -inf; write a number"),
    "huge": (changed(8, 1e300), "mine/train.csv:5: expected pixels 0…255, received 1e+"),
    "nan": (changed(8, "nan"), "mine/train.csv:5: expected pixels 0…255, received nan; write a number"),
    "empty": (changed(8, ""), "mine/train.csv:5: expected pixels as numbers 0…255, received an empty cell in column 9"),
    "word": (changed(8, "x"), "mine/train.csv:5: expected pixels as numbers 0…255, received 'x' in column 9; fix"),
    "two numbers": (changed(8, "1 2"), "expected pixels as numbers 0…255, received '1 2' in column 9"),
    "no label": (changed(0, ""), "mine/train.csv:5: expected a class, received an empty cell in line 5"),
    "label none": (changed(0, "nan"), "mine/train.csv:5: expected a class, received 'nan' in line 5"),
    "label alike": (
        changed(0, "7.0"),
        ":5: expected one name for each class, received '7.0' in line 5 and '7' in lines 9,",
    ),
}


@pytest.mark.parametrize("case", WRONG_ROWS)
def test_a_wrong_cell_is_named_by_its_line(data, case):
    change, told = WRONG_ROWS[case]
    write(change(*data))
    assert told in refused()


@pytest.mark.parametrize(
    ("cut", "received"), [(slice(0, 30), "30 (0, 0, 0, 0, 0 and 25 more)"), (slice(0, 1), "1 (0)")]
)
def test_a_row_of_another_number_of_cells_is_named_by_its_line(data, cut, received):
    rows = table(data[0], np.zeros_like(data[1]) + np.uint8(9))
    rows[4] = [0] * 31
    rows[4] = rows[4][cut]
    write(rows)
    assert refused() == f"mine/train.csv:5: expected 31 cells, as in the first line, received {received}; fix the line"
    rows[4] = [*rows[3], 4]
    write(rows)
    assert "mine/train.csv:5: expected 31 cells, as in the first line, received 32 (" in refused()


WRONG_TABLES = {
    "other size": (
        lambda labels, images: table(labels, images[:, :5], None),
        "mine/train.csv: expected 30 in grey or 90 in colour for 6 × 5 pixels, beside the label, received 25: 0, 0, 0, "
        "0, 0 and 21 more; if they are all pixels, set pixels: [5, 5]",
    ),
    "other size with header": (
        lambda labels, images: table(labels, images[:, :5], HEADER[:26]),
        "beside the label, received 25: label, pixel0, pixel1, pixel2, pixel3 and 21 more; if they are all pixels, set",
    ),
    "no labels": (
        lambda labels, images: [row[1:] for row in table(labels, images)],
        "mine/train.csv: expected a column of labels beside the pixels, received 30 columns of pixels alone",
    ),
    "no labels and no header": (
        lambda labels, images: [row[1:] for row in table(labels, images, None)],
        "mine/train.csv: expected a column of labels beside the pixels, received 30 columns of pixels alone",
    ),
    "a table of pictures": (
        lambda labels, images: [["path", "label"], ["a.png", "cat"]],
        "expected 30 in grey or 90 in colour for 6 × 5 pixels, beside the label, received 1: path and label",
    ),
    "labels at neither end": (
        lambda labels, images: table(labels * 0 + 4, images, None),
        "expected a column of labels at one end, received none; write a header line with the name label",
    ),
    "labels at both ends": (
        lambda labels, images: [[*row[:-1], row[0]] for row in table(labels, images, None)],
        "expected a column of labels at one end, received two columns that could be it, the first and the last",
    ),
    "two columns of labels": (
        lambda labels, images: [[row[0], *row] for row in table(labels, images)],
        "expected one column of labels, named label, received label and label; name it with `label` under `csv`",
    ),
    "normalized": (
        lambda labels, images: table(labels, (images - 33.0) / 78),
        "csv:2: expected pixels 0…255, received -0.423077; undo the normalization: a network here scales its",
    ),
    "fractions that are no pixels": (
        lambda labels, images: table(labels, images / 256),
        "expected pixels 0…255, or multiples of 1/255 from 0 to 1, received 0.",
    ),
    "digits of scikit-learn": (
        lambda labels, images: table(labels, images // 16 + (images == 255)),
        "expected pixels 0…255, received 0…16 in the whole table, which is nearly black; multiply by 255/16, and round",
    ),
    "black": (lambda labels, images: table(labels, images * 0), "received 0 alone, which is black; write the table"),
    "one class": (
        lambda labels, images: table(labels * 0, images),
        "mine: expected pictures of 2…256 classes, received 1",
    ),
    "a name of thousands of digits": (
        lambda labels, images: table(labels, images[:, :5], ["9" * 5000, *HEADER[1:26]]),
        "expected one column of labels, named label, received 99999",
    ),
    "thousands of digits alone": (
        lambda labels, images: [["9" * 5000] * 31, *table(labels, images, None)],
        "expected a column of labels at one end, received none; write a header line with the name label",
    ),
    "header alone": (lambda labels, images: [HEADER], "mine/train.csv: expected a row for each image, received none"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_TABLES)
def test_a_wrong_table_gives_one_line(data, case):
    change, told = WRONG_TABLES[case]
    write(change(*data))
    assert told in refused()


def test_a_first_row_without_its_pixels_is_named_by_its_line():
    image = " ".join(["7"] * NUM_PIXELS)
    write([["emotion", "pixels", "Usage"], ["3"], *([number % 2, image, "Training"] for number in range(9))])
    assert refused().startswith(
        "mine/train.csv:2: expected 3 cells, as in the first line, received 1 (3); fix the line"
    )


@pytest.mark.parametrize("line", [2, 9, 514, 600])
@pytest.mark.parametrize("count", [0, 1, NUM_PIXELS - 1, 2 * NUM_PIXELS, 3 * NUM_PIXELS])
@pytest.mark.parametrize("value", [200, 0.5])
def test_each_cell_of_pixels_must_hold_all_of_an_image(line, count, value):
    """Rows are read some hundred at a time; pixels that are missing or too many would shift all that follow."""
    rows = [[number % 2, " ".join([str(number % 2), *[str(value)] * (NUM_PIXELS - 1)])] for number in range(700)]
    for wrong in rows[line - 2 : line + 550]:
        wrong[1] = " ".join(["1"] * count)
    write([["label", "pixels"], rows[0] if line > 2 else [0, " ".join(["1"] * NUM_PIXELS)], *rows[1:]])
    first = max(line, 3)
    assert refused() == f"mine/train.csv:{first}: expected 30 pixels in column 2, received {count}; fix the line"


def test_pixels_of_a_large_image_may_stand_in_one_cell():
    """Python's own limit of a cell is 131,072 characters."""
    cells = [" ".join(str((pixel + number) % 256) for pixel in range(200 * 200)) for number in range(20)]
    write([["label", "pixels"], *([number % 2, cell] for number, cell in enumerate(cells))])
    make("pixels: [200, 200], file: train.csv")
    assert arrays.read_info(OUTPUT).image_shape == (200, 200, 1)


def test_images_of_one_pixel_are_read():
    write([["label", "pixel0"], [2], *([number % 2, 20 * number] for number in range(9))])
    assert ":2: expected 2 cells, as in the first line, received 1 (2)" in refused("pixels: [1, 1], file: train.csv")
    write([["label", "pixel0"], *([number % 2, 20 * number] for number in range(9))])
    make("pixels: [1, 1], file: train.csv")
    assert arrays.read_info(OUTPUT).image_shape == (1, 1, 1)


def test_a_header_without_the_named_column_is_refused():
    told = "train.csv: expected one column 'digit', received 0 among label, pixel0, pixel1, pixel2, pixel3 and 26 more"
    assert told in refused(f"{SETTINGS}, label: digit")


def test_a_placement_that_does_not_fit_is_refused_before_predict():
    told = "datasets/own.yaml: photos.fit: expected 1…5, the smaller side of the images, received 20; edit the file"
    assert told in refused(more="photos: {fit: 20, centre: mass}\n")


def test_labels_of_many_kinds_are_refused(data):
    labels, images = data
    write(table(labels, images))
    assert (
        "expected labels 0…2 for the 3 classes in datasets/own.yaml, or their names, received 10 numbers from 0 to 9"
        in (refused(more="classes: [cat, dog, owl]\n"))
    )


SETTINGS_ERRORS = {
    "image_size": ("image_size: [3, 3]", "csv: expected no image_size beside pixels, since there are no picture files"),
    "path": ("path: file", "csv: expected no path beside pixels"),
    "labels in columns": ("label: [a, b]", "csv: expected one column of labels beside pixels, received ['a', 'b']"),
    "one number": ("pixels: 28", "csv.pixels: expected two whole numbers [height, width], at least 1, received 28"),
}


@pytest.mark.parametrize("case", SETTINGS_ERRORS)
def test_settings_of_picture_files_do_not_fit(case):
    setting, told = SETTINGS_ERRORS[case]
    text = f"csv: {{{setting if 'pixels' in setting else f'pixels: [6, 5], {setting}'}}}"
    Path("own.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        Dataset.load(Path("own.yaml"))
    assert told in str(caught.value)


@pytest.mark.parametrize(("highest", "rows"), [(255, 20_000), (1.0, 10_000)])
def test_memory_does_not_grow_with_the_images(highest, rows):
    Path("datasets").mkdir()
    Path("datasets/own.yaml").write_text("csv: {pixels: [28, 28], file: train.csv}\n")
    image = ",".join(str(highest if pixel == 250 else 0) for pixel in tiny.digits(10, seed=0)[0][0].ravel())

    def peak(count):
        with TABLE.open("w") as file:
            file.writelines(f"{number % 10},{image}\n" for number in range(count))
        return peak_memory(PREPROCESS, "own", "--source", "mine", "--output", "data/arrays")

    few, many = peak(1000), peak(rows)
    assert many < few + 20  # MB; the text takes 32 or 16, and the values as float32 31


@pytest.mark.parametrize("is_packed", [False, True])
@examples(60)
@given(drawn=st.data())
def test_any_damage_is_refused_in_one_line_or_read_right(data, is_packed, drawn):
    rows = table(data[0][:20] % 3, data[1][:20])
    write([[row[0], " ".join(map(str, row[1:]))] for row in rows] if is_packed else rows)
    TABLE.write_bytes(drawn.draw(damaged(TABLE.read_bytes())))
    with refused_in_one_line():
        info, _ = preprocessing.preprocess(
            Dataset.parse(f"csv: {{{SETTINGS}}}", Path("own.yaml")), Path("mine"), OUTPUT
        )
        assert info.image_shape == (*SHAPE, 1)
        for split in arrays.SPLITS:
            _, labels = arrays.read_split(OUTPUT, split)
            assert np.bincount(labels, minlength=len(info.classes)).tolist() == getattr(info, split).images_per_class
