import datetime
import json
import re

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import parse_yaml as parse_as_dvc
from hypothesis import given
from hypothesis import strategies as st

from stages.common.errors import InputError
from stages.common.params import Params
from stages.common.yaml_files import Config, ConfigFile, Name, parse_yaml
from stages.evaluation.published import Published
from stages.images.catalog import Dataset
from stages.model.recipe import Recipe
from tests.damage import damaged, examples, refused_in_one_line
from tests.pipeline import ROOT, read_yaml

VALUES = {
    "1e-3": 0.001,
    "5e-05": 0.00005,  # as `dvc exp run -S` writes it
    "1E5": 100000.0,
    "1E+5": 100000.0,
    ".5": 0.5,
    "5.": 5.0,
    "-.5": -0.5,
    ".5e+3": 500.0,
    ".5e3": ".5e3",  # ruamel.yaml wants the sign here
    "5.e3": 5000.0,
    "-0.0": -0.0,
    "1e400": float("inf"),
    "+1": 1,
    "-0": 0,
    "1_000": 1000,
    "1__0": 10,
    "1_": 1,
    "0.1_5": 0.15,
    "017": 17,
    "08": 8,
    "0o17": 15,
    "0o8": "0o8",
    "0x1F": 31,
    "-0x1F": -31,
    "0X1F": "0X1F",
    "0b101": 5,
    "1/255": "1/255",
    "'1e-3'": "1e-3",
    '"017"': "017",
    "'true'": "true",
    "''": "",
    "12:30:45": "12:30:45",
    "1:30": "1:30",
    "190:20:30.15": "190:20:30.15",
    "1.5.2": "1.5.2",
    "1 000": "1 000",
    "e5": "e5",
    "0x": "0x",
    "true": True,
    "True": True,
    "TRUE": True,
    "tRUE": "tRUE",
    "false": False,
    "yes": "yes",
    "Yes": "Yes",
    "no": "no",
    "on": "on",
    "off": "off",
    "y": "y",
    "n": "n",
    "~": None,
    "null": None,
    "Null": None,
    "nULL": "nULL",
    "": None,
    ".inf": float("inf"),
    "-.INF": float("-inf"),
    ".nan": float("nan"),
    "+.nan": "+.nan",
    "2020-01-01": datetime.date(2020, 1, 1),
    "2020-1-1": "2020-1-1",
    "2001-12-14 21:59:43": datetime.datetime(2001, 12, 14, 21, 59, 43),
    "2001-12-14t21:59:43.10-05:00": datetime.datetime(
        2001, 12, 14, 21, 59, 43, 100_000, datetime.timezone(datetime.timedelta(hours=-5))
    ),
    "2001-12-14T21:59:43Z": datetime.datetime(2001, 12, 14, 21, 59, 43, tzinfo=datetime.UTC),
    "2001-12-14 21:59:43.5 +1": datetime.datetime(
        2001, 12, 14, 21, 59, 43, 500_000, datetime.timezone(datetime.timedelta(hours=1))
    ),
    "[no, 1e-3, {a: 0o17}]": ["no", 0.001, {"a": 15}],
    "!!str 1e-3": "1e-3",
    "!!float 1": 1.0,
    "!!int '0o17'": 15,
    "|\n  017\n  no\n": "017\nno\n",
    "|-\n  1e-3\n": "1e-3",
    ">\n  one\n  line\n\n  two\n": "one line\ntwo\n",
    '"\\u00e9\\x41\\U0001F600\\n\\/"': "éA😀\n/",
    "'it''s'": "it's",
    "x\n  y": "x y",
    "x#y # a comment": "x#y",
}
DOCUMENTS = {
    "an anchor": ("a: &one {b: 1}\n", {"a": {"b": 1}}),
    "a byte order mark": ("\ufeffa: 1\n", {"a": 1}),
    "lines of Windows": ("a: 1\r\nb:\r\n  - no\r\n", {"a": 1, "b": ["no"]}),
    "lines of an old Mac": ("a: 1\rb: 2\r", {"a": 1, "b": 2}),
    "a tab in a text": ("a: 'x\ty'\n", {"a": "x\ty"}),
    "a directive": ("%YAML 1.2\n---\na: no\nb: 017\n", {"a": "no", "b": 17}),
    "an explicit key": ("? a\n: b\n? c\n", {"a": "b", "c": None}),
    "keys that are no texts": ("2: a\ntrue: b\n~: c\n0.5: d\n", {2: "a", True: "b", None: "c", 0.5: "d"}),
    "a number and the same as text": ("1: a\n'1': b\n", {1: "a", "1": "b"}),
    "sixty levels": (f"a: {'[' * 60}{']' * 60}\n", None),
}
DAMAGED = {
    "a: 1\nb: 2\na: 3\n": r":3: expected YAML, received a mistake in it: found duplicate key \"a\"",
    "a:\n  b: 1\n  b: 2\n": r":3: expected YAML, received a mistake in it: found duplicate key \"b\"",
    "a: {b: 1, b: 2}\n": r":1: expected YAML, received a mistake in it: found duplicate key \"b\"",
    "- {a: 1, 'a': 2}\n": r":1: expected YAML, received a mistake in it: found duplicate key \"a\"",
    "1: a\n0x1: b\n": r":2: expected YAML, received a mistake in it: found duplicate key \"0x1\"",
    "1: a\ntrue: b\n": r":2: expected YAML, received a mistake in it: found duplicate key \"true\"",
    "~: a\nnull: b\n": r":2: expected YAML, received a mistake in it: found duplicate key \"null\"",
    "a: &one 1\nb: &one 2\n": r":2: expected YAML, received a mistake in it: found duplicate anchor 'one'; fix",
    "a: [1, 2\nb: 3\n": r":2: expected YAML, received",
    "a: b: c": r":1: expected YAML, received a mistake in it: mapping values are not allowed here",
    "\ta: 1": r":1: expected YAML, received a mistake in it: found character '\\t'",
    "a:\n\t- 1\n": r":2: expected YAML, received a mistake in it: found character '\\t'",
    "? {a: 1}\n: 2": r":1: expected YAML, received a mistake in it: found unhashable key",
    "? [a, b]\n: 2": r":1: expected YAML, received a mistake in it: found unhashable key",
    "--- {a: 1}\n--- {a: 2}\n": r":2: expected YAML, received a mistake in it: but found another document",
    "%YAML 1.1\n---\na: no\n": r":1: expected YAML, received a mistake in it: found a %YAML directive of a version",
    "%YAML 1.3\n---\na: no\n": r":1: expected YAML, received a mistake in it: found a %YAML directive of a version",
    "%YAML 2.0\n---\na: no\n": r":1: expected YAML, received a mistake in it: found incompatible YAML document",
    "a: =\n": r":1: expected YAML, received a mistake in it: could not determine a constructor for the tag 'tag:yaml",
    "a: 2024-13-45": r": expected YAML, received a value that cannot be read: month must be in 1..12; fix the file",
    "a: !!int x": r": expected YAML, received a value that cannot be read: invalid literal for int",
    "a: !!bool 1": r": expected YAML, received a value that cannot be read: '1'; fix the file",
    "a: !!timestamp x": r": expected YAML, received a value that cannot be read: .*; fix the file",
    'a: "\\ud83d"': r": expected YAML, received a value that cannot be read: .* surrogates not allowed; fix the file",
    "a: \x00": r": expected YAML, received unacceptable character #x0000",
    "[" * 500: r": expected YAML of a few levels, received one nested too deep",
    "[" * 500 + "]" * 500: r": expected YAML of a few levels, received one nested too deep",
    "{a: " * 500 + "}" * 500: r": expected YAML of a few levels, received one nested too deep",
    "[" * 100_000: r": expected YAML of a few levels, received one nested too deep",
    "#" * 1_000_001: r": expected at most 1,000,000 characters, received more; check that this is the right file",
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


YAML_FILES = sorted(
    path
    for pattern in ("*.yaml", "recipes/*.yaml", "datasets/*.yaml", ".github/**/*.yml")
    for path in ROOT.glob(pattern)
)


class Inner(Config):
    units: int
    activation: str | None = None


class Outer(ConfigFile):
    title: str
    inner: Inner
    name: Name = "a"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.yaml"


def told(value: object) -> str:
    """Return a value as text, since 1 == True == 1.0; a time zone by its offset, whatever its name."""
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{told(key)}: {told(each)}' for key, each in value.items()))}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(told, value))}]"
    return value.isoformat() if isinstance(value, datetime.datetime) else repr(value)


@pytest.mark.parametrize("text", VALUES)
def test_values_are_read_as_dvc_reads_them(path, text):
    document = f"value: {text}\n"
    path.write_text(document, encoding="utf-8")
    assert told(read_yaml(path)) == told(parse_as_dvc(document, path)) == told({"value": VALUES[text]})


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents_are_read_as_dvc_reads_them(path, document, expected):
    path.write_text(document, encoding="utf-8", newline="")
    assert told(read_yaml(path)) == told(parse_as_dvc(document, path))
    assert expected is None or told(read_yaml(path)) == told(expected)


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: file.stem)
def test_the_projects_own_files_are_read_as_dvc_reads_them(file):
    assert told(read_yaml(file)) == told(parse_as_dvc(file.read_text(encoding="utf-8"), file))


