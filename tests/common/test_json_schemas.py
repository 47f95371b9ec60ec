"""JSON Schemas of models; those of the project's own files are in tests/test_schemas.py."""

from collections.abc import Mapping
from typing import Annotated

from jsonschema import Draft202012Validator
from pydantic import Field

from stages.common.json_schemas import json_schema
from stages.common.yaml_files import Config, Name


class Inner(Config):
    """Inner part,
    in two lines.
    """

    rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Rate, 0…1."""


class Outer(Config):
    """Outer part."""

    inner: Inner
    """Inner part of it,
    explained in two lines."""
    named: Mapping[Name, int] = {}
    """Numbers by name."""


SCHEMA = json_schema(Outer)


def test_docstrings_are_descriptions_of_one_line():
    assert SCHEMA["description"] == "Outer part."
    assert SCHEMA["$defs"]["Inner"]["description"] == "Inner part, in two lines."
    assert SCHEMA["properties"]["inner"]["description"] == "Inner part of it, explained in two lines."
    assert SCHEMA["$defs"]["Inner"]["properties"]["rate"]["description"] == "Rate, 0…1."


def test_keys_have_no_titles():
    assert [key for key, value in SCHEMA["properties"].items() if "title" in value] == []


def test_limits_have_the_keywords_of_json_schema():
    rate = SCHEMA["$defs"]["Inner"]["properties"]["rate"]
    assert (rate["exclusiveMinimum"], rate["maximum"]) == (0, 1)
    assert not {"ge", "gt", "le", "lt"} & rate.keys()


def test_what_a_model_refuses_the_schema_refuses():
    validator = Draft202012Validator(SCHEMA)
    assert validator.is_valid({"inner": {"rate": 1}, "named": {"a-b": 1}})
    for values in ({}, {"inner": {"rate": 0}}, {"inner": {"rat": 1}}, {"inner": {}, "named": {"a/b": 1}}):
        assert not validator.is_valid(values), values
