"""Whether a result is of what the files say now: dvc.lock records what made it."""

import functools
from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages.common import differences, fingerprints, hashes, paths
from stages.common.errors import InputError
from stages.common.lock_file import PATH as LOCK_PATH
from stages.common.lock_file import LockFile, RunRecord, StageRecord
from stages.common.params import Run
from stages.common.yaml_files import parse_yaml, read_text
from stages.evaluation.published import Published
from stages.images import catalog
from stages.reporting import sources as data_sources


@dataclass(frozen=True)
class Origin:
    """What made the metrics of a run.

    Attributes:
        run: Dataset, recipe and seed, or None if dvc.lock does not record them.
        changes: What has changed since; without any, the metrics are up to date.
    """

    run: Run | None
    changes: list[str]


class Freshness:
    """Comparison of the records in dvc.lock with the files as they are now.

    Args:
        lock: Content of dvc.lock.
        sources: Source of each dataset in params.yaml.
        published: Content of published.yaml.
    """

    def __init__(self, lock: LockFile, sources: Mapping[str, Path], published: Published) -> None:
        self._lock = lock
        self._sources = sources
        self._published = published
        self._changed_sources = data_sources.find_changed(sources)

    def find_origin(self, run: Run, metrics: Mapping[str, Any]) -> Origin:
        """Return what made the metrics of a run.

        Args:
            run: Run of params.yaml.
            metrics: Content of metrics/<run>.json.
        """
        path = paths.metrics(run.name)
        evaluate = self._lock.find_stage(f"evaluate@{run.name}")
        if not evaluate or evaluate.outs.get(path.as_posix()) != _md5(path):
            return Origin(None, [f"{path} is not what {LOCK_PATH} records"])
        record = self._lock.find_run(run.name)
        record = record if record and record.evaluate else None
        made = record.run if record else evaluate.run(run.name)
        if not made:
            return Origin(None, [f"{LOCK_PATH} does not record its dataset, recipe and seed"])
        changes = list(self._changes(run, made, evaluate, record))
        if metrics.get("published") != self._published.find_accuracy(made.dataset, made.recipe):
            changes.append("published accuracy")
        return Origin(made, changes)

    def has_predictions(self, run: Run) -> bool:
        """Return False if the predictions of a run are of another model than its last."""
        predict, record = self._lock.find_stage(f"predict@{run.name}"), self._lock.find_run(run.name)
        model = paths.model(run.name).as_posix()
        return not predict or not record or predict.deps.get(model) == record.train.outs.get(model)

    def _changes(self, run: Run, made: Run, evaluate: StageRecord, record: RunRecord | None) -> Iterator[str]:
        for name, old, new in differences.find(asdict(made), asdict(run)):
            yield f"{name} {old} → {new}"
        if not record:
            yield "its model was trained again and not evaluated"
        elif made.recipe == run.recipe:
            yield from _recipe_changes(run.recipe_path, record)
        if made.dataset == run.dataset:
            arrays = {stage.deps.get(run.arrays.as_posix()) for stage in (evaluate, record and record.train) if stage}
            yield from self._data_changes(run, evaluate, arrays)
        for name, stage in (("train", record and record.train), ("evaluate", evaluate)):
            if stage and stage.code(name) != _code(name):
                yield f"code of {name}"

    def _data_changes(self, run: Run, evaluate: StageRecord, arrays: Set[str | None]) -> Iterator[str]:
        file = catalog.path_of(run.dataset)
        if evaluate.deps.get(file.as_posix()) != _md5(file):
            yield file.as_posix()
        preprocess = self._lock.find_stage(f"preprocess@{run.dataset}")
        if not preprocess:
            return
        if arrays != {preprocess.outs.get(run.arrays.as_posix())}:
            yield run.arrays.as_posix()
        if not preprocess.has_read(self._sources[run.dataset]):
            yield f"source of {run.dataset}"
        elif run.dataset in self._changed_sources:
            yield self._sources[run.dataset].as_posix()
        if preprocess.code("preprocess") != _code("preprocess"):
            yield "code of preprocess"


def _recipe_changes(path: Path, record: RunRecord) -> Iterator[str]:
    try:
        recipe = parse_yaml(read_text(path), path)
    except InputError:
        recipe = None
    if not isinstance(recipe, dict):
        yield f"{path} cannot be read"
        return
    for name, old, new in differences.find(record.recipe, recipe):
        yield f"{name} {differences.flow_style(old)} → {differences.flow_style(new)}"


def _md5(path: Path) -> str:
    """Return the MD5 of a file, as DVC records it; empty without the file."""
    return hashes.md5(path.read_bytes()) if path.is_file() else ""


@functools.cache
def _code(stage: str) -> str:
    """Return the MD5 of the fingerprints of a stage's code, as the stage `code` would write them now."""
    lines = (f"{path} {sha256}\n" for path, sha256 in fingerprints.fingerprint_stage(stage).items())
    return hashes.md5("".join(lines).encode())