def test_every_yaml_file_of_the_project_is_compared():
    ours = {ROOT / name for name in ("params.yaml", "published.yaml", "dvc.yaml", ".github/workflows/test.yml")}
    assert ours <= set(YAML_FILES)
    assert len(YAML_FILES) > 15


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
    loaded = Outer.load(path)
    assert (loaded.title, loaded.inner, loaded.name, loaded.path) == ("A", Inner(units=64), "a", path)
    assert (
        Outer.parse(path.read_text(), path) == Outer.from_values({"title": "A", "inner": {"units": 64}}, path) == loaded
    )


def test_a_file_that_says_the_same_is_unchanged(path):
    path.write_text("title: A\ninner: {units: 64}\n")
    loaded = Outer.load(path)
    path.write_text("# a comment\ninner: {units: 0x40}\ntitle: 'A'\n")
    loaded.check_unchanged()


@pytest.mark.parametrize("text", ["title: B\ninner: {units: 64}\n", "title: A\ninner: {units: 65}\n"])
def test_a_file_that_says_something_else_is_refused(path, text):
    path.write_text("title: A\ninner: {units: 64}\n")
    loaded = Outer.load(path)
    path.write_text(text)
    with pytest.raises(InputError, match="the content it had when the stage began, received something else; run the"):
        loaded.check_unchanged()


