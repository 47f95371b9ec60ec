"""Experiments of a run, grouped by the parameters they changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from stages.common import differences
from stages.evaluation.scores import NOTABLE_DIFFERENCE
from stages.experiments.records import ABBREVIATED, HELD_OUT, TEST, Experiment

CLASS_AVERAGES = ("balanced_accuracy", "macro_f1")  # shown beside accuracy where they tell something else
OTHER_METRICS = ("train_accuracy", "loss", "parameters")  # shown beside accuracy; errors would repeat it
OTHER_RESULT = "another result of a seed: other libraries or another processor"


@dataclass(frozen=True)
class Group:
    """Experiments that differ only in the seed.

    Attributes:
        changes: Parameters, data and code that differ from the commit's, as `name=value`, without the seed.
        names: Names of the experiments, by seed. The commit has the name of its branch.
        metrics: Results of the run, by seed; empty if it failed or has not run yet.
    """

    changes: list[str]
    names: dict[int, str]
    metrics: dict[int, Mapping[str, float]]

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


def compare(base: Experiment, experiments: Sequence[Experiment]) -> list[Group]:
    """Return the group of the current commit, then the groups of its experiments, the most accurate first.

    Groups with held-out images come first, by the accuracy on these. The others follow, by their test accuracy. Other
    data or other code makes another group.

    Args:
        base: Run in the current commit.
        experiments: Run in the experiments since.
    """
    groups = [Group([], {base.seed: base.name}, {base.seed: base.metrics})]
    known = _first_inputs([base, *experiments])
    for experiment in experiments:
        changes = _changes(base, experiment, known)
        adds_nothing = experiment.metrics.keys() <= base.metrics.keys() and _can_be_same(
            base.metrics, experiment.metrics
        )
        if not changes and experiment.seed == base.seed and adds_nothing:  # it is an experiment of another run
            continue
        _add(groups, changes, experiment)
    first, *others = groups
    first.names[base.seed] = base.name  # also if an experiment ran what the commit had not
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


def _first_inputs(experiments: Sequence[Experiment]) -> dict[str, str]:
    """Return the hashes of data and code: those of the commit, and of the first experiment where it has none."""
    known: dict[str, str] = {}
    for experiment in experiments:
        known = {**experiment.inputs, **known}
    return known


def _changes(base: Experiment, experiment: Experiment, known: Mapping[str, str]) -> list[str]:
    """Return the parameters, data and code that differ from the commit's, as `name=value`."""
    params = [
        f"{name}={differences.flow_style(new)}" for name, _, new in differences.find(base.params, experiment.params)
    ]
    inputs = [f"{name}={md5[:ABBREVIATED]}" for name, md5 in experiment.inputs.items() if md5 != known[name]]
    return params + inputs


def _add(groups: list[Group], changes: list[str], experiment: Experiment) -> None:
    """Add an experiment to the group of its changes, or to a new one."""
    seed, metrics = experiment.seed, experiment.metrics
    similar = [group for group in groups if group.changes in (changes, [*changes, OTHER_RESULT])]
    for group in similar:
        if _can_be_same(group.metrics.get(seed), metrics):
            if seed not in group.names or len(metrics) > len(group.metrics[seed]):  # otherwise it adds nothing
                group.names[seed] = experiment.name
                group.metrics[seed] = metrics
            return
    changes = [*changes, OTHER_RESULT] if similar else changes
    groups.append(Group(changes, {seed: experiment.name}, {seed: metrics}))


def _rank(group: Group) -> tuple[bool, float]:
    """Return a sorting key: the best group first, groups without a result last."""
    return group.measure != HELD_OUT, -(group.mean(group.measure) or -1.0)


def _can_be_same(one: Mapping[str, float] | None, other: Mapping[str, float]) -> bool:
    """Return True if two results agree in all metrics that both have; NaN agrees with NaN."""
    pairs = [(one[name], other[name]) for name in one.keys() & other.keys()] if one else []
    return all(first == second or (first != first and second != second) for first, second in pairs)
