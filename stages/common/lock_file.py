"""dvc.lock: what DVC recorded of each stage when it last ran."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stages.common.errors import InputError
from stages.common.params import PATH as PARAMS
from stages.common.params import Run, RunParams
from stages.common.yaml_files import parse_yaml, refuse_conflict

PATH = Path("dvc.lock")
RESTORE = "restore it with git checkout dvc.lock, or run dvc repro"
RESOLVE = "take one side, such as git checkout --ours dvc.lock, then run dvc repro"


@dataclass(frozen=True)
class StageRecord:
    """What a stage read and wrote when it last ran.

    Attributes:
        params: Values of the parameters that it read, by file and then by key.
        deps: MD5 of the files and folders that it read, by path.
        outs: MD5 of the files and folders that it wrote, by path.
    """

    params: Mapping[str, Mapping[str, Any]]
    deps: Mapping[str, str]
    outs: Mapping[str, str]

    def code(self, stage: str) -> str:
        """Return the MD5 of the fingerprints of the stage's code; empty if it is not recorded.

        Args:
            stage: Name of a command, such as train.
        """
        return self.deps.get(f"data/code/{stage}.txt", "")

    def has_read(self, path: Path) -> bool:
        """Return True if the stage read this path; DVC may write it in another way, relative for absolute."""
        return os.path.relpath(path) in map(os.path.relpath, self.deps)

    def run(self, name: str) -> Run | None:
        """Return the run that the stage read from params.yaml, or None if it is not recorded."""
        try:
            line = RunParams.model_validate(self.params.get(PARAMS.as_posix(), {}).get(f"runs.{name}"))
        except ValidationError:  # an earlier version recorded the command alone
            return None
        return Run(name, line.dataset, line.recipe, line.seed)


@dataclass(frozen=True)
class RunRecord:
    """What made the model of a run, and what scored it.

    Attributes:
        run: Dataset, recipe and seed of the last training.
        recipe: Values of the recipe then.
        train: Last training.
        evaluate: Last evaluation, or None if it did not score the model of this training.
    """

    run: Run
    recipe: Mapping[str, Any]
    train: StageRecord
    evaluate: StageRecord | None

    @property
    def arrays(self) -> str:
        """MD5 of the arrays that the model was trained on; empty if it is not recorded."""
        return self.train.deps.get(self.run.arrays.as_posix(), "")

    @property
    def code(self) -> dict[str, str]:
        """MD5 of the fingerprints of each stage's code, by the name of the stage: train, and evaluate if it ran."""
        stages = {"train": self.train} | ({"evaluate": self.evaluate} if self.evaluate else {})
        return {name: stage.code(name) for name, stage in stages.items() if stage.code(name)}


class LockFile:
    """Text of a dvc.lock, of which only the stages that are asked for are parsed.

    Args:
        text: Content of the file; empty if nothing has run yet.

    Raises:
        InputError: The text has the markers of a merge conflict.
    """

    def __init__(self, text: str) -> None:
        refuse_conflict(text, PATH, RESOLVE)
        self._text = text
        self._stages: dict[str, StageRecord | None] = {}  # those that were parsed

    @classmethod
    def load(cls) -> "LockFile | None":
        """Return the dvc.lock of the working folder, or None if nothing has run yet.

        Raises:
            InputError: The file is not UTF-8, or has the markers of a merge conflict.
        """
        try:
            return cls(PATH.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise InputError(PATH, "UTF-8 text", f"byte {error.object[error.start]:#x}", RESTORE) from error

    def find_stage(self, name: str) -> StageRecord | None:
        """Return the record of a stage, such as `train@mnist-mlp`, or None if it has not run yet.

        Raises:
            InputError: The stage does not have the form in which DVC writes it.
        """
        if name not in self._stages:
            self._stages[name] = self._parse(name)
        return self._stages[name]

    def _parse(self, name: str) -> StageRecord | None:
        lines = re.search(rf"^  {re.escape(name)}:\n(?:    .*\n?)*", self._text, re.MULTILINE)
        if not lines:
            return None
        try:
            values: Any = parse_yaml(lines[0], PATH)
        except InputError:  # again, for the number of the line: to read what is above takes most of the time
            values = parse_yaml("\n" * self._text.count("\n", 0, lines.start()) + lines[0], PATH)
        try:
            stage = values[name]
            params = {file: dict(each) for file, each in stage.get("params", {}).items()}
            return StageRecord(params, _hashes(stage.get("deps", [])), _hashes(stage.get("outs", [])))
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise InputError(f"{PATH}: {name}", "a stage as DVC writes it", "something else", RESTORE) from error

    def find_run(self, name: str) -> RunRecord | None:
        """Return what made the model of a run, or None if it is not recorded.

        Raises:
            InputError: A stage of the run does not have the form in which DVC writes it.
        """
        train, evaluate = self.find_stage(f"train@{name}"), self.find_stage(f"evaluate@{name}")
        run = train.run(name) if train else None
        if not train or not run:
            return None
        has_scored = evaluate is not None and train.outs.items() <= evaluate.deps.items()
        recipe = train.params.get(run.recipe_path.as_posix(), {})
        return RunRecord(run, recipe, train, evaluate if has_scored else None)


def _hashes(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Return the hash of each dep or out, by its path."""
    return {entry["path"]: str(entry[entry.get("hash", "md5")]) for entry in entries}
