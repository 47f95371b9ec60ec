"""What code a stage runs: the modules of the project that it imports, and of each what can change a result."""

import ast
import hashlib
import io
import re
import tokenize
from itertools import pairwise
from pathlib import Path

from stages.errors import InputError

ROOT = Path(__file__).parents[1]
ONLY_TALKS = "stages/console.py"  # it prints; no result comes of it
LAYOUT = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def fingerprints(stage: str) -> dict[str, str]:
    """Return the SHA-256 of what can change a result, in hexadecimal, by the path of each module that a stage imports.

    Args:
        stage: Name of a module in stages/. It counts as well; what it imports within a function, too.

    Raises:
        InputError: A module is not Python in UTF-8, or imports by a relative name or one made when it runs.
    """
    found: dict[str, str] = {}
    pending = {f"stages/{stage}.py"}
    while pending:
        path = pending.pop()
        source = _read(path)
        imported = {f"{name.replace('.', '/')}.py" for name in imports(source, path) if name.startswith("stages.")}
        found[path] = hashlib.sha256(essence(source).encode()).hexdigest()
        pending |= {module for module in imported - {ONLY_TALKS, *found} if (ROOT / module).is_file()}
    return dict(sorted(found.items()))


def imports(source: str, path: str) -> set[str]:
    """Return what a source imports when it runs, in functions too, as full names of modules and of what is in them.

    Args:
        source: Text of a module.
        path: Its file, for errors.

    Raises:
        InputError: The source is not Python, or imports by a relative name or one made when it runs.
    """
    names: set[str] = set()
    try:
        pending: list[ast.AST] = [ast.parse(source)]
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}", "Python", error.msg, "mend the line") from None
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


def essence(source: str) -> str:
    """Return a source that is Python without comments, docstrings and the empty lines between its statements.

    The rest stays as it is written, so that each version of Python finds the same.
    """
    lines = source.split("\n")
    rows: set[int] = set()  # numbers of the lines that count, from 1
    begins = True  # whether the next token is the first of a statement
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
    """Tell whether a token is a string that computes nothing, as one with an f before it may do."""
    return token.type == tokenize.STRING and "f" not in re.split("[\"']", token.string)[0].lower()
