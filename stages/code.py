"""Check params.yaml, and write the fingerprints of each stage's code.

The first stage of the graph, so a mistake in params.yaml ends `dvc repro` here. Reads params.yaml and stages/, writes
data/code/<stage>.txt: a line for each module that the stage imports, with the SHA-256 of its code. Each stage depends
on its file there, so a changed module reruns the stages that import it. A changed comment or docstring reruns none. In
dvc.yaml: `code`.

    python -m stages.code
"""

from pathlib import Path

from stages.common import console

STAGES = ("download", "preprocess", "train", "evaluate", "predict")

app = console.new_app()


@app.command()
@console.command
def main() -> None:
    """Check params.yaml, and write the fingerprints of each stage's code, so a change reruns who imports it."""
    from stages.common import atomic, fingerprints
    from stages.common.params import PATH, Params

    Params.load(PATH).check_files()

    by_stage = {stage: fingerprints.fingerprint_stage(stage) for stage in STAGES}  # all, before any file is written
    for stage, modules in by_stage.items():
        lines = (f"{path} {sha256}\n" for path, sha256 in modules.items())
        atomic.write_text(Path("data/code") / f"{stage}.txt", "".join(lines))


if __name__ == "__main__":
    app()
