"""JSON Schemas of the YAML files, from the models that validate them, for editors."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from stages.common.yaml_files import Config

LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def json_schema(model: type[Config]) -> JsonSchemaValue:
    """Return the JSON Schema of a model; its docstrings are the descriptions."""
    schema: JsonSchemaValue = _tidied(model.model_json_schema(schema_generator=_Generator))
    return schema


class _Generator(GenerateJsonSchema):
    """Pydantic's schemas without titles of keys, and with names as the only keys of a mapping of names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles, which only repeat the key's name."""
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Return the schema of a mapping."""
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made


def _tidied(schema: Any) -> Any:
    """Join the lines of descriptions, and rename limits of numbers to the keywords of JSON Schema."""
    if isinstance(schema, list):
        return [_tidied(each) for each in schema]
    if isinstance(schema, dict):
        return {_keyword(key, each): _tidied_value(key, each) for key, each in schema.items()}
    return schema


def _keyword(key: str, value: Any) -> str:
    return LIMITS.get(key, key) if isinstance(value, int | float) else key


def _tidied_value(key: str, value: Any) -> Any:
    return " ".join(value.split()) if key == "description" and isinstance(value, str) else _tidied(value)
