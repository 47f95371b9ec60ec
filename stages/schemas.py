"""Write the JSON Schemas by which an editor completes params.yaml, published.yaml, recipes/ and datasets/.

No stage of the graph: it reads the models that validate those files, and writes schemas/. A test fails when it is due.

    python -m stages.schemas
"""

import json
from pathlib import Path
from typing import Any

from stages.common import console

app = console.new_app()


@app.command()
@console.command
def main() -> None:
    """Write schemas/{params,published,recipe,dataset}.schema.json."""
    from stages.common import atomic
    from stages.common.environment import fix_environment
    from stages.common.errors import InputError

    if not Path("schemas").is_dir():
        raise InputError("schemas", "a folder of this name", "none", "run the command in the project's folder")
    fix_environment()
    with console.progress("importing Keras, for the names of its layers", total=None), console.quiet():
        schemas = make()
    for name, schema in schemas.items():
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        atomic.write_text(Path("schemas") / f"{name}.schema.json", f"{text}\n")


def make() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas by kind of file; those of recipes list Keras's layers and optimizers."""
    from stages.common.json_schemas import json_schema
    from stages.common.params import Params
    from stages.evaluation.published import Published
    from stages.images.catalog import Dataset
    from stages.model import build
    from stages.model.recipe import Recipe

    recipe = json_schema(Recipe)
    optimizers = build.optimizer_classes()  # by name in lower case; a recipe may write it as Keras does, too
    optimizers |= {optimizer.__name__: optimizer for optimizer in optimizers.values()}
    _add_classes(recipe["$defs"], "Layer", "layer", build.layer_classes())
    _add_classes(recipe["$defs"], "Optimizer", "name", optimizers)
    return {
        "params": json_schema(Params),
        "published": json_schema(Published),
        "recipe": recipe,
        "dataset": json_schema(Dataset),
    }


def _add_classes(definitions: dict[str, Any], name: str, key: str, classes: dict[str, type]) -> None:
    """Add the names of Keras's classes to the schema of a layer or an optimizer, and the arguments of each.

    Args:
        definitions: Schemas by name. An argument that is the same in several classes becomes one of them.
        name: Name of the schema.
        key: Key that names the class.
        classes: Classes, by each of their names.
    """
    from stages.common.json_schemas import json_schema
    from stages.model import arguments

    schema = definitions[name]
    own = dict.fromkeys(schema["properties"], True)
    schema["properties"][key]["enum"] = sorted(classes)
    schema["allOf"] = []
    for kind in sorted(set(classes.values()), key=lambda kind: kind.__name__):
        of_kind = json_schema(arguments.model_of(kind))
        for argument, of_argument in of_kind["properties"].items():
            if definitions.setdefault(argument, of_argument) == of_argument:
                of_kind["properties"][argument] = {"$ref": f"#/$defs/{argument}"}
        names = sorted(each for each in classes if classes[each] is kind)
        condition = {"properties": {key: {"enum": names}}, "required": [key]}
        fitting = {**of_kind, "properties": own | of_kind["properties"]}
        schema["allOf"].append({"if": condition, "then": fitting})


if __name__ == "__main__":
    app()
