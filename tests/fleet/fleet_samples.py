"""A small plant as plain data, and ways to change it."""

import copy
import re
from typing import Any

CURVE = [
    {"load_fraction": 0.25, "fuel_per_h": 2.3},
    {"load_fraction": 0.5, "fuel_per_h": 3.4},
    {"load_fraction": 0.75, "fuel_per_h": 4.9},
    {"load_fraction": 1.0, "fuel_per_h": 6.1},
]
GAS_CURVE = [
    {"load_fraction": 0.5, "fuel_per_h": 21.3},
    {"load_fraction": 1.0, "fuel_per_h": 34.9},
]
SQUARE = [[-98.0, 30.0], [-97.0, 30.0], [-97.0, 31.0], [-98.0, 31.0], [-98.0, 30.0]]
PLANT: dict[str, Any] = {
    "id": "plant",
    "areas": [
        {
            "id": "north",
            "border": {"coordinates": [SQUARE]},
            "connection": {"import_limit_kw": 500.0, "export_limit_kw": 200.0},
        }
    ],
    "sites": [
        {
            "id": "tower",
            "area": "north",
            "latitude": 30.5,
            "longitude": -97.5,
            "time_zone": "America/Chicago",
            "backup_load_kw": 6.0,
            "bridge_energy_kwh": 12.0,
            "autonomy_h": 24.0,
        },
        {
            "id": "pump",
            "area": "north",
            "latitude": 30.2,
            "longitude": -97.2,
            "backup_load_kw": 40.0,
            "transfer": {"kind": "paralleling", "export_limit_kw": 250.0},
        },
    ],
    "end_users": [
        {
            "id": "tower-load",
            "site": "tower",
            "load_class": "telecom",
            "peak_kw": 6.0,
            "behind_transfer": True,
        },
        {"id": "homes", "site": "pump", "load_class": "residential", "peak_kw": 300.0},
    ],
    "devices": [
        {
            "id": "tower-gen",
            "type": "emergency_generator",
            "site": "tower",
            "rated_kw": 20.0,
            "fuel_curve": CURVE,
            "tank": {"capacity": 200.0, "level": 190.0},
            "permit": {"permit_class": "epa_emergency", "hours_used_h": 10.0},
        },
        {
            "id": "pump-gen",
            "type": "engine",
            "site": "pump",
            "rated_kw": 100.0,
            "fuel_curve": GAS_CURVE,
        },
        {
            "id": "store",
            "type": "battery",
            "site": "pump",
            "rated_kw": 50.0,
            "energy_capacity_kwh": 100.0,
        },
        {"id": "wind", "type": "wind_turbine", "site": "pump", "rated_kw": 100.0},
    ],
}
GONE = object()


def steps(path: str) -> list[str | int]:
    """A path like devices[0].tank.level as keys and indices."""
    return [int(word) if word.isdigit() else word for word in re.findall(r"[^.\[\]]+", path)]


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The plant with values put at paths; GONE takes a key away."""
    data = copy.deepcopy(PLANT)
    for path, value in changes:
        *way, last = steps(path)
        here: Any = data
        for step in way:
            here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
        if value is GONE:
            del here[last]
        elif isinstance(here, list) and last == len(here):
            here.append(copy.deepcopy(value))
        else:
            here[last] = copy.deepcopy(value)
    return data
