"""Keeps the tables in docs/register-maps.md true to the map files and their schema.

Run this file to rewrite them: python tests/registers/maps_doc.py
"""

import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from gridmuster.registers import load_map, schema
from gridmuster.registers.compiled import Point
from gridmuster.registers.load import load_spec
from gridmuster.registers.schema import FieldSpec, PointSpec

PAGE = Path(__file__).resolve().parents[2] / "docs" / "register-maps.md"
BLOCK = re.compile(r"(<!-- (points|orders|fields): ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
FENCE = re.compile(r"<!-- example: ([\w.-]+) -->\n```yaml\n(.*?)```", re.DOTALL)


def place(point: Point, spec: PointSpec) -> str:
    """Where a point lies, as people look it up."""
    where = str(point.address) if spec.at is None else f"{spec.at} ({point.address})"
    return f"{where} mask 0x{spec.mask:04X}" if spec.mask else where


def points_table(name: str) -> str:
    """The points of a map that a gateway reads, and whether a public source says so."""
    rows = ["| point | where | type | unit | who says so |", "|---|---|---|---|---|"]
    spec = load_spec(name)
    for point, said in zip(load_map(name).points, spec.points, strict=True):
        if not point.poll:
            continue
        label = point.name if point.bit is None else f"{point.name} bit {point.bit}"
        note = f": {said.note}" if said.note else ""
        who = f"{said.source or spec.source}{note}" if point.verified else f"**not verified**{note}"
        kind = (said.type or point.type).value
        rows.append(f"| `{label}` | {place(point, said)} | {kind} | {point.unit} | {who} |")
    return "\n".join(rows) + "\n"


def spell(field: FieldSpec) -> str:
    """What a field of a write holds."""
    value = field.value if isinstance(field.value, str) else f"{field.value:g}"
    return f"{field.at} = {value}" if field.at else value


def orders_table(name: str) -> str:
    """What a driver writes for each order."""
    rows = ["| order | writes | who says so |", "|---|---|---|"]
    spec = load_spec(name)
    for order, recipes in spec.commands.items():
        for recipe in recipes:
            if recipe.driver in (0, 0.0, "0"):
                continue
            writes = []
            for write in recipe.writes:
                fields = ", ".join(map(spell, write.fields))
                head = "" if write.address is None else f"{write.address}: "
                writes.append(f"`{head}{fields}`")
            when = f" when `{recipe.driver}`" if isinstance(recipe.driver, str) else ""
            needs = "".join(f" only if {k} is {v:g}" for k, v in recipe.only_if.items())
            note = f": {recipe.note}" if recipe.note else ""
            who = recipe.source or spec.source
            says = f"{who}{note}" if recipe.verified else f"**not verified**{note}"
            rows.append(f"| `{order}`{when}{needs} | {', then '.join(writes)} | {says} |")
    return "\n".join(rows) + "\n"


def fields_table(name: str) -> str:
    """The fields of one part of a map file."""
    rows = ["| field | meaning | if absent |", "|---|---|---|"]
    for field, info in getattr(schema, name).model_fields.items():
        default = info.default
        absent = "must be there" if default is PydanticUndefined else f"`{default}`"
        rows.append(f"| `{field}` | {info.description or ''} | {absent} |")
    return "\n".join(rows) + "\n"


TABLES = {"points": points_table, "orders": orders_table, "fields": fields_table}


def rewrite(text: str) -> str:
    """The page with its tables as the files have them."""
    return BLOCK.sub(lambda m: m[1] + TABLES[m[2]](m[3]) + m[4], text)


def examples(text: str) -> dict[str, str]:
    """Map files printed on the page, by name."""
    return dict(FENCE.findall(text))


if __name__ == "__main__":
    PAGE.write_text(rewrite(PAGE.read_text("utf-8")), "utf-8")
