"""What counts as the code of a stage: the modules that it imports, and of each what can change a result."""

import ast

import pytest

from stages import sources
from stages.errors import InputError
from tests.pipeline import ROOT

HERE = "here.py"
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.glob("stages/**/*.py"))
SOURCE = '''\
"""What it is."""

import json  # to read


class Empty(Exception):
    """Nothing."""


def answer(text: str) -> str:
    """Say it.

    At length.
    """
    # why
    template = """# a heading

    {text}"""

    return template.format(text=text) + json.dumps("#")
'''
ESSENCE = '''\
import json
class Empty(Exception):
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
        from stages.plan import find_run
    finally:
        import stages.last
"""
    assert sources.imports(source, HERE) == {
        "a.b", "c", "typing", "typing.TYPE_CHECKING", "stages", "stages.otherwise", "stages.images",
        "stages.images.arrays", "stages.plan", "stages.plan.find_run", "stages.last",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("from . import plan", "here.py, line 1: expected an absolute import, received a relative one; write from"),
        (
            "import importlib\nimportlib.import_module('a')",
            "here.py, line 2: expected an import statement, which can be",
        ),
        (
            "__import__('a')",
            "here.py, line 1: expected an import statement, which can be followed, received __import__;",
        ),
        ("a = 1\nb = (", "here.py, line 2: expected Python, received '(' was never closed; mend the line"),
    ],
)
def test_what_cannot_be_followed_is_told(source, line):
    with pytest.raises(InputError) as caught:
        sources.imports(source, HERE)
    assert str(caught.value).startswith(line)


def test_comments_docstrings_and_empty_lines_do_not_count():
    assert sources.essence(SOURCE) == ESSENCE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# to read", "# to write"),
        ("What it is", "What it was"),
        ("Nothing.", "None."),
        ("    # why\n", ""),
        ("At length.", "At\n    more length."),
        ("\n\n\nclass", "\n\n\n\n# a class\n\nclass"),
    ],
)
def test_changes_that_reach_no_result(old, new):
    assert old in SOURCE
    assert sources.essence(SOURCE.replace(old, new)) == ESSENCE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a heading", "# another heading"),
        ("heading\n\n", "heading\n"),
        ('"#"', '"##"'),
        ("Exception", "ValueError"),
        ("    return template", "    template += template\n    return template"),
        ("import json", "import orjson as json"),
    ],
)
def test_changes_that_may_reach_a_result(old, new):
    assert old in SOURCE
    assert sources.essence(SOURCE.replace(old, new)) != ESSENCE


def test_a_string_that_is_a_statement_counts_only_if_it_computes_something():
    assert sources.essence('"""What it is."""  # noqa\n') == ""
    assert sources.essence('f"{changed()}"\n') == 'f"{changed()}"'


def test_console_imports_nothing_whose_change_could_reach_a_result():
    names = sources.imports((ROOT / sources.ONLY_TALKS).read_text(), sources.ONLY_TALKS)
    assert {name for name in names if name.startswith("stages.")} == {"stages.errors", "stages.errors.InputError"}


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"\xff\xfe", "stages/first.py: expected text in UTF-8, received other bytes;"), (b"\xef\xbb\xbfimport os", None)],
)
def test_other_encodings_are_told_and_a_mark_at_the_beginning_is_read(content, line, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/first.py").write_bytes(content)
    if line:
        with pytest.raises(InputError, match=line):
            sources.fingerprints("first")
    else:
        assert list(sources.fingerprints("first")) == ["stages/first.py"]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_statement_of_every_module_counts(module):
    """The essence, with `pass` where only a docstring stood, is the module without its docstrings."""

    def without_docstrings(source: str) -> str:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            match node:
                case ast.Module(body=[ast.Expr(ast.Constant(str())), *rest]):
                    node.body = rest
                case ast.ClassDef(body=[ast.Expr(ast.Constant(str())), *rest]):
                    node.body = rest or [ast.Pass()]
                case ast.FunctionDef(body=[ast.Expr(ast.Constant(str())), *rest]):
                    node.body = rest or [ast.Pass()]
        return ast.unparse(tree)

    source = (ROOT / module).read_text()
    lines = sources.essence(source).split("\n")
    filled = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        filled.append(line)
        indent = len(line) - len(line.lstrip())
        if line.endswith(":") and len(following) - len(following.lstrip()) <= indent:
            filled.append(" " * (indent + 4) + "pass")
    assert without_docstrings("\n".join(filled)) == without_docstrings(source)


def test_a_stage_s_own_module_and_what_it_imports_are_its_code(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    (tmp_path / "stages").mkdir()
    texts = {
        "first": "import os\nfrom stages import console, second",
        "second": "from stages import first\nfrom stages.third import THREE",
        "third": "THREE = 3",
        "other": "",
        "console": "",
    }
    for name, text in texts.items():
        (tmp_path / f"stages/{name}.py").write_text(text)
    before = sources.fingerprints("first")
    assert list(before) == ["stages/first.py", "stages/second.py", "stages/third.py"]
    (tmp_path / "stages/third.py").write_text('"""Three."""\nTHREE = 3  # or so')
    assert sources.fingerprints("first") == before
    (tmp_path / "stages/third.py").write_text("THREE = 4")
    after = sources.fingerprints("first")
    assert {path for path in after if after[path] != before[path]} == {"stages/third.py"}