ALIASED = {
    "a mapping": ("one: &a {units: 1}\ntwo: *a\n", "the alias *a", 2),
    "a number": ("one: {units: &a 1}\ntwo:\n  units: *a\n", "the alias *a", 3),
    "a list's item": ("one: &a 1\ntwo:\n- 1\n- *a\n", "the alias *a", 4),
    "a key": ("one: &a two\n*a : 1\n", "the alias *a", 2),
    "a merge": ("one: &a {units: 1}\ntwo:\n  <<: *a\n  units: 2\n", "the alias *a", 3),
    "a merge of many": ("one: {<<: [{units: 1}]}\n", "the merge key <<", 1),
    "a merge at the top": ("one: 1\n<<: {two: 2}\n", "the merge key <<", 2),
    "a list inside itself": ("one: &a [1, *a]\n", "the alias *a", 1),
    "a merge that stands twice": ("one: {<<: {b: 1}, <<: {c: 1}}\n", "the merge key <<", 1),
    "nothing": ("one: *a\n", "the alias *a", 1),
    "a merge by its tag": ("one: {!!merge x: {units: 1}}\n", "the merge key <<", 1),
}


@pytest.mark.parametrize("case", ALIASED)
def test_aliases_and_merge_keys_are_refused_with_their_line(path, case):
    text, received, line = ALIASED[case]
    path.write_text(text)
    for kind in (Outer, Recipe, Params, Dataset, Published):
        with pytest.raises(InputError) as caught:
            kind.load(path)
        assert str(caught.value) == (
            f"{path}:{line}: expected every value in its own place, because `dvc exp run -S` may change an aliased one "
            f"wrongly, received {received}; write the values there"
        )


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", "||||||| 12ab3", "=======", ">>>>>>> topic: a commit"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_the_markers_of_a_merge_conflict_are_named_with_their_line(path, mark, end):
    path.write_bytes(f"a: 1\nb:\n  c: 2\n{mark}{end}".encode())
    expected = r"some.yaml:4: expected one version, received the markers of a merge conflict; keep one of the versions"
    with pytest.raises(InputError, match=expected):
        read_yaml(path)


