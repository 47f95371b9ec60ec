"""Fingerprints of a stage's code: a SHA-256 of each module it imports, without comments and docstrings."""

import ast
import hashlib
import io
import re
import tokenize
from itertools import pairwise
from pathlib import Path

from stages.common.errors import InputError

ROOT = Path(__file__).parents[2]
EXCLUDED = {  # they print, or end the process; no result depends on them
    "stages/common/console.py", "stages/common/orphan.py", "stages/common/progress_bars.py", "stages/common/signals.py",
}  # fmt: skip
LAYOUT = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def fingerprint_stage(stage: str) -> dict[str, str]:
    """Return the SHA-256 of each module that a stage imports, in hexadecimal, by the module's path.

    Args:
        stage: Name of a module in stages/. The module itself and imports inside functions count too.

    Raises:
        InputError: A module is not Python in UTF-8, or an import is relative or computed at run time.
    """
    found: dict[str, str] = {}
    pending = {f"stages/{stage}.py"}
    while pending:
        path = pending.pop()
        source = _read(path)
        imported = {f"{name.replace('.', '/')}.py" for name in imports(source, path) if name.startswith("stages.")}
        found[path] = hashlib.sha256(without_comments(source).encode()).hexdigest()
        pending |= {module for module in imported - EXCLUDED - found.keys() if (ROOT / module).is_file()}
    return dict(sorted(found.items()))


def imports(source: str, path: str) -> set[str]:
    """Return the full names that a module imports at run time, inside functions too.

    Args:
        source: Text of the module.
        path: File of the module, for errors.

    Raises:
        InputError: The source is not Python, or an import is relative or computed at run time.
    """
    names: set[str] = set()
    try:
        pending: list[ast.AST] = [ast.parse(source)]
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}", "Python", error.msg, "fix the line") from None
    while pending:
        node = pending.pop()
        match node:
            case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                pending += node.orelse  # the rest never runs
                continue
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
            case ast.ImportFrom():
                where = f"{path}, line {node.lineno}"
                raise InputError(where, "an absolute import", "a relative one", "write from stages.… import …")
            case ast.Call(
                func=ast.Name("__import__" | "import_module" as call) | ast.Attribute(attr="import_module" as call)
            ):
                where = f"{path}, line {node.lineno}"
                raise InputError(where, "an import statement, which can be followed", call, "name the module")
        pending += ast.iter_child_nodes(node)
    return names


def without_comments(source: str) -> str:
    """Return Python source without comments, docstrings and the empty lines between statements.

    The rest keeps its spelling, so every version of Python gives the same fingerprint.
    """
    lines = source.split("\n")
    rows: set[int] = set()  # numbers of the lines to keep, from 1
    begins = True  # the next token is the first of a statement
    for token, following in pairwise(tokenize.generate_tokens(io.StringIO(source).readline)):
        (first, column), (last, _) = token.start, token.end
        if token.type == tokenize.COMMENT:
            lines[first - 1] = lines[first - 1][:column].rstrip()
        elif token.type in LAYOUT:
            begins = begins or token.type != tokenize.NL
        elif not (begins and _is_text(token) and following.type in {tokenize.NEWLINE, tokenize.COMMENT}):
            rows.update(range(first, last + 1))
            begins = False
    return "\n".join(line for row, line in enumerate(lines, 1) if row in rows)


def _read(path: str) -> str:
    try:
        return (ROOT / path).read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError:
        raise InputError(path, "text in UTF-8", "other bytes", "save it as UTF-8") from None


def _is_text(token: tokenize.TokenInfo) -> bool:
    """Tell whether a token is a string literal that computes nothing, unlike an f-string."""
    return token.type == tokenize.STRING and "f" not in re.split("[\"']", token.string)[0].lower()
