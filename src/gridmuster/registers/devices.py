"""Which map a device uses, and the numbers of the device that the map needs."""

from __future__ import annotations

from typing import Final, Protocol

from gridmuster.registers.load import load_map, load_spec
from gridmuster.registers.register_map import RegisterMap

PANEL_MAP: Final = "site-panel"
METER_MAP: Final = "meter-sunspec"
SWITCHGEAR_MAP: Final = "switchgear"

_DEFAULTS: Final = {
    "emergency_generator": "deepsea-gencomm",
    "engine": "deepsea-gencomm",
    "battery": "sunspec-store",
    "smes": "sunspec-store",
    "flywheel": "sunspec-store",
    "photovoltaic": "sunspec-der",
    "wind_turbine": "sunspec-der",
    "microturbine": "sunspec-der",
    "fuel_cell": "sunspec-der",
}

#: Types whose set-point is a limit on what sun or wind give, never a demand.
_LIMITED: Final = frozenset({"photovoltaic", "wind_turbine"})


class Described(Protocol):
    """What of a fleet's device decides its map; any device of the fleet has it."""

    @property
    def type(self) -> str:
        """One of the nine device types."""
        ...

    @property
    def rated_kw(self) -> float:
        """Most it can send out, kW."""
        ...


def default_map(device: Described) -> str:
    """Name of the map of a device: its own, or that of its type.

    Args:
        device: a device of the fleet.
    """
    controller = getattr(device, "controller", None)
    if controller is not None:
        return str(controller.map)
    return _DEFAULTS[str(device.type)]


def map_for(device: Described) -> RegisterMap:
    """The register map of a device, bound to its numbers; cached.

    Args:
        device: a device of the fleet.

    Raises:
        FleetError: for an unknown map or a faulty map file.
    """
    name = default_map(device)
    numbers = {
        "rated_kw": device.rated_kw,
        "tank_capacity": getattr(getattr(device, "tank", None), "capacity", None),
        "energy_capacity_kwh": getattr(device, "energy_capacity_kwh", None),
        "charge_kw": getattr(device, "max_charge_kw", None),
        "limited": 1.0 if str(device.type) in _LIMITED else None,
    }
    return load_map(name, _wanted(name, numbers))


def panel_map() -> RegisterMap:
    """The register map of a site's transfer and interconnection panel."""
    return load_map(PANEL_MAP)


def switchgear_map() -> RegisterMap:
    """The register map of an area's switchgear."""
    return load_map(SWITCHGEAR_MAP)


def meter_map(peak_kw: float) -> RegisterMap:
    """The register map of an end-user's meter.

    Args:
        peak_kw: highest demand expected, kW; sets how finely power is coded.
    """
    return load_map(METER_MAP, {"peak_kw": peak_kw})


def _wanted(name: str, numbers: dict[str, float | None]) -> dict[str, float]:
    known = load_spec(name).parameters
    return {k: float(v) for k, v in numbers.items() if k in known and v is not None}
