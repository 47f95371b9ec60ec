"""The JSON Schemas of params.yaml, published.yaml, a recipe and a dataset's file, as the models that check them are."""

import inspect
import re
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from stages.evaluation.published import Published
from stages.images.catalog import Dataset
from stages.plan import Plan
from stages.settings import Schema
from stages.training import network
from stages.training.recipe import Recipe

LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def make() -> dict[str, JsonSchemaValue]:
    """Return the schemas of the files, by kind; imports Keras for the names it knows."""
    models: dict[str, type[Schema]] = {"params": Plan, "published": Published, "recipe": Recipe, "dataset": Dataset}
    made = {name: model.model_json_schema(schema_generator=_Explained) for name, model in models.items()}
    parts = made["recipe"]["$defs"]
    optimizers = network.optimizer_classes()  # by name in small letters; a recipe may write it as Keras does, too
    parts["Layer"]["properties"]["layer"]["enum"] = sorted(network.layer_classes())
    parts["Optimizer"]["properties"]["name"]["enum"] = sorted(
        {*optimizers, *(kind.__name__ for kind in optimizers.values())}
    )
    return {name: _with_limits(schema) for name, schema in made.items()}


class _Explained(GenerateJsonSchema):
    """Pydantic's schemas, with the models' docstrings as descriptions of the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles, which only say the key's name again."""
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Return the schema of a mapping; a key that is no name does not fit."""
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of one model."""
        made = super().model_schema(schema)
        made["description"] = _one_line(inspect.getdoc(schema["cls"]) or "").partition(" Attributes: ")[0]
        for parent in reversed(schema["cls"].__mro__):
            attributes = (inspect.getdoc(parent) or "").partition("\n\nAttributes:\n")[2]
            for key, text in ATTRIBUTE.findall(attributes):
                if key in made["properties"]:
                    made["properties"][key]["description"] = _one_line(text)
        return made


def _with_limits(schema: Any) -> Any:
    """Give the limits of a number that may be a fraction their names in JSON Schema; pydantic leaves its own."""
    if isinstance(schema, list):
        return [_with_limits(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        LIMITS.get(key, key) if isinstance(part, int | float) else key: _with_limits(part)
        for key, part in schema.items()
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())
