"""Whether the data of a dataset are still those that preprocess read."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc.repo import Repo


def find_changed(sources: Mapping[str, Path]) -> set[str]:
    """Return the datasets whose files have changed since preprocess ran.

    DVC hashes the files, and remembers the hashes of those that have not changed. A source that is not there, as in a
    fresh clone, is not a changed one.

    Args:
        sources: Source of each dataset.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo  # takes half a second

    try:
        repo = Repo()
        return {dataset for dataset, source in sources.items() if _has_changed(repo, dataset, source)}
    except (DvcException, OSError, sqlite3.Error):  # not a repository of DVC, or one that it cannot read
        return set()


def _has_changed(repo: "Repo", dataset: str, source: Path) -> bool:
    [stage] = repo.stage.collect(f"preprocess@{dataset}")
    found = [dependency for dependency in stage.deps if os.path.relpath(str(dependency)) == os.path.relpath(source)]
    return any("modified" in dependency.status().values() for dependency in found)
