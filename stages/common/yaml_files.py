"""YAML files, read safely and validated before anything else happens.

DVC reads YAML 1.2, PyYAML reads YAML 1.1: to PyYAML `no` is false, and `5e-05`, as `dvc exp run -S` writes it, is text.
The loader here is PyYAML's safe loader with the numbers and booleans of YAML 1.2, so this project and DVC read the same
values from the same file. It builds plain values only, never objects.
"""

import datetime
import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from stages.common import special_files
from stages.common.errors import InputError

# A name becomes part of a path and of a DVC parameter's path, where slashes and dots mean something else.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
A_NAME = "a name of up to 100 letters, digits, - and _, the first a letter or a digit"

LONGEST_VALUE = 60  # characters of a value in an error
MAX_CHARACTERS = 1_000_000  # of a file; params.yaml with ten thousand runs has fewer
CONFLICT = re.compile(r"^([<=>|])\1{6}(?: |$)", re.MULTILINE)  # as git writes it into a file

WORDS = {  # of pydantic's types of errors, where its own speak of Python
    "bool_type": "true or false",
    "dict_type": "names, each with its values",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "float_parsing": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "mapping_type": "names, each with its values",
    "string_type": "text (in quotes if it is a number, a date, true or null)",
    "tuple_type": "a list",
}

# words that YAML 1.1 and many programs read as booleans, and YAML 1.2 as text
BOOLEAN_WORDS = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}

TAG = "tag:yaml.org,2002:"
# The core schema of YAML 1.2.2, section 10.3, with underscores in numbers, as ruamel.yaml and so DVC read it.
SCALARS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "float": (
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    "int": (r"[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+", "-+0123456789"),
    "merge": (r"<<", "<"),
    "null": (r"~|null|Null|NULL|", ("~", "n", "N", "")),
    "timestamp": (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}"
        r"(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?",
        "0123456789",
    ),
    "value": (r"=", "="),
}


NUMBER = re.compile(f"{SCALARS['float'][0]}|{SCALARS['int'][0]}")


