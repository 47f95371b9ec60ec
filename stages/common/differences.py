"""Differences between two versions of parameters."""

from collections.abc import Iterator, Mapping
from typing import Any


def find(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the dotted name of each parameter that differs, its value before and after; None where there is none."""
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from find(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}", old, new


def flow_style(value: Any) -> str:
    """Return a value as one line of YAML, without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow_style(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow_style, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
