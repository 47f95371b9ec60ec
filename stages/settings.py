"""YAML files read safely, and checked against a schema before anything else happens."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stages.errors import InputError

# A name becomes part of a path and of a DVC parameter's path, where slashes and dots mean something else.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME)]


class Schema(BaseModel):
    """A part of a YAML file; a key it does not know is refused with the nearest one it does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, dict) and cls.model_config.get("extra") == "forbid":
            for key in values:
                if key not in cls.model_fields:
                    known = f"{', '.join(cls.model_fields)}{did_you_mean(key, cls.model_fields)}"
                    raise misfit(f"only the keys {known}", key)
        return values

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the file at `path`, checked.

        Raises:
            InputError: The file is missing, is not YAML, or does not fit; the first misfit is named.
        """
        return cls.check(read_yaml(path), path)

    @classmethod
    def check(cls, values: object, where: Path) -> Self:
        """Return `values` as this schema; `where` names their file in the error."""
        if values is None:
            raise InputError(where, f"the keys {', '.join(cls.model_fields)}", "an empty file", "write them")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _first_misfit(where, error.errors()) from error

    def check_unchanged(self, path: Path) -> None:
        """Raise if the file at `path`, which said this when a stage began, says something else by now.

        DVC notes the files that a stage depends on when it ends, so what was made from another must not be published.

        Raises:
            InputError: It does, or it no longer fits.
        """
        if type(self).load(path) != self:
            raise InputError(path, "what it said when the stage began", "something else", "run the command again")


def read_yaml(path: Path) -> object:
    """Return what a YAML file says, read as DVC itself reads it.

    DVC reads YAML 1.2 through ruamel.yaml's safe loader, so `5e-05`, which `dvc exp run -S` writes, is a number here
    and `no` is a word; a YAML 1.1 reader such as plain PyYAML takes the first for text and the second for false. It
    builds plain values only, never objects. `pure` leaves out its reader in C, which DVC takes for speed: that one
    reads the same values, but words its errors otherwise, and a hundred thousand brackets crash it.

    Raises:
        InputError: The file cannot be read, or is not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        neighbours = sorted(file.stem for file in path.parent.glob(f"*{path.suffix}"))
        choice = f"choose one of {', '.join(neighbours)}" if neighbours else "run the command in the project's folder"
        raise InputError(path, "a file of this name", "none", choice) from error
    except UnicodeDecodeError as error:
        raise InputError(path, "UTF-8 text", f"byte {error.object[error.start]:#x}", "save it as UTF-8") from error
    except ValueError as error:  # what looks like a date and is none
        raise InputError(path, "YAML", f"a value that cannot be read: {error}", "mend the file") from error
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = (error.problem or "something else").split("\n")[0]
        raise InputError(f"{path}{line}", "YAML", f"a mistake in it: {problem}", "mend that line") from error
    except YAMLError as error:
        raise InputError(path, "YAML", str(error), "mend the file") from error
    except RecursionError as error:
        raise InputError(path, "YAML of a few levels", "one nested without end", "mend the file") from error


def misfit(expected: str, received: object) -> PydanticCustomError:
    """Return the error of a validator: what would have fitted, and what stands there instead."""
    # as fields, because a message may not hold braces of its own
    return PydanticCustomError("misfit", "{expected}", {"expected": expected, "received": received})


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or nothing."""
    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower(), lower, n=1, cutoff=0.5)
    return f" (did you mean '{lower[close[0]]}'?)" if close else ""


def _first_misfit(where: Path, errors: list[ErrorDetails]) -> InputError:
    first = errors[0]
    place = [str(where), ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-"))]
    expected = first["msg"].removeprefix("Value error, ").replace("Input should be ", "")
    received = _shown(first["ctx"]["received"] if first["type"] == "misfit" else first["input"])
    if first["type"] == "string_pattern_mismatch":
        pattern = first["ctx"]["pattern"]
        of_name = "a name of letters, digits, - and _, the first a letter or a digit"
        expected = of_name if pattern == NAME else f"text of the form {pattern.strip('^$')}"
    if first["type"] == "missing":
        expected, received = "a value", "nothing"
    more = f" (and {len(errors) - 1} more to mend)" if len(errors) > 1 else ""
    return InputError(": ".join(filter(None, place)), expected, received, f"edit the file{more}")


def _shown(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
