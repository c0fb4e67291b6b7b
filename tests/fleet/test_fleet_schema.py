"""The JSON Schema takes what the loader takes and refuses what it refuses, field by field."""

import json
import math
import re
from typing import Any

import pytest
from fleet_samples import GONE, changed
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.fleet.generate import generate
from gridmuster.fleet.save import plain
from gridmuster.fleet.schema import fleet_schema

SCHEMA = fleet_schema()
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
KNOWN = {
    *("$defs", "$schema", "title", "description", "default", "discriminator", "$ref", "type"),
    *("properties", "required", "additionalProperties", "items", "prefixItems", "minItems"),
    *("maxItems", "enum", "const", "anyOf", "oneOf", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "pattern"),
}


def valid(value: Any, schema: dict[str, Any]) -> bool:
    """A small validator of the keywords that the schema uses; any other keyword is an error."""
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema and not valid(value, SCHEMA["$defs"][schema["$ref"].split("/")[-1]]):
        return False
    if "type" in schema:
        right = isinstance(value, TYPES[schema["type"]])
        if not right or (isinstance(value, bool) and schema["type"] != "boolean"):
            return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "anyOf" in schema and not any(valid(value, option) for option in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(valid(value, option) for option in schema["oneOf"]) != 1:
        return False
    if isinstance(value, str):
        return "pattern" not in schema or re.search(schema["pattern"], value) is not None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (
            math.isfinite(value)
            and value >= schema.get("minimum", -math.inf)
            and value <= schema.get("maximum", math.inf)
            and value > schema.get("exclusiveMinimum", -math.inf)
            and value < schema.get("exclusiveMaximum", math.inf)
        )
    if isinstance(value, dict):
        return valid_block(value, schema)
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", 10**9):
            return False
        rest = schema.get("items", {})
        return all(
            valid(item, first[k] if k < len(first) else rest) for k, item in enumerate(value)
        )
    return True


def valid_block(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    known = schema.get("properties", {})
    if any(name not in value for name in schema.get("required", [])):
        return False
    if schema.get("additionalProperties") is False and any(name not in known for name in value):
        return False
    return all(valid(item, known.get(name, {})) for name, item in value.items())


@settings(max_examples=20)
@given(sites=st.integers(1, 30), seed=st.integers(0, 1000))
def test_generated_fleets_are_valid(sites: int, seed: int) -> None:
    data = json.loads(json.dumps(plain(generate(sites, seed))))
    assert valid(data, SCHEMA)
    assert valid({**data, "devices": {"table": "devices.csv"}}, SCHEMA)
    assert valid({**data, "sites": [*data["sites"], {"table": "more.PARQUET"}]}, SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("devices[0].rated_kw", 12_000.0),
        ("devices[0].rated_kw", 0),
        ("devices[0].rated_kw", True),
        ("devices[0].rated_kw", GONE),
        ("devices[0].typ", "battery"),
        ("devices[0].type", "nuclear"),
        ("devices[3].fuel", "diesel"),
        ("devices[0].fuel_curve", []),
        ("devices", {"table": "devices.xlsx"}),
        ("devices", {"table": "devices.csv", "sheet": 1}),
        ("areas", []),
        ("sites[0].latitude", 91),
        ("id", "a/b"),
        ("schema_version", 2),
        ("end_users[0].load_class", "farm"),
        ("areas[0].border.coordinates[0][0]", [1.0, 2.0, 3.0]),
    ],
)
def test_what_the_loader_refuses_the_schema_refuses(path: str, value: Any, inspect: Any) -> None:
    data = changed((path, value))
    assert inspect(data).faults
    assert not valid(data, SCHEMA)


def test_every_field_says_what_it_is() -> None:
    for name, block in {"fleet": SCHEMA, **SCHEMA["$defs"]}.items():
        for field, schema in block.get("properties", {}).items():
            if name == "Table":
                continue
            assert schema.get("description"), f"{name}.{field} has no description"
