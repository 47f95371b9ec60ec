"""Write down what code each stage runs.

Reads stages/, writes data/code/<stage>.txt: a line for each module that the stage imports, with the SHA-256 of what can
change a result. In dvc.yaml: `code`. Each stage depends on its file there, so a changed module reruns the stages that
import it, and a changed comment or docstring reruns none.

    python -m stages.code
"""

from pathlib import Path

from stages import console

STAGES = ("download", "preprocess", "train", "evaluate", "predict")

app = console.new_app()


@app.command()
@console.command
def main() -> None:
    """Write down what code each stage runs, so that a changed module reruns the stages that import it."""
    from stages import atomic, sources

    found = {stage: sources.fingerprints(stage) for stage in STAGES}  # all, before any file is written
    for stage, modules in found.items():
        with atomic.new_file(Path("data/code") / f"{stage}.txt") as partial:
            partial.write_text("".join(f"{path} {sha256}\n" for path, sha256 in modules.items()), encoding="utf-8")


if __name__ == "__main__":
    app()