class _AliasError(Exception):
    """An alias or a merge key; the arguments are its words and its line, from 1."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2.

    It refuses a key that stands twice in a mapping, and aliases and merge keys: `dvc exp run -S` drops a change inside
    an alias, or makes it elsewhere too, and says nothing.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012, none of YAML 1.1

    def process_directives(self) -> Any:
        """Process the directives of a document; a %YAML directive may name version 1.2 alone."""
        mark = self.peek_token().start_mark  # type: ignore[no-untyped-call]
        directives = super().process_directives()  # type: ignore[no-untyped-call]
        if self.yaml_version not in (None, (1, 2)):
            raise yaml.parser.ParserError(None, None, "found a %YAML directive of a version other than 1.2", mark)
        return directives

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a value, which is no alias."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _AliasError(f"the alias *{event.anchor}", event.start_mark.line + 1)  # type: ignore[union-attr]
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping, whose keys differ."""
        node = super().compose_mapping_node(anchor)
        keys = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.tag == f"{TAG}merge":
                    raise _AliasError("the merge key <<", key_node.start_mark.line + 1)
                key = self.construct_object(key_node)
                if key in keys:
                    problem = f'found duplicate key "{key_node.value}"'
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                keys.add(key)
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Construct the text of a scalar; half of a surrogate pair raises a ValueError, since no file can hold it."""
        text = super().construct_scalar(node)
        text.encode()
        return text

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Construct an integer: decimal even with a leading zero, or 0b, 0o and 0x in another base."""
        text = node.value.replace("_", "")
        digits = text.lstrip("+-")
        base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10)
        return int(text, base)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Construct a floating-point number."""
        text = node.value.replace("_", "").lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))


for _kind, (_pattern, _first) in SCALARS.items():
    _Loader.add_implicit_resolver(f"{TAG}{_kind}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Loader.add_constructor(f"{TAG}int", _Loader.construct_yaml_int)
_Loader.add_constructor(f"{TAG}float", _Loader.construct_yaml_float)


def misfit(expected: str, received: object) -> PydanticCustomError:
    """Return the error of a validator: values that would fit, and the value found instead."""
    # as fields, because a message may not hold braces of its own
    return PydanticCustomError("misfit", "{expected}", {"expected": expected, "received": received})


def said(expected: str) -> WrapValidator:
    """Return a validator whose error says in plain words which values fit, whatever is wrong with a value.

    Args:
        expected: Values that fit.
    """

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            raise misfit(expected, value) from error

    return WrapValidator(validate)


Name = Annotated[str, StringConstraints(pattern=NAME), said(f"{A_NAME} (in quotes if it is a number or a date)")]


class Config(BaseModel):
    """Part of a YAML file.

    Unknown keys are refused, unless a subclass allows them; the error names the nearest known key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if not isinstance(values, dict | cls):
            raise misfit(f"the keys {', '.join(cls.model_fields)}", values)
        if isinstance(values, dict) and cls.model_config.get("extra") == "forbid":
            for key in values:
                if key not in cls.model_fields:
                    known = f"{', '.join(cls.model_fields)}{did_you_mean(key, cls.model_fields)}"
                    raise misfit(f"only the keys {known}", key)
        return values

    @classmethod
    def validated(cls, values: object, path: Path, place: str = "") -> Self:
        """Validate plain values of the file at `path`.

        Args:
            values: Values.
            path: File that holds them, for errors.
            place: Keys that lead to them in the file, such as `layers.conv1`; empty for the whole file.

        Raises:
            InputError: The values do not fit; the first misfit is named.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _first_misfit(path, place, error.errors()) from error


class ConfigFile(Config):
    """Whole YAML file, which knows its path."""

    _path: Path = PrivateAttr()

    @property
    def path(self) -> Path:
        """Path of the file, for errors."""
        return self._path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and validate the file at `path`.

        Raises:
            InputError: The file is missing, is not YAML, or does not fit; the first misfit is named.
        """
        return cls.parse(read_text(path), path)

    @classmethod
    def parse(cls, text: str, path: Path) -> Self:
        """Validate the text of the file at `path`.

        Raises:
            InputError: The text is not YAML or does not fit; the first misfit is named.
        """
        return cls.from_values(parse_yaml(text, path), path)

    @classmethod
    def from_values(cls, values: object, path: Path) -> Self:
        """Validate plain values, as the file at `path` would hold them.

        Raises:
            InputError: The values do not fit; the first misfit is named.
        """
        if values is None:
            raise InputError(path, f"the keys {', '.join(cls.model_fields)}", "an empty file", "write them")
        config = cls.validated(values, path)
        config._path = path
        return config

    def check_unchanged(self) -> None:
        """Raise if the file says something else than when it was loaded.

        DVC hashes the dependencies of a stage when the stage ends, so an output made from another version of the file
        must not be published.

        Raises:
            InputError: The file changed, or no longer fits.
        """
        if type(self).load(self.path) != self:
            expected = "the content it had when the stage began"
            raise InputError(self.path, expected, "something else", "run the command again")


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        InputError: The file is missing, is not UTF-8, is no file, or is too long.
    """
    try:
        special_files.refuse(path)
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_CHARACTERS + 1)
    except FileNotFoundError as error:
        neighbours = names_beside(path)
        choice = "run the command in the project's folder"
        if neighbours and path.parent != Path():
            hint = did_you_mean(path.stem, neighbours) if len(neighbours) > 1 else ""
            choice = f"choose one of {', '.join(neighbours)}{hint}"
        raise InputError(path, "a file of this name", "none", choice) from error
    except UnicodeDecodeError as error:
        raise InputError(path, "UTF-8 text", f"byte {error.object[error.start]:#x}", "save it as UTF-8") from error
    if len(text) > MAX_CHARACTERS:
        raise InputError(path, f"at most {MAX_CHARACTERS:,} characters", "more", "check that this is the right file")
    return text


def names_beside(path: Path) -> list[str]:
    """Return the names of the files in the folder of `path` that have its suffix, without it and sorted."""
    return sorted(file.stem for file in path.parent.glob(f"*{path.suffix}"))


def refuse_conflict(
    text: str, path: Path, next_step: str = "keep one of the versions there, and delete the markers"
) -> None:
    """Refuse a text in which git has marked a merge conflict.

    Args:
        text: Content of the file.
        path: Path of the file, for errors.
        next_step: Remedy, as an imperative.

    Raises:
        InputError: The text has such a mark.
    """
    if conflict := CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise InputError(f"{path}:{line}", "one version", "the markers of a merge conflict", next_step)


def parse_yaml(text: str, path: Path) -> object:
    """Return the plain values of a YAML text; `path` names its file in errors.

    Raises:
        InputError: The text is not YAML, or has a merge conflict, an alias or a merge key.
    """
    refuse_conflict(text, path)
    try:
        return yaml.load(text, _Loader)  # noqa: S506, a subclass of SafeLoader
    except _AliasError as error:
        alias, line = error.args
        expected = "every value in its own place, because `dvc exp run -S` may change an aliased one wrongly"
        raise InputError(f"{path}:{line}", expected, alias, "write the values there") from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        reason = error.context if error.problem == "second occurrence" else error.problem  # of an anchor
        problem = (reason or "something else").split("\n")[0].removesuffix("; first occurrence")
        raise InputError(f"{path}{line}", "YAML", f"a mistake in it: {problem}", "fix that line") from error
    except yaml.YAMLError as error:
        raise InputError(path, "YAML", str(error), "fix the file") from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # 2024-13-45, or a wrong tag: !!bool 1
        raise InputError(path, "YAML", f"a value that cannot be read: {error}", "fix the file") from error
    except RecursionError as error:
        raise InputError(path, "YAML of a few levels", "one nested too deep", "fix the file") from error


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or nothing."""
    close = nearest(word, known)
    return f" (did you mean '{close}'?)" if close else ""


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest to a word, or None if none is near."""
    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower(), lower, n=1, cutoff=0.5)
    return lower[close[0]] if close else None


def _first_misfit(path: Path, place: str, errors: list[ErrorDetails]) -> InputError:
    first = errors[0]
    keys = [place, *(str(key) for key in first["loc"] if not str(key).startswith("function-"))]
    where = [str(path), ".".join(filter(None, keys[:-2] if keys[-1:] == ["[key]"] else keys))]
    expected = WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ").replace("Input should be ", "")
    found = first["ctx"]["received"] if first["type"] == "misfit" else first["input"]
    received, next_step = _shortened(found), "edit the file"
    if first["type"] == "string_pattern_mismatch":
        expected = f"text of the form {first['ctx']['pattern'].strip('^$')}"
    if first["type"] == "missing":
        expected, received = "a value", "nothing"
    if expected.startswith("true or false") and str(found).lower() in BOOLEAN_WORDS:
        next_step = f"YAML 1.2 reads it as text, write {BOOLEAN_WORDS[str(found).lower()]}"
    elif isinstance(found, str) and NUMBER.fullmatch(found) and "number" in expected and "in quotes" not in expected:
        next_step = "remove the quotes, which make it text"
    more = f" (and {len(errors) - 1} more to fix)" if len(errors) > 1 else ""
    return InputError(": ".join(filter(None, where)), expected, received, f"{next_step}{more}")


def _shortened(value: object) -> str:
    text = "nothing" if value is None else str(value) if isinstance(value, datetime.date) else repr(value)
    text = text.lower() if isinstance(value, bool) else text  # as YAML writes it
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
