"""A device's characteristics: their schema with units and limits, and a proposed edit of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from gridmuster.console.differences import unit_of
from gridmuster.errors import Fault
from gridmuster.fleet.book import DEVICE_CLASSES
from gridmuster.fleet.check import check_fleet
from gridmuster.fleet.devices import Device
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.place import Place, Source, did_you_mean, listed, shown
from gridmuster.fleet.words import faults_of

#: What makes a device this device; another one is added by a fleet file.
FIXED: Final = ("id", "type")


def device_schema(kind: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of a device type, with the unit of each field in ``x-unit``.

    Args:
        kind: one of the nine types.

    Raises:
        KeyError: for no type.
    """
    schema = DEVICE_CLASSES[kind].model_json_schema()
    _add_units(schema)
    for name, part in schema.get("$defs", {}).items():
        _add_units(part, name.lower())
    for name in FIXED:
        schema["properties"][name]["readOnly"] = True
    return schema


def _add_units(schema: dict[str, Any], owner: str = "") -> None:
    for name, entry in schema.get("properties", {}).items():
        unit = unit_of(f"{owner}.{name}")
        if unit:
            entry["x-unit"] = unit


def edited(
    fleet: Fleet, device: Device, changes: Mapping[str, Any]
) -> tuple[Fleet | None, list[Fault], list[Fault]]:
    """A fleet with one device's characteristics changed.

    Args:
        fleet: the fleet in force.
        device: one of its devices.
        changes: new values by path, like ``rated_kw`` or ``permit.hours_cap_h``; None for what may
            be left open.

    Returns:
        The fleet, or None with everything that is wrong; and what is odd.
    """
    place = Place(Source(device.id))
    row = device.model_dump(mode="json")
    faults = []
    for path, value in changes.items():
        if path in FIXED:
            limit = "makes it this device and cannot be edited"
            faults.append(place.fault(path, value=shown(value), limit=limit, expected="no change"))
        elif not _put(row, path.split("."), value):
            limit = f"there is no such field{did_you_mean(path, row)}"
            expected = f"one of {listed(row)}"
            faults.append(place.fault(path, value=shown(value), limit=limit, expected=expected))
    model = DEVICE_CLASSES[device.type.value]
    try:
        made = model.model_validate(row)
    except ValidationError as error:
        faults += faults_of(error, model, place)
    if faults:
        return None, faults, []
    parts = {name: getattr(fleet, name) for name in type(fleet).model_fields}
    parts["devices"] = tuple(made if one.id == device.id else one for one in fleet.devices)
    whole = type(fleet).model_construct(**parts)
    findings = check_fleet(whole, device.id)
    if findings.faults:
        return None, list(findings.faults), []
    standing = set(check_fleet(fleet, device.id).warnings)
    return whole, [], [odd for odd in findings.warnings if odd not in standing]


def _put(row: dict[str, Any], path: list[str], value: Any) -> bool:
    """Set a value inside a block, making blocks on the way; whether its first name is known."""
    if path[0] not in row:
        return False
    block = row
    for name in path[:-1]:
        inner = block.get(name)
        if not isinstance(inner, dict):
            inner = block[name] = {}
        block = inner
    block[path[-1]] = value
    return True
