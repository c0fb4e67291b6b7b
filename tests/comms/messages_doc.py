"""Keeps the tables in docs/messages.md true to signals.py.

Run this file to rewrite them: python tests/comms/messages_doc.py
"""

import inspect
import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec import inspect as types

from gridmuster import signals, switching

PAGE = Path(__file__).resolve().parents[2] / "docs" / "messages.md"
BLOCK = re.compile(r"(<!-- (fields|values): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
EXAMPLE = re.compile(r"<!-- example: (\w+) -->\n```json\n(.*?)```", re.DOTALL)


SPOKEN = {**vars(switching), **vars(signals)}


def limits(kind: Any) -> str:
    """The limits of a number or text, in words."""
    found = []
    if getattr(kind, "ge", None) is not None:
        found.append(f">= {kind.ge:g}" if abs(kind.ge) < 1e6 else f">= {kind.ge}")
    if getattr(kind, "gt", None) is not None:
        found.append(f"> {kind.gt:g}")
    if getattr(kind, "le", None) is not None:
        found.append(f"<= {kind.le:g}" if abs(kind.le) < 1e6 else f"<= {kind.le}")
    return f" {' and '.join(found)}" if found else ""


def spell(kind: Any) -> str:
    """A type in the words of the page."""
    match kind:
        case types.StrType():
            return "id" if kind.pattern else "text"
        case types.IntType():
            return f"integer{limits(kind)}"
        case types.FloatType():
            return f"number{limits(kind)}"
        case types.BoolType():
            return "true or false"
        case types.EnumType():
            return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
        case types.StructType():
            return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
        case types.VarTupleType():
            return f"list of {spell(kind.item_type)}"
        case types.TupleType():
            return f"list of {len(kind.item_types)}: {', '.join(map(spell, kind.item_types))}"
        case types.DictType():
            return f"map of {spell(kind.key_type)} to {spell(kind.value_type)}"
        case types.UnionType():
            parts = [spell(t) for t in kind.types if not isinstance(t, types.NoneType)]
            return " or ".join(parts) + " or null"
    raise TypeError(kind)


def default(field: types.Field) -> str:
    """What an absent field means."""
    if field.required:
        return "must be there"
    value = field.default
    if value == () or field.default_factory is dict:
        return "none"
    if value is None:
        return "not known"
    return f"`{msgspec.json.encode(value).decode()}`"


def fields(name: str) -> str:
    """The table of a message's fields, below what the code says of it."""
    cls: type[Struct] = SPOKEN[name]
    info = types.type_info(cls)
    assert isinstance(info, types.StructType)
    rows = [
        f"{inspect.getdoc(cls)}\n".replace("``", "`"),
        "| field | is | absent |",
        "|---|---|---|",
    ]
    if info.tag is not None:
        rows.append(f'| `{info.tag_field}` | `"{info.tag}"` | must be there |')
    rows += [f"| `{f.encode_name}` | {spell(f.type)} | {default(f)} |" for f in info.fields]
    return "\n".join(rows) + "\n"


def values(name: str) -> str:
    """The values of an enumeration, below what the code says of it."""
    cls: type[StrEnum] = SPOKEN[name]
    said = f"{inspect.getdoc(cls)}\n".replace("``", "`")
    return f"{said}\n{', '.join(f'`{member.value}`' for member in cls)}\n"


def rewrite(page: str) -> str:
    """The page with every table as the code has it now."""
    makers = {"fields": fields, "values": values}
    return BLOCK.sub(lambda m: f"{m[1]}{makers[m[2]](m[3])}{m[4]}", page)


def blocks(page: str) -> set[str]:
    """The names that have a table on the page."""
    return {match[3] for match in BLOCK.finditer(page)}


def examples(page: str) -> dict[str, bytes]:
    """The examples on the page, by the name of their message."""
    return {match[1]: match[2].encode() for match in EXAMPLE.finditer(page)}


if __name__ == "__main__":
    PAGE.write_text(rewrite(PAGE.read_text("utf-8")), "utf-8")
