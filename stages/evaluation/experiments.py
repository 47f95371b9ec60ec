"""The experiments of a run, as DVC recorded them: what each changed, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

METRICS = ("accuracy", "train_accuracy", "loss", "parameters")  # errors would say accuracy again


@dataclass(frozen=True)
class Experiment:
    """One experiment, or the commit that the others started from.

    Attributes:
        name: Its name, or that of the commit's branch.
        changes: Parameters that differ from the commit's, as `name=value`.
        metrics: The run's metrics, by name; empty if it failed or has not run yet.
    """

    name: str
    changes: list[str]
    metrics: dict[str, float]


def compare(shown: list[dict[str, Any]], run: str) -> list[Experiment]:
    """Return the current commit and those of its experiments that touched a run, the most accurate first.

    Args:
        shown: What `dvc exp show --json` prints, parsed.
        run: A run of params.yaml.
    """
    commit = shown[1]  # the first entry is the workspace
    base = _data(commit)
    experiments = [Experiment(commit["name"] or commit["rev"][:7], [], _metrics(base, run))]
    for entry in commit.get("experiments") or []:
        last = entry["revs"][-1]
        data = _data(last)
        changes, metrics = list(_changes(_params(base, run), _params(data, run))), _metrics(data, run)
        if changes or metrics != experiments[0].metrics:
            experiments.append(Experiment(entry["name"] or last["rev"][:7], changes, metrics))
    return sorted(experiments, key=lambda experiment: -experiment.metrics.get("accuracy", -1.0))


def metrics_that_differ(experiments: list[Experiment]) -> list[str]:
    """Return the metrics, in a fixed order, that are not the same for all the experiments."""
    return [name for name in METRICS if len({experiment.metrics.get(name) for experiment in experiments}) > 1]


def _data(entry: dict[str, Any]) -> dict[str, Any]:
    return entry.get("data") or {}


def _metrics(data: dict[str, Any], run: str) -> dict[str, float]:
    return data.get("metrics", {}).get(f"metrics/{run}.json", {}).get("data") or {}


def _params(data: dict[str, Any], run: str) -> dict[str, Any]:
    """Return what determines a run: its line in params.yaml, and its recipe."""
    files = {path: file.get("data") or {} for path, file in data.get("params", {}).items()}
    line = files.get("params.yaml", {}).get("runs", {}).get(run, {})
    return {**line, **files.get(f"recipes/{line.get('recipe')}.yaml", {})}


def _changes(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}={_plain(new)}"


def _plain(value: Any) -> str:
    """Write a value as YAML would in one line, without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return "null" if value is None else str(value)
