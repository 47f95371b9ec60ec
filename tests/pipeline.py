"""The real pipeline in a folder of its own, with tiny data: dvc.yaml, the stages and DVC's settings as they are."""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from tests import tiny

ROOT = Path(__file__).parent.parent
COPIED = ("dvc.yaml", ".dvc/config", ".dvc/.gitignore", ".dvc/plots/*", ".dvcignore", ".gitignore", "*/.gitignore")


def write(folder: Path, source: Path, params: str, recipes: dict[str, str]) -> Path:
    """Write the pipeline to `folder`, with one dataset `tiny` that `environment(source)` lets it download."""
    for pattern in (*COPIED, "stages/**/*.py"):
        for original in ROOT.glob(pattern):
            copy = folder / original.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, copy)
    tiny.write_source(source)
    with_checksums = re.sub(r"name: ([\w-]+)", lambda name: f"{name[0]}, sha256: {_sha256(source / name[1])}", tiny.DATASET)
    texts = {"params.yaml": params, "datasets/tiny.yaml": with_checksums}
    for path, text in (texts | {f"recipes/{name}.yaml": text for name, text in recipes.items()}).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return folder


def environment(source: Path) -> dict[str, str]:
    """Return the variables of a process that finds this Python, downloads from `source`, and leaves nothing behind."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    settings = {f"DVC_{kind}_DIR": str(source / kind) for kind in ("SITE_CACHE", "GLOBAL_CONFIG", "SYSTEM_CONFIG")}
    identity = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**os.environ, **settings, **identity, "PATH": path, "DATASETS_FROM": str(source)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
