import datetime
import re

import pytest
from dvc.utils.serialize import parse_yaml

from stages.errors import InputError
from stages.settings import Name, Schema, read_yaml

VALUES = {
    "1e-3": 0.001,
    "5e-05": 0.00005,  # as `dvc exp run -S` writes it
    "1E5": 100000.0,
    ".5": 0.5,
    "1_000": 1000,
    "017": 17,
    "0o17": 15,
    "0x1F": 31,
    "1/255": "1/255",
    "'1e-3'": "1e-3",
    "12:30:45": "12:30:45",
    "no": "no",
    "off": "off",
    "Yes": "Yes",
    "true": True,
    "True": True,
    "~": None,
    ".inf": float("inf"),
    "2020-01-01": datetime.date(2020, 1, 1),
    "[no, 1e-3, {a: 0o17}]": ["no", 0.001, {"a": 15}],
    "{<<: {a: 1}, b: 2}": {"a": 1, "b": 2},
}
DAMAGED = {
    "a: 1\nb: 2\na: 3\n": r":3: expected YAML, received a mistake in it: found duplicate key \"a\"",
    "a: [1, 2\nb: 3\n": r":2: expected YAML, received",
    "a: b: c": r":1: expected YAML, received a mistake in it: mapping values are not allowed here",
    "\ta: 1": r":1: expected YAML, received a mistake in it: found character '\\t'",
    "a: *nothing": r":1: expected YAML, received a mistake in it: found undefined alias 'nothing'",
    "? {a: 1}\n: 2": r":1: expected YAML, received a mistake in it: found unhashable key",
    "--- {a: 1}\n--- {a: 2}\n": r":2: expected YAML, received a mistake in it: but found another document",
    "a: 2024-13-45": r": expected YAML, received a value that cannot be read: month must be in 1..12; mend the file",
    "a: \x00": r": expected YAML, received unacceptable character #x0000",
    "[" * 500: r": expected YAML of a few levels, received one nested without end",
    b"a: caf\xe9": r": expected UTF-8 text, received byte 0xe9; save it as UTF-8",
}
UNSAFE = [
    "!!python/object/apply:os.system ['touch ran']",
    "!!python/object/new:os.system ['touch ran']",
    "!!python/object/apply:subprocess.check_output [[touch, ran]]",
    '!!python/object/apply:builtins.eval [\'open("ran", "w")\']',
    "!!python/name:os.system",
    "!!python/module:os",
    "!Anything {a: 1}",
]


class Inner(Schema):
    units: int
    activation: str | None = None


class Outer(Schema):
    title: str
    inner: Inner
    name: Name = "a"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.yaml"


@pytest.mark.parametrize("text", VALUES)
def test_values_are_read_as_dvc_reads_them(path, text):
    document = f"value: {text}\n"
    path.write_text(document)
    # compared as text, since 1 == True == 1.0
    assert repr({"value": VALUES[text]}) == repr(read_yaml(path)) == repr(parse_yaml(document, path))


@pytest.mark.parametrize("content", DAMAGED)
def test_a_file_that_is_not_yaml_is_refused_in_one_line(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=re.escape(str(path)) + DAMAGED[content]) as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", UNSAFE)
def test_tags_that_could_run_code_are_refused_and_run_nothing(path, value, monkeypatch):
    monkeypatch.chdir(path.parent)
    path.write_text(f"a: {value}\n")
    with pytest.raises(InputError, match="could not determine a constructor for the tag"):
        read_yaml(path)
    assert [file.name for file in path.parent.iterdir()] == ["some.yaml"]


def test_a_missing_file_names_its_neighbours(path):
    with pytest.raises(InputError, match="none; run the command in the project's folder"):
        read_yaml(path)
    (path.parent / "mnist.yaml").touch()
    (path.parent / "fashion-mnist.yaml").touch()
    with pytest.raises(InputError, match="none; choose one of fashion-mnist, mnist"):
        read_yaml(path)


def test_a_file_that_fits_is_loaded(path):
    path.write_text("title: A\ninner: {units: 64}\n")
    assert Outer(title="A", inner=Inner(units=64)) == Outer.load(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{titel: A}",
            r"some.yaml: expected only the keys title, inner, name \(did you mean 'title'\?\), received 'tit",
        ),
        ("{title: A, Inner: {}}", r"\(did you mean 'inner'\?\), received 'Inner'"),
        ("{title: A, inner: {unit: 1}}", r"inner: expected only the keys units, activation \(did you mean 'units'\?\)"),
        ("{title: A, inner: {units: 1, activaton: relu}}", r"\(did you mean 'activation'\?\), received 'activaton'"),
        ("{zzz: 1}", r"only the keys title, inner, name, received 'zzz'"),
        ("{1: a}", r"only the keys title, inner, name, received 1; edit the file"),
        ("{inner: {units: 1}}", r"title: expected a value, received nothing; edit the file"),
        ("{}", r"title: expected a value, received nothing; edit the file \(and 1 more to mend\)"),
        ("{title: 1, inner: {units: 1}}", r"title: expected a valid string, received 1;"),
        ("{title: A, inner: {units: many}}", r"inner.units: expected a valid integer, .*received 'many';"),
        ("{title: A, inner: {units: 1}, name: ../a}", r"name: expected .*, received '\.\./a';"),
        ("[title]", r"some.yaml: expected .*, received \['title'\];"),
        ("", r"some.yaml: expected .*, received an empty file;"),
        (
            "{title: [" + "long, " * 99 + "], inner: {units: 1}}",
            r"title: expected a valid string, received .{1,61}…; edit",
        ),
        ('{title: A, inner: {units: "two\\nlines"}}', r"received 'two\\nlines'"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(path, text, expected):
    path.write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        Outer.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["", "--run", "-", ".", "..", "a/b", "a.b", "a b", "a\n", "x; rm -rf ~", "$(id)", "`id`", "é", "_"]
)
def test_names_that_a_path_or_a_shell_could_misread_are_refused(path, name):
    with pytest.raises(InputError, match="name: expected"):
        Outer.check({"title": "A", "inner": {"units": 1}, "name": name}, path)
