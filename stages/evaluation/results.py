"""What came of a run in the current commit and in its experiments.

`dvc exp show` gives each of them the metrics that git has there; where evaluate did not run after train, they are of an
older model. dvc.lock tells: it has the parameters and outputs of the last training, and what evaluate read when it ran.
"""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages import outputs, plan
from stages.evaluation import experiments
from stages.training import history


def read(shown: list[dict[str, Any]], run: str) -> dict[str, dict[str, float]]:
    """Return the results of a run by revision: of the current commit, and of its experiments that have ended well.

    They are those of metrics/<run>.json, if these are of the model that the revision's own parameters make, and, if the
    recipe holds images out, `held_out`: the accuracy on them, 0…1, of the weights that were kept.

    Args:
        shown: What `dvc exp show --json` prints, parsed.
        run: A run of params.yaml.
    """
    from dvc.repo import Repo  # takes half a second

    commit = shown[1]  # the first entry is the workspace
    ended = [each for each in commit.get("experiments") or [] if _has_ended(each)]
    cache = Repo().cache.local
    return {
        revision["rev"]: _results(revision["rev"], revision["data"], run, cache)
        for revision in [commit, *(each["revs"][-1] for each in ended)]
        if revision.get("data")
    }


def _has_ended(experiment: dict[str, Any]) -> bool:
    executor = experiment.get("executor") or {}  # of one that did not run in the queue nothing is left
    return bool(executor.get("state", "success") == "success")


def _results(revision: str, data: dict[str, Any], run: str, cache: Any) -> dict[str, float]:
    lock = _lock_file(revision)
    trained, evaluated = _stage(lock, f"train@{run}"), _stage(lock, f"evaluate@{run}")
    given = experiments.params(data, run)
    if not trained or not _is_of(trained, given):  # the last training had other parameters
        return {}
    results: dict[str, float] = {}
    made, scored = _hashes(trained, "outs"), _hashes(evaluated, "deps")
    if made.items() <= scored.items():
        results.update(data.get("metrics", {}).get(outputs.metrics(run).as_posix(), {}).get("data") or {})
    training, curves = given.get("training", {}), made.get(outputs.table("history", run).as_posix())
    if isinstance(training.get("validation"), int) and curves:
        path = Path(cache.oid_to_path(curves))
        if path.exists():  # else it was not pulled, or thrown away since
            results[experiments.HELD_OUT] = _held_out(history.read(path), training.get("keep"))
    return results


def _held_out(epochs: list[history.Epoch], keep: str | None) -> float:
    accuracies = [epoch.val_accuracy or 0.0 for epoch in epochs]
    return max(accuracies) if keep == "best" else accuracies[-1]


def _lock_file(revision: str) -> str:
    import dvc.api
    from dvc.exceptions import PathMissingError

    try:
        return str(dvc.api.read("dvc.lock", rev=revision))
    except PathMissingError:  # nothing has run yet
        return ""


def _stage(lock: str, name: str) -> dict[str, Any]:
    """Return a stage of dvc.lock; only its lines are parsed, since all of them take 0.2 s."""
    lines = re.search(rf"^  {re.escape(name)}:\n(?:    .*\n)*", lock, re.MULTILINE)
    return YAML(typ="safe").load(lines[0])[name] if lines else {}


def _is_of(trained: dict[str, Any], given: dict[str, Any]) -> bool:
    """Tell whether a training in dvc.lock had these parameters, as `experiments.params` returns them."""
    options = dict(pairwise(shlex.split(trained["cmd"])))
    line = {name: given.get(name) for name in plan.Run.model_fields}
    recipe = trained.get("params", {}).get(f"recipes/{line['recipe']}.yaml", {})
    return all(options.get(f"--{name}") == str(value) for name, value in line.items()) and given == line | recipe


def _hashes(stage: dict[str, Any], kind: str) -> dict[str, str]:
    return {each["path"]: each["md5"] for each in stage.get(kind, [])}
