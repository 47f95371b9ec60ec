"""The run or dataset that a command works on.

A person names it on the command line. DVC names a stage in the environment variable DVC_STAGE: train@mnist-mlp, for
example. So the commands in dvc.yaml hold no value of params.yaml, and none reaches the shell that DVC runs them in.
"""

from typing import Annotated

import typer


def _key(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    """Return the name, which stands behind the @ if it comes from DVC."""
    source = context.get_parameter_source(parameter.name or "")
    return value.rpartition("@")[2] if source and source.name == "ENVIRONMENT" else value


Run = Annotated[
    str, typer.Option("--run", envvar="DVC_STAGE", show_envvar=False, callback=_key, help="Run of params.yaml.")
]
Dataset = Annotated[
    str,
    typer.Argument(
        envvar="DVC_STAGE",
        show_envvar=False,
        callback=_key,
        help="Dataset: the name of a file in datasets/, without its suffix.",
    ),
]
