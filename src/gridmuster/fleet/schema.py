"""JSON Schema of the fleet file, tables included, made from the same classes that check it."""

from __future__ import annotations

from typing import Any, Final

from gridmuster.fleet.book import KIND_WORDS, KINDS
from gridmuster.fleet.model import Fleet

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TABLE_NAME: Final = r"\.([cC][sS][vV]|[pP][aA][rR][qQ][uU][eE][tT])$"
#: A block that stands for the rows of a table.
TABLE: Final[dict[str, Any]] = {
    "title": "Table",
    "description": "rows of a CSV or Parquet table; its path counts from the fleet file's folder",
    "type": "object",
    "properties": {"table": {"type": "string", "pattern": TABLE_NAME}},
    "required": ["table"],
    "additionalProperties": False,
}


def fleet_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a fleet file.

    Returns:
        The schema: what a YAML or JSON fleet file may say, before the checks that look at more
        than one field.
    """
    schema = Fleet.model_json_schema()
    schema["$defs"]["Table"] = TABLE
    reference = {"$ref": "#/$defs/Table"}
    for kind in KINDS:
        rows = schema["properties"][kind]
        item = rows.pop("items")
        rows.pop("type")
        few = {"minItems": rows.pop("minItems")} if "minItems" in rows else {}
        several = {"type": "array", "items": {"anyOf": [item, reference]}, **few}
        rows["anyOf"] = [several, reference]
        rows["description"] = f"one block for each {KIND_WORDS[kind]}, or tables of them"
    return {"$schema": DIALECT, **schema, "title": "Gridmuster fleet"}
