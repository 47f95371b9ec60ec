"""The experiments of a run, as DVC recorded them: what each changed, and what came of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from stages import outputs
from stages.errors import InputError

HELD_OUT, TEST = "held_out", "accuracy"  # accuracies: what is chosen by, where a run holds images out, and what is not
OTHER_METRICS = ("train_accuracy", "loss", "parameters")  # beside accuracy; errors would say it again


@dataclass(frozen=True)
class Group:
    """Experiments that changed the same, the seed apart.

    Attributes:
        changes: Parameters that differ from the commit's, as `name=value`, without the seed.
        names: The experiments' names, by seed; the commit's is that of its branch.
        metrics: The run's results, by seed; empty where it failed or has not run yet.
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

    @property
    def measure(self) -> str:
        """The accuracy to judge it by: that on held-out images, or, if it holds none out, on the test images."""
        return HELD_OUT if self.values(HELD_OUT) else TEST


def compare(shown: list[dict[str, Any]], run: str, results: Mapping[str, dict[str, float]]) -> list[Group]:
    """Return the current commit's group, then those of its experiments that touched a run, the most accurate first.

    Those that hold images out come before the others, by their accuracy on these; the others by their test accuracy.
    An experiment whose seed its group has already, with other results, changed something else, such as code: it gets a
    group of its own.

    Args:
        shown: What `dvc exp show --json` prints, parsed.
        run: A run of params.yaml.
        results: What came of the run by revision, as `results.read` returns it.

    Raises:
        InputError: The last commit does not know the run.
    """
    commit = shown[1]  # the first entry is the workspace
    before, base = params(_data(commit), run), results.get(commit["rev"], {})
    if not before:
        raise InputError("params.yaml", f"the run {run} in the last commit too", "none", "commit the file first")
    committed, branch = before.get("seed", -1), commit["name"] or commit["rev"][:7]
    groups = [Group([], {committed: branch}, {committed: base})]
    for entry in commit.get("experiments") or []:
        last = entry["revs"][-1]
        after, metrics = params(_data(last), run), results.get(last["rev"], {})
        if not after:  # it could not be read
            continue
        changes = [*_changes(before, after), *_other_arrays(_data(commit), _data(last), after.get("dataset", ""))]
        if not changes and metrics in ({}, base):  # it is another run's
            continue
        changes = [change for change in changes if not change.startswith("seed=")]
        seed, name = after.get("seed", -1), entry["name"] or last["rev"][:7]
        alike = [group for group in groups if group.changes == changes and _may_be(group.metrics.get(seed), metrics)]
        if not alike:
            groups.append(Group(changes, {seed: name}, {seed: metrics}))
        elif seed not in alike[0].names or len(metrics) > len(alike[0].metrics[seed]):  # else the same once more
            alike[0].names[seed] = name
            alike[0].metrics[seed] = metrics
    first, *others = groups
    first.names[committed] = branch  # also where an experiment ran what the commit had not
    return [first, *sorted(others, key=_rank)]


def metrics_that_differ(groups: list[Group]) -> list[str]:
    """Return the metrics beside accuracy, in a fixed order, that are not the same for all the groups that have them."""
    return [name for name in OTHER_METRICS if len({group.mean(name) for group in groups} - {None}) > 1]


def params(data: dict[str, Any], run: str) -> dict[str, Any]:
    """Return what determines a run in a revision of `dvc exp show`: its line in params.yaml, and its recipe."""
    files = {path: file.get("data") or {} for path, file in data.get("params", {}).items()}
    line = files.get("params.yaml", {}).get("runs", {}).get(run, {})
    return {**line, **files.get(f"recipes/{line.get('recipe')}.yaml", {})}


def _rank(group: Group) -> tuple[bool, float]:
    """Return what sorts the best to the front, and what has no result to the end."""
    return group.measure != HELD_OUT, -(group.mean(group.measure) or -1.0)


def _may_be(one: dict[str, float] | None, other: dict[str, float]) -> bool:
    """Tell whether two results can be the same experiment's; what is missing can be any."""
    return one is None or all(one[name] == other[name] for name in one.keys() & other.keys())


def _data(entry: dict[str, Any]) -> dict[str, Any]:
    return entry.get("data") or {}


def _changes(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}={_plain(new)}"


def _other_arrays(before: dict[str, Any], after: dict[str, Any], dataset: str) -> Iterator[str]:
    """Yield the arrays of a dataset if they are known to differ, as after a change of its file or its pictures."""
    path = outputs.arrays(dataset).as_posix()
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
