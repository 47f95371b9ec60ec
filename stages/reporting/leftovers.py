"""Files of runs that params.yaml does not have any more: a run was removed or renamed."""

from collections.abc import Iterable
from pathlib import Path

from stages.common import paths

EVIDENCE = (paths.metrics("*"), paths.model("*"), paths.litert_model("*"))  # that a name was a run's
KINDS = (
    *EVIDENCE,
    paths.model_card("*"),
    *(paths.table(kind, "*") for kind in ("history", "classes", "confusion")),
    paths.plot("history", "*").parent,
    paths.predictions_plot("*"),
    paths.predictions("*"),
    paths.timing("*"),
)


def find(runs: Iterable[str]) -> dict[str, list[Path]]:
    """Return the files and folders of outputs that belong to none of the runs, by the name of the run they had.

    Files without metrics or a model of the same name, such as models/README.md, are a person's own.
    """
    removed = {name for kind in EVIDENCE for name, _ in _outputs(kind) if not name.startswith(".")} - set(runs)
    found: dict[str, list[Path]] = {}
    for name, path in (output for kind in KINDS for output in _outputs(kind)):
        if name in removed:
            found.setdefault(name, []).append(path)
    return found


def _outputs(kind: Path) -> list[tuple[str, Path]]:
    """Return the outputs of one kind, each with the name of its run."""
    return [(path.name.removesuffix(kind.suffix), path) for path in sorted(Path().glob(kind.as_posix()))]
