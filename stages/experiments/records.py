"""Parameters, results and origin of a run in the current commit and in its experiments.

`dvc exp show` lists the parameters and metrics that git has in each. The metrics are those of an older model if
evaluate did not run after train. dvc.lock shows this: it has what made the model, and what scored it.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stages.common import differences, hashes, paths
from stages.common.errors import InputError, first_line
from stages.common.lock_file import PATH as LOCK_PATH
from stages.common.lock_file import LockFile, RunRecord, StageRecord
from stages.common.params import PATH as PARAMS
from stages.common.params import Run, RunParams
from stages.model import history

HELD_OUT = "held_out"  # accuracy on held-out images, by which to choose
TEST = "accuracy"  # accuracy on the test images
ABBREVIATED = 7  # characters of a hash

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Experiment:
    """A run in one revision: the current commit, or an experiment.

    Attributes:
        name: Name of the experiment or branch; without any, the first digits of the revision.
        seed: Seed of the run.
        params: The other parameters of the run: its line in params.yaml, and its recipe.
        metrics: Its results; empty if it failed or has not run yet.
        inputs: Hashes of the data and of the code that made the results, by what they are; empty without results.
    """

    name: str
    seed: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    inputs: Mapping[str, str]


class UnreadableError(Exception):
    """Revision whose run cannot be compared; the message says why."""


def read(listing: list[dict[str, Any]], run_name: str) -> tuple[Experiment, list[Experiment]]:
    """Return the run in the current commit and in its experiments; a line is logged for each that cannot be read.

    Results are the values of metrics/<run>.json, if they are of the model that the revision's parameters make. If the
    recipe holds images out or has a validation folder, `held_out` is the accuracy of the saved weights on these, 0…1.

    Args:
        listing: Output of `dvc exp show --json`, parsed.
        run_name: Run of params.yaml.

    Raises:
        InputError: There is no commit, or the last one cannot be read or does not have the run.
    """
    if len(listing) < 2:  # the first entry is the workspace
        raise InputError("git", "a commit, since experiments start from one", "none", "commit the project first")
    commit = listing[1]
    reader = _Reader(run_name)
    try:
        base = reader.read(commit, commit["name"], has_ended=True)
    except UnreadableError as error:
        next_step = "mend and commit it first"
        raise InputError("the last commit", f"the run {run_name}", str(error), next_step) from error
    experiments, failed = [], []
    for entry in commit.get("experiments") or []:
        last, name, state = entry["revs"][-1], entry["name"], (entry.get("executor") or {}).get("state") or "success"
        failed += [_name(last, name)] if state == "failed" else []
        try:
            experiments.append(reader.read(last, name, has_ended=state == "success"))
        except UnreadableError as error:
            logger.warning("%s is left out: %s", _name(last, name), str(error))
    if failed:
        logger.warning("failed, see dvc queue logs: %s", ", ".join(failed))
    return base, experiments


class _Reader:
    """Reader of one run in several revisions.

    Args:
        run_name: Run of params.yaml.
    """

    def __init__(self, run_name: str) -> None:
        from dvc.repo import Repo  # takes half a second

        self._run_name = run_name
        self._repo = Repo()

    def read(self, revision: dict[str, Any], name: str | None, has_ended: bool) -> Experiment:
        """Return the run in a revision, as `dvc exp show` lists it.

        Raises:
            UnreadableError: The revision's files do not have the run, or have mistakes.
        """
        data = revision.get("data")
        if not data:
            raise UnreadableError(_reason(revision))
        run, name = _run(data, self._run_name), _name(revision, name)
        recipe = _content(data, "params", run.recipe_path)
        if not recipe:
            raise UnreadableError(f"its {run.recipe_path} has no values")
        params = {"dataset": run.dataset, "recipe": run.recipe, **recipe}
        metrics: dict[str, float] = {}
        try:
            record = self._find_record(revision["rev"]) if has_ended else None
            # otherwise its results are of other parameters
            if record and record.run == run and record.recipe == recipe:
                metrics |= self._test_metrics(record.evaluate, revision, name) if record.evaluate else {}
                metrics |= self._held_out(record)
        except InputError as error:
            raise UnreadableError(error) from error
        return Experiment(name, run.seed, params, metrics, _inputs(record) if record and metrics else {})

    def _find_record(self, revision: str) -> RunRecord | None:
        """Return what made the run's model, as dvc.lock of the revision tells."""
        try:
            return LockFile(self._read(revision, LOCK_PATH).decode()).find_run(self._run_name)
        except FileNotFoundError:  # nothing has run yet
            return None
        except UnicodeDecodeError:
            raise UnreadableError(f"its {LOCK_PATH} is not UTF-8") from None

    def _read(self, revision: str, path: Path) -> bytes:
        """Return the content of a file of the project in a revision."""
        scm = self._repo.scm
        in_git = path.resolve().relative_to(Path(scm.root_dir).resolve())  # the project may be a sub-folder
        content: bytes = scm.get_fs(revision).read_bytes(in_git.as_posix())
        return content

    def _test_metrics(self, evaluate: StageRecord, revision: dict[str, Any], name: str) -> dict[str, float]:
        """Return the metrics that an evaluation wrote; without a test accuracy, nothing, and a line is logged."""
        path = paths.metrics(self._run_name)
        try:
            metrics = _numbers(_content(revision["data"], "metrics", path))
            recorded = evaluate.outs.get(path.as_posix())
            if recorded and recorded != hashes.md5(self._read(revision["rev"], path)):
                raise UnreadableError(f"its {path} is not what its {LOCK_PATH} records")
            if not 0 <= metrics.get(TEST, math.nan) <= 1:
                raise UnreadableError(f"its {path} has none between 0 and 1")
        except UnreadableError as error:
            logger.warning("%s has no test accuracy: %s", name, str(error))
            return {}
        return metrics

    def _held_out(self, record: RunRecord) -> dict[str, float]:
        """Return the accuracy on held-out images, if there are any and if the history is in DVC's cache."""
        training = _mapping(record.recipe.get("training"))
        history_hash = record.train.outs.get(paths.table("history", self._run_name).as_posix())
        if training.get("validation") in (None, "none", "test") or not history_hash:
            return {}
        cached = Path(self._repo.cache.local.oid_to_path(history_hash))
        if not cached.exists():  # it may never have been pulled, or have been removed since
            return {}
        return {HELD_OUT: _held_out_accuracy(history.read(cached), training.get("keep"))}


