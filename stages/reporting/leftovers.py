"""Files of runs that params.yaml does not have any more: a run was removed or renamed."""

from collections.abc import Iterable
from pathlib import Path

from stages.common import paths

KINDS = (
    paths.metrics("*"),
    paths.model("*"),
    paths.litert_model("*"),
    paths.model_card("*"),
    *(paths.table(kind, "*") for kind in ("history", "classes", "confusion")),
    paths.plot("history", "*").parent,
    paths.predictions_plot("*"),
    paths.predictions("*"),
    paths.timing("*"),
)


def find(runs: Iterable[str]) -> dict[str, list[Path]]:
    """Return the files and folders of outputs that belong to none of the runs, by the name of the run they had."""
    known = set(runs)
    found: dict[str, list[Path]] = {}
    for kind in KINDS:
        for path in sorted(Path().glob(kind.as_posix())):
            name = path.name.removesuffix(kind.suffix)
            if name not in known and not name.startswith("."):
                found.setdefault(name, []).append(path)
    return found
