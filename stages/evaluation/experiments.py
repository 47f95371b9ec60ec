"""The experiments of a run, as DVC recorded them: what each changed, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from stages.errors import InputError

OTHER_METRICS = ("train_accuracy", "loss", "parameters")  # beside accuracy; errors would say it again


@dataclass(frozen=True)
class Group:
    """Experiments that changed the same, the seed apart.

    Attributes:
        changes: Parameters that differ from the commit's, as `name=value`, without the seed.
        names: The experiments' names, by seed; the commit's is that of its branch.
        metrics: The run's metrics, by seed; empty where it failed or has not run yet.
    """

    changes: list[str]
    names: dict[int, str]
    metrics: dict[int, dict[str, float]]

    def values(self, metric: str) -> list[float]:
        """Return a metric of each seed that has it."""
        return [each[metric] for each in self.metrics.values() if metric in each]

    def mean(self, metric: str) -> float | None:
        """Return the mean of a metric over the seeds, or None if none has it."""
        values = self.values(metric)
        return fmean(values) if values else None


def compare(shown: list[dict[str, Any]], run: str) -> list[Group]:
    """Return the current commit's group, then those of its experiments that touched a run, the most accurate first.

    An experiment whose seed its group has already, with other metrics, changed something else, such as code: it gets a
    group of its own.

    Args:
        shown: What `dvc exp show --json` prints, parsed.
        run: A run of params.yaml.

    Raises:
        InputError: The last commit does not know the run.
    """
    commit = shown[1]  # the first entry is the workspace
    before, base = _params(_data(commit), run), _metrics(_data(commit), run)
    if not before:
        raise InputError("params.yaml", f"the run {run} in the last commit too", "none", "commit the file first")
    seed = before.get("seed", -1)
    groups = [Group([], {seed: commit["name"] or commit["rev"][:7]}, {seed: base})]
    for entry in commit.get("experiments") or []:
        last = entry["revs"][-1]
        params, metrics = _params(_data(last), run), _metrics(_data(last), run)
        changes = [*_changes(before, params), *_other_arrays(_data(commit), _data(last), params.get("dataset"))]
        if not params or (not changes and metrics in ({}, base)):  # it could not be read, or is another run's
            continue
        changes = [change for change in changes if not change.startswith("seed=")]
        seed, name = params.get("seed", -1), entry["name"] or last["rev"][:7]
        alike = [group for group in groups if group.changes == changes and _may_be(group.metrics.get(seed), metrics)]
        if not alike:
            groups.append(Group(changes, {seed: name}, {seed: metrics}))
        elif not alike[0].metrics.get(seed):  # else the same once more
            alike[0].names[seed] = name
            alike[0].metrics[seed] = metrics
    first, *others = groups
    return [first, *sorted(others, key=lambda group: -(group.mean("accuracy") or -1.0))]


def metrics_that_differ(groups: list[Group]) -> list[str]:
    """Return the metrics beside accuracy, in a fixed order, that are not the same for all the groups."""
    return [name for name in OTHER_METRICS if len({group.mean(name) for group in groups}) > 1]


def _may_be(one: dict[str, float] | None, other: dict[str, float]) -> bool:
    """Tell whether two results can be the same experiment's; one that is missing can be any."""
    return not one or not other or one == other


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


def _other_arrays(before: dict[str, Any], after: dict[str, Any], dataset: str | None) -> Iterator[str]:
    """Yield the arrays of a dataset if they are known to differ, as after a change of its file or its pictures."""
    path = f"data/processed/{dataset}"
    old, new = (data.get("outs", {}).get(path, {}).get("hash") for data in (before, after))
    if old and new and old != new:
        yield f"{path}={new[:7]}"


def _plain(value: Any) -> str:
    """Write a value as YAML would in one line, without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return "null" if value is None else str(value)
