"""Experiments of a run, grouped by the parameters they changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from stages.common import paths
from stages.common.errors import InputError
from stages.evaluation.scores import NOTABLE_DIFFERENCE

HELD_OUT = "held_out"  # accuracy on held-out images, by which to choose
TEST = "accuracy"  # accuracy on the test images
CLASS_AVERAGES = ("balanced_accuracy", "macro_f1")  # shown beside accuracy where they tell something else
OTHER_METRICS = ("train_accuracy", "loss", "parameters")  # shown beside accuracy; errors would repeat it


@dataclass(frozen=True)
class Group:
    """Experiments that changed the same parameters, apart from the seed.

    Attributes:
        changes: Parameters that differ from the commit's, as `name=value`, without the seed.
        names: Names of the experiments, by seed. The commit has the name of its branch.
        metrics: Results of the run, by seed; empty if it failed or has not run yet.
    """

    changes: list[str]
    names: dict[int, str]
    metrics: dict[int, dict[str, float]]

    def values(self, metric: str) -> list[float]:
        """Return a metric of each seed that has it."""
        return [each[metric] for each in self.metrics.values() if metric in each]

    def mean(self, metric: str) -> float | None:
        """Return the mean of a metric over the seeds, or None if no seed has it."""
        values = self.values(metric)
        return fmean(values) if values else None

    @property
    def measure(self) -> str:
        """Accuracy to judge the group by: on held-out images or, without any, on the test images."""
        return HELD_OUT if self.values(HELD_OUT) else TEST


def compare(listing: list[dict[str, Any]], run_name: str, results: Mapping[str, dict[str, float]]) -> list[Group]:
    """Return the group of the current commit, then the groups of its experiments, the most accurate first.

    Groups with held-out images come first, by the accuracy on these. The others follow, by their test accuracy. An
    experiment gets a group of its own if its group has another result of the same seed, since something other than a
    parameter changed, such as code.

    Args:
        listing: Output of `dvc exp show --json`, parsed.
        run_name: Run of params.yaml.
        results: Results of the run by revision, as `records.read` returns them.

    Raises:
        InputError: The last commit does not have the run.
    """
    commit = listing[1]  # the first entry is the workspace
    before, base = run_params(_data(commit), run_name), results.get(commit["rev"], {})
    if not before:
        raise InputError("params.yaml", f"the run {run_name} in the last commit too", "none", "commit the file first")
    committed_seed, branch = before.get("seed", -1), commit["name"] or commit["rev"][:7]
    groups = [Group([], {committed_seed: branch}, {committed_seed: base})]
    for experiment in commit.get("experiments") or []:
        last = experiment["revs"][-1]
        after, metrics = run_params(_data(last), run_name), results.get(last["rev"], {})
        if not after:  # DVC could not read it
            continue
        changes = [*_changes(before, after), *_changed_arrays(_data(commit), _data(last), after.get("dataset", ""))]
        if not changes and metrics in ({}, base):  # it belongs to another run
            continue
        changes = [change for change in changes if not change.startswith("seed=")]
        _add(groups, changes, after.get("seed", -1), experiment["name"] or last["rev"][:7], metrics)
    first, *others = groups
    first.names[committed_seed] = branch  # also if an experiment ran what the commit had not
    return [first, *sorted(others, key=_rank)]


def metrics_to_show(groups: list[Group]) -> list[str]:
    """Return the names of the metrics to show beside accuracy, in a fixed order.

    Averages over the classes are shown if they differ from the accuracy, as they do where classes are of unequal size.
    The other metrics are shown if they differ between groups.
    """
    pairs = [(group.mean(name), group.mean(TEST)) for group in groups for name in CLASS_AVERAGES]
    unequal = any(abs(average - accuracy) >= NOTABLE_DIFFERENCE for average, accuracy in pairs if average and accuracy)
    differing = [name for name in OTHER_METRICS if len({group.mean(name) for group in groups} - {None}) > 1]
    return [*(CLASS_AVERAGES if unequal else ()), *differing]


def run_params(data: dict[str, Any], run_name: str) -> dict[str, Any]:
    """Return the parameters of a run in a revision: its line in params.yaml and its recipe.

    Args:
        data: Value of `data` of a revision in the output of `dvc exp show --json`.
        run_name: Run of params.yaml.
    """
    files = {path: file.get("data") or {} for path, file in data.get("params", {}).items()}
    line = files.get("params.yaml", {}).get("runs", {}).get(run_name, {})
    return {**line, **files.get(f"recipes/{line.get('recipe')}.yaml", {})}


def _add(groups: list[Group], changes: list[str], seed: int, name: str, metrics: dict[str, float]) -> None:
    """Add an experiment to the group of its changes, or to a new one."""
    for group in groups:
        if group.changes == changes and _can_be_same(group.metrics.get(seed), metrics):
            if seed not in group.names or len(metrics) > len(group.metrics[seed]):  # otherwise it adds nothing
                group.names[seed] = name
                group.metrics[seed] = metrics
            return
    groups.append(Group(changes, {seed: name}, {seed: metrics}))


def _rank(group: Group) -> tuple[bool, float]:
    """Return a sorting key: the best group first, groups without a result last."""
    return group.measure != HELD_OUT, -(group.mean(group.measure) or -1.0)


def _can_be_same(one: dict[str, float] | None, other: dict[str, float]) -> bool:
    """Return True if two results agree in all metrics that both have."""
    return one is None or all(one[name] == other[name] for name in one.keys() & other.keys())


def _data(revision: dict[str, Any]) -> dict[str, Any]:
    return revision.get("data") or {}


def _changes(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}={_flow_style(new)}"


def _changed_arrays(before: dict[str, Any], after: dict[str, Any], dataset: str) -> Iterator[str]:
    """Yield the arrays of a dataset if their hash changed, as after a change of its file or its pictures."""
    path = paths.arrays(dataset).as_posix()
    old, new = (data.get("outs", {}).get(path, {}).get("hash") for data in (before, after))
    if old and new and old != new:
        yield f"{path}={new[:7]}"


def _flow_style(value: Any) -> str:
    """Return a value as one line of YAML, without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow_style(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow_style, value)) + "]"
    return "null" if value is None else str(value)