def _name(revision: dict[str, Any], name: str | None) -> str:
    return name or str(revision["rev"])[:ABBREVIATED]


def _run(data: dict[str, Any], run_name: str) -> Run:
    """Return the run as a revision's params.yaml has it."""
    line = _mapping(_content(data, "params", PARAMS).get("runs")).get(run_name)
    if line is None:
        raise UnreadableError(f"its {PARAMS} has no run {run_name}")
    try:
        values = RunParams.model_validate(line)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["runs", run_name, *(str(part) for part in first["loc"] if part in RunParams.model_fields)])
        received = first.get("ctx", {}).get("received", first["input"])
        value = repr(received) if isinstance(received, str) else differences.flow_style(received)
        fault = "lacks" if first["type"] == "missing" else f"has {value} as"
        raise UnreadableError(f"its {PARAMS} {fault} {key}") from None
    return Run(run_name, values.dataset, values.recipe, values.seed)


def _content(data: dict[str, Any], kind: str, path: Path) -> dict[str, Any]:
    """Return the content of a file of a revision; `kind` is params or metrics."""
    file = _mapping(data.get(kind)).get(path.as_posix()) or {}
    if "data" not in file:
        raise UnreadableError(f"its {path}: {_reason(file)}")
    return _mapping(file["data"])


def _reason(entry: dict[str, Any]) -> str:
    """Return the first line of the error that DVC gives for a revision or a file."""
    error = entry.get("error")
    message = error.get("msg") if isinstance(error, dict) else error
    return first_line(ValueError(message)) if message else "missing"


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _numbers(metrics: dict[str, Any]) -> dict[str, float]:
    """Return the metrics that are numbers; an earlier version may have had others."""
    return {
        name: each for name, each in metrics.items() if isinstance(each, int | float) and not isinstance(each, bool)
    }


def _inputs(record: RunRecord) -> dict[str, str]:
    arrays = {record.run.arrays.as_posix(): record.arrays} if record.arrays else {}
    return arrays | {f"code of {stage}": md5 for stage, md5 in record.code.items()}


def _held_out_accuracy(epochs: list[history.Epoch], keep: str | None) -> float:
    accuracies = [epoch.val_accuracy or 0.0 for epoch in epochs]
    return max(accuracies) if keep == "best" else accuracies[-1]
