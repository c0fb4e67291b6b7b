"""The reference of all fields, as Markdown tables made from the classes that check a fleet file.

``docs/fleet-file.md`` holds this text; a test keeps the two equal. To renew it:

    python -m gridmuster.fleet.reference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gridmuster.fleet import programs
from gridmuster.fleet.book import DEVICE_CLASSES
from gridmuster.fleet.causes import CommonCause
from gridmuster.fleet.clockhours import EnergyWish, RunLimit
from gridmuster.fleet.devices import (
    Controller,
    DeviceBase,
    Exercise,
    FuelPoint,
    Generator,
    Permit,
    Reliability,
    Store,
    Tank,
)
from gridmuster.fleet.microgrid import LoadStep, Microgrid
from gridmuster.fleet.model import (
    Area,
    Border,
    Connection,
    EndUser,
    Feeder,
    Fleet,
    FuelPrices,
    LineString,
    MultiLineString,
    Site,
    Transfer,
)
from gridmuster.fleet.operation import (
    Delivery,
    Emission,
    Operation,
    StartClass,
    StartPoint,
    Works,
)
from gridmuster.fleet.permits import HourLimit, PermitRules
from gridmuster.fleet.place import shown
from gridmuster.fleet.ties import EmissionCap, Link
from gridmuster.fleet.words import bare_type, choices_of, expected_of

HEADER: Final = "| field | what it takes | default | meaning |\n|---|---|---|---|"
#: Title, class, and the class whose fields are told already.
SECTIONS: Final[tuple[tuple[str, type[BaseModel], type[BaseModel] | None], ...]] = (
    ("The fleet", Fleet, None),
    ("`fuel_prices`", FuelPrices, None),
    ("Each of `links`", Link, None),
    ("Each of `emission_caps`", EmissionCap, None),
    ("Each of `areas`", Area, None),
    ("`border`", Border, None),
    ("`connection`", Connection, None),
    ("Each of `feeders`", Feeder, None),
    ("`programs`", programs.Programs, None),
    ("Each program, whatever its kind", programs.Program, None),
    ("Each of `grid_alert`", programs.GridAlert, programs.Program),
    ("Each of `frequency`", programs.Frequency, programs.Program),
    ("Each of `reserve`", programs.Reserve, programs.Program),
    ("Each of `webhook`", programs.Webhook, programs.Program),
    ("Each of `openadr`", programs.OpenAdr, programs.Program),
    ("Each of `peak`", programs.Peak, programs.Program),
    ("Each of `coincident_peak`", programs.CoincidentPeak, programs.Program),
    ("Each of `price`", programs.PriceRun, programs.Program),
    ("Each of `classes` of a price program", programs.PriceClass, None),
    ("Each of `exercise` of `programs`", programs.Exercising, programs.Program),
    ("Each of `curfews`", programs.Curfew, None),
    ("`conditions` of a program", programs.Conditions, None),
    ("`microgrid` of an area", Microgrid, None),
    ("Each of `steps` of a microgrid", LoadStep, None),
    ("`line` of one piece", LineString, None),
    ("`line` of several pieces", MultiLineString, None),
    ("Each of `sites`", Site, None),
    ("`transfer`", Transfer, None),
    ("Each of `end_users`", EndUser, None),
    ("Each of `devices`, whatever its type", DeviceBase, None),
    ("`controller`", Controller, None),
    ("`reliability`", Reliability, None),
    ("Every generator (engines, turbines, fuel cells)", Generator, DeviceBase),
    ("`tank`", Tank, None),
    ("Each point of `fuel_curve`", FuelPoint, None),
    ("`permit`", Permit, None),
    ("Each of `permit_rules`", PermitRules, None),
    ("Each of `common_causes`", CommonCause, None),
    ("Each of `limits`", HourLimit, None),
    ("`exercise`", Exercise, None),
    ("`operation`", Operation, None),
    ("Each of `start_classes`", StartClass, None),
    ("Each point of `start_curve`", StartPoint, None),
    ("Each of `deliveries`", Delivery, None),
    ("Each of `maintenance`", Works, None),
    ("Each of `run_limits`", RunLimit, None),
    ("Each of `emissions`", Emission, None),
    ("Every store (batteries, SMES, flywheels)", Store, DeviceBase),
    ("Each of `energy_wishes`", EnergyWish, None),
)


def field_tables() -> str:
    """Markdown tables of every field of the fleet file, under headings of the third level."""
    parts = [_section(*section) for section in SECTIONS]
    for name, model in DEVICE_CLASSES.items():
        told = next(base for base in (Generator, Store, DeviceBase) if issubclass(model, base))
        parts.append(_section(f"Type `{name}`", model, told))
    return "\n\n".join(parts) + "\n"


def _section(title: str, model: type[BaseModel], told: type[BaseModel] | None) -> str:
    known = told.model_fields if told is not None else {}
    rows = [
        _row(name, info, known.get(name))
        for name, info in model.model_fields.items()
        if _is_news(name, info, known)
    ]
    if not rows:
        return f"### {title}\n\nNo fields or defaults of its own."
    return f"### {title}\n\n{HEADER}\n" + "\n".join(rows)


def _is_news(name: str, info: FieldInfo, known: Mapping[str, FieldInfo]) -> bool:
    """Whether a field, or its default, is not told yet."""
    return name not in known or bool(info.default != known[name].default)


def _row(name: str, info: FieldInfo, known: FieldInfo | None) -> str:
    wanted, _, meaning = expected_of(info).partition(": ")
    choices = choices_of(info.annotation)
    if choices:
        wanted = ", ".join(f"`{choice}`" for choice in choices)
    elif isinstance(bare_type(info.annotation), type) and issubclass(
        bare_type(info.annotation), BaseModel
    ):
        wanted = "a block"
    elif wanted.startswith("a list of blocks"):
        wanted = "a list of blocks"
    meaning = info.description or (known.description if known is not None else "") or meaning
    return f"| `{name}` | {wanted} | {_default(info.default)} | {meaning} |"


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", exclude_defaults=True)
        return ", ".join(f"{key} {item}" for key, item in given.items()) or "its defaults"
    return f"`{shown(value).strip(chr(39))}`"


if __name__ == "__main__":
    print(field_tables(), end="")
