"""What counts as the code of a stage: the modules that it imports, and of each what can change a result."""

import ast
import io
import tokenize

import pytest

from stages.common import fingerprints
from stages.common.errors import InputError
from tests.pipeline import ROOT

HERE = "here.py"
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.glob("stages/**/*.py"))
SOURCE = '''\
"""What it is."""

import json  # to read


class Empty(Exception):
    """Nothing."""


class Settings:
    size: int = 3
    """Pixels."""


def answer(text: str) -> str:
    """Say it.

    At length.
    """
    # why
    template = """# a heading

    {text}"""

    return template.format(text=text) + json.dumps("#")
'''
WITHOUT_COMMENTS = '''\
import json
class Empty(Exception):
class Settings:
    size: int = 3
def answer(text: str) -> str:
    template = """# a heading

    {text}"""
    return template.format(text=text) + json.dumps("#")'''


def test_imports_are_found_wherever_they_run():
    source = """
import a.b, c as d
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from stages import never
else:
    from stages import otherwise
def function():
    from stages.images import arrays as renamed
    try:
        from stages.common.params import find_run
    finally:
        import stages.last
"""
    assert fingerprints.imports(source, HERE) == {
        "a.b", "c", "typing", "typing.TYPE_CHECKING", "stages", "stages.otherwise", "stages.images",
        "stages.images.arrays", "stages.common.params", "stages.common.params.find_run", "stages.last",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("from . import params", "here.py, line 1: expected an absolute import, received a relative one; write from"),
        (
            "import importlib\nimportlib.import_module('a')",
            "here.py, line 2: expected an import statement, which can be",
        ),
        (
            "__import__('a')",
            "here.py, line 1: expected an import statement, which can be followed, received __import__;",
        ),
        ("a = 1\nb = (", "here.py, line 2: expected Python, received '(' was never closed; fix the line"),
    ],
)
def test_what_cannot_be_followed_is_told(source, line):
    with pytest.raises(InputError) as caught:
        fingerprints.imports(source, HERE)
    assert str(caught.value).startswith(line)


def test_comments_docstrings_and_empty_lines_do_not_count():
    assert fingerprints.without_comments(SOURCE) == WITHOUT_COMMENTS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# to read", "# to write"),
        ("What it is", "What it was"),
        ("Nothing.", "None."),
        ("    # why\n", ""),
        ("At length.", "At\n    more length."),
        ("Pixels.", "Millimetres."),
        ("\n\n\nclass", "\n\n\n\n# a class\n\nclass"),
    ],
)
def test_changes_that_reach_no_result(old, new):
    assert old in SOURCE
    assert fingerprints.without_comments(SOURCE.replace(old, new)) == WITHOUT_COMMENTS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a heading", "# another heading"),
        ("heading\n\n", "heading\n"),
        ('"#"', '"##"'),
        ("Exception", "ValueError"),
        ("size: int = 3", "size: int = 4"),
        ("    return template", "    template += template\n    return template"),
        ("import json", "import orjson as json"),
    ],
)
def test_changes_that_may_reach_a_result(old, new):
    assert old in SOURCE
    assert fingerprints.without_comments(SOURCE.replace(old, new)) != WITHOUT_COMMENTS


def test_a_string_that_is_a_statement_counts_only_if_it_computes_something():
    assert fingerprints.without_comments('"""What it is."""  # noqa\n') == ""
    assert fingerprints.without_comments('f"{changed()}"\n') == 'f"{changed()}"'


def test_what_is_left_out_imports_nothing_whose_change_could_reach_a_result():
    names = {name for path in fingerprints.EXCLUDED for name in fingerprints.imports((ROOT / path).read_text(), path)}
    modules = {f"{name.replace('.', '/')}.py" for name in names if name.startswith("stages.")}
    assert {path for path in modules - fingerprints.EXCLUDED if (ROOT / path).is_file()} == {
        "stages/common/errors.py", "stages/common/printable.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"\xff\xfe", "stages/first.py: expected text in UTF-8, received other bytes;"), (b"\xef\xbb\xbfimport os", None)],
)
def test_other_encodings_are_told_and_a_mark_at_the_beginning_is_read(content, line, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "ROOT", tmp_path)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/first.py").write_bytes(content)
    if line:
        with pytest.raises(InputError, match=line):
            fingerprints.fingerprint_stage("first")
    else:
        assert list(fingerprints.fingerprint_stage("first")) == ["stages/first.py"]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_statement_of_every_module_counts(module):
    """What is left, with `pass` where only a docstring stood, is the module without its docstrings."""

    def without_docstrings(source: str) -> str:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                kept = [each for each in node.body if not is_text(each)]
                node.body = kept if kept or isinstance(node, ast.Module) else [ast.Pass()]
        return ast.unparse(tree)

    def is_text(statement: ast.stmt) -> bool:
        """Tell whether a statement is a docstring: of a module, a class, a function or, below it, a field."""
        return isinstance(statement, ast.Expr) and isinstance(getattr(statement.value, "value", None), str)

    source = (ROOT / module).read_text()
    text = fingerprints.without_comments(source)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    in_text = {row for token in tokens for row in range(token.start[0], token.end[0])}  # texts of many lines
    lines, filled = text.split("\n"), []
    for row, (line, following) in enumerate(zip(lines, [*lines[1:], ""], strict=True), 1):
        filled.append(line)
        indent = len(line) - len(line.lstrip())
        if row not in in_text and line.endswith(":") and len(following) - len(following.lstrip()) <= indent:
            filled.append(" " * (indent + 4) + "pass")
    assert without_docstrings("\n".join(filled)) == without_docstrings(source)


def test_a_stage_s_own_module_and_what_it_imports_are_its_code(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "ROOT", tmp_path)
    (tmp_path / "stages/common").mkdir(parents=True)
    texts = {
        "first": "import os\nfrom stages.common import console\nfrom stages import second",
        "second": "from stages import first\nfrom stages.third import THREE",
        "third": "THREE = 3",
        "other": "",
        "common/console": "",
    }
    for name, text in texts.items():
        (tmp_path / f"stages/{name}.py").write_text(text)
    before = fingerprints.fingerprint_stage("first")
    assert list(before) == ["stages/first.py", "stages/second.py", "stages/third.py"]
    (tmp_path / "stages/third.py").write_text('"""Three."""\nTHREE = 3  # or so')
    assert fingerprints.fingerprint_stage("first") == before
    (tmp_path / "stages/third.py").write_text("THREE = 4")
    after = fingerprints.fingerprint_stage("first")
    assert {path for path in after if after[path] != before[path]} == {"stages/third.py"}
