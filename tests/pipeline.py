"""The real pipeline in a folder of its own, with tiny data: dvc.yaml, the stages and DVC's settings as they are."""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from tests import tiny

ROOT = Path(__file__).parent.parent
AS_THEY_ARE = (
    "dvc.yaml", "stages/**/*.py", ".dvc/config", ".dvc/plots/*", ".dvc/.gitignore", ".dvcignore", ".gitignore",
    "*/.gitignore",
)  # fmt: skip


def write(folder: Path, source: Path, params: str, recipes: dict[str, str]) -> Path:
    """Write the pipeline to `folder`; its dataset `tiny` is downloaded from `source`, if the environment says so."""
    for original in (path for pattern in AS_THEY_ARE for path in ROOT.glob(pattern)):
        copy = folder / original.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
    tiny.write_source(source)
    texts = {"params.yaml": params, "datasets/tiny.yaml": _with_checksums(tiny.DATASET, source)}
    texts |= {f"recipes/{name}.yaml": text for name, text in recipes.items()}
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return folder


def environment(source: Path) -> dict[str, str]:
    """Return the variables of a process that runs this Python, downloads from `source`, and keeps to itself."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
    folders = {f"DVC_{which}_DIR": str(source / "dvc" / which) for which in ("SITE_CACHE", "GLOBAL_CONFIG")}
    people = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return inherited | folders | people | {"GIT_CONFIG_GLOBAL": os.devnull, "PATH": path, "DATASETS_FROM": str(source)}


def _with_checksums(dataset: str, source: Path) -> str:
    def add(name: re.Match[str]) -> str:
        return f"{name[0]}, sha256: {hashlib.sha256((source / name[1]).read_bytes()).hexdigest()}"

    return re.sub(r"name: ([\w-]+)", add, dataset)
