"""Results of a run in the current commit and in its experiments.

`dvc exp show` lists the metrics that git has in each. They are those of an older model if evaluate did not run after
train. dvc.lock shows this: it has the parameters and outputs of the last training, and the inputs of the last
evaluation.
"""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

from stages.common import paths
from stages.common.params import RunParams
from stages.common.yaml_files import parse_yaml
from stages.experiments import groups
from stages.model import history

LOCK_FILE = Path("dvc.lock")


def read(listing: list[dict[str, Any]], run_name: str) -> dict[str, dict[str, float]]:
    """Return the results of a run, by revision: of the current commit, and of its experiments that succeeded.

    Results are the values of metrics/<run>.json, if they are of the model that the revision's parameters make. If the
    recipe holds images out or has a validation folder, `held_out` is the accuracy of the saved weights on these, 0…1.

    Args:
        listing: Output of `dvc exp show --json`, parsed.
        run_name: Run of params.yaml.
    """
    from dvc.repo import Repo  # takes half a second

    commit = listing[1]  # the first entry is the workspace
    succeeded = [each for each in commit.get("experiments") or [] if _has_succeeded(each)]
    cache = Repo().cache.local
    return {
        revision["rev"]: _results(revision["rev"], revision["data"], run_name, cache)
        for revision in [commit, *(each["revs"][-1] for each in succeeded)]
        if revision.get("data")
    }


def _has_succeeded(experiment: dict[str, Any]) -> bool:
    executor = experiment.get("executor") or {}  # outside of the queue there is none
    return bool(executor.get("state", "success") == "success")


def _results(revision: str, data: dict[str, Any], run_name: str, cache: Any) -> dict[str, float]:
    lock = _lock_file(revision)
    train, evaluate = _stage(lock, f"train@{run_name}"), _stage(lock, f"evaluate@{run_name}")
    run_params = groups.run_params(data, run_name)
    if not train or not _has_params(train, run_params):
        return {}
    results: dict[str, float] = {}
    outputs, inputs = _hashes(train, "outs"), _hashes(evaluate, "deps")
    if outputs.items() <= inputs.items():
        results.update(data.get("metrics", {}).get(paths.metrics(run_name).as_posix(), {}).get("data") or {})
    training, history_hash = run_params.get("training", {}), outputs.get(paths.table("history", run_name).as_posix())
    if training.get("validation") not in (None, "none", "test") and history_hash:
        path = Path(cache.oid_to_path(history_hash))
        if path.exists():  # it may never have been pulled, or have been removed since
            results[groups.HELD_OUT] = _held_out_accuracy(history.read(path), training.get("keep"))
    return results


def _held_out_accuracy(epochs: list[history.Epoch], keep: str | None) -> float:
    accuracies = [epoch.val_accuracy or 0.0 for epoch in epochs]
    return max(accuracies) if keep == "best" else accuracies[-1]


def _lock_file(revision: str) -> str:
    import dvc.api
    from dvc.exceptions import PathMissingError

    try:
        return str(dvc.api.read(LOCK_FILE.as_posix(), rev=revision))
    except PathMissingError:  # nothing has run yet
        return ""


def _stage(lock: str, name: str) -> dict[str, Any]:
    """Return a stage of dvc.lock, or nothing; only its lines are parsed, which is faster than the whole file."""
    lines = re.search(rf"^  {re.escape(name)}:\n(?:    .*\n)*", lock, re.MULTILINE)
    stages: Any = parse_yaml(lines[0], LOCK_FILE) if lines else {name: {}}
    stage: dict[str, Any] = stages[name]
    return stage


def _has_params(train: dict[str, Any], run_params: dict[str, Any]) -> bool:
    """Return True if a training in dvc.lock had these parameters, as `groups.run_params` returns them."""
    options = dict(pairwise(shlex.split(train["cmd"])))
    line = {name: run_params.get(name) for name in RunParams.model_fields}
    recipe = train.get("params", {}).get(f"recipes/{line['recipe']}.yaml", {})
    return all(options.get(f"--{name}") == str(value) for name, value in line.items()) and run_params == line | recipe


def _hashes(stage: dict[str, Any], kind: str) -> dict[str, str]:
    return {each["path"]: each["md5"] for each in stage.get(kind, [])}