@pytest.mark.parametrize(
    "text", ["a: '======='", "# =======\na: 1", "a: |\n  <<<<<<< HEAD\n", "a: ========", "=======: 1", "<<<<<<<: 1"]
)
def test_what_only_looks_like_a_marker_is_read(path, text):
    path.write_text(text)
    assert isinstance(read_yaml(path), dict)


def test_dvc_changes_no_value_below_an_alias(path):
    """The reason why aliases are refused. DVC changes neither value or both; if this fails, DVC has learnt it."""
    path.write_text("one: &a {units: 1}\ntwo: *a\n")
    apply_overrides(path, ["two.units=2"])
    values = parse_as_dvc(path.read_text(), path)
    assert values["one"] == values["two"]


@pytest.mark.parametrize(
    "text",
    [
        "{title: &a A, inner: {units: 1}}",  # an anchor that nothing refers to
        "{title: '*a', inner: {units: 1}}",
        '{title: "<<", inner: {units: 1}}',
        "{title: a * b, inner: {units: 1}} # *a, <<: *a",
        "{title: !!str 1, inner: {units: 1}}",
    ],
)
def test_what_only_looks_like_an_alias_is_read(path, text):
    path.write_text(text)
    assert Outer.load(path).inner.units == 1


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
        ("{}", r"title: expected a value, received nothing; edit the file \(and 1 more to fix\)"),
        (
            "{title: 1, inner: {units: 1}}",
            r"title: expected text \(in quotes if it is a number, a date, true or null\), received 1;",
        ),
        ("{title: A, inner: {units: many}}", r"inner.units: expected a whole number, .*received 'many';"),
        ("{title: A, inner: {units: 1}, name: ../a}", r"name: expected .*, received '\.\./a';"),
        ("[title]", r"some.yaml: expected .*, received \['title'\];"),
        ("", r"some.yaml: expected .*, received an empty file;"),
        (
            "{title: [" + "long, " * 99 + "], inner: {units: 1}}",
            r"title: expected text \(in quotes if it is a number, a date, true or null\), received .{1,61}…; edit",
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
        Outer.from_values({"title": "A", "inner": {"units": 1}, "name": name}, path)


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cn", "Cs", "Zl", "Zp"]), max_size=20)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES_OF_JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=9)


@examples(80)
@given(values=VALUES_OF_JSON)
def test_json_is_yaml(path, values):
    assert parse_yaml(json.dumps(values, ensure_ascii=False), path) == values


@pytest.mark.parametrize("kind", [Params, Published, Recipe, Dataset])
@examples(60)
@given(data=st.data())
def test_any_damage_is_refused_in_one_line_or_read_the_same_twice(path, kind, data):
    files = {
        Params: ["params.yaml"],
        Published: ["published.yaml"],
        Recipe: ["recipes/mlp.yaml", "recipes/mnist-best.yaml"],
    }
    name = data.draw(st.sampled_from(files.get(kind, ["datasets/mnist.yaml"])))
    path.write_bytes(data.draw(damaged((ROOT / name).read_bytes())))
    with refused_in_one_line():
        kind.load(path).check_unchanged()
