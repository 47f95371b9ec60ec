"""Write the JSON Schemas by which an editor completes params.yaml, published.yaml, recipes/ and datasets/.

No stage of the graph: it reads the models that check those files, and writes schemas/. A test says when it is due.

    python -m stages.schemas
"""

import json
from pathlib import Path

from stages import console

app = console.new_app()


@app.command()
@console.command
def main() -> None:
    """Write schemas/{params,published,recipe,dataset}.schema.json as the models in stages/ are now."""
    from stages import atomic

    with console.progress("importing Keras, which knows its layers", total=None):
        from stages import json_schemas

        made = json_schemas.make()
    for name, schema in made.items():
        with atomic.new_file(Path("schemas") / f"{name}.schema.json") as partial:
            partial.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
