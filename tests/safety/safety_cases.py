"""A site, its devices and contexts in which everything is allowed, to be changed one by one."""

from typing import Any

import msgspec

from gridmuster.fleet.devices import (
    Battery,
    Device,
    EmergencyGenerator,
    FuelPoint,
    Permit,
    Photovoltaic,
    Tank,
)
from gridmuster.fleet.hours import HourUse
from gridmuster.fleet.model import Site, Transfer
from gridmuster.safety import Context, Refused, Verdict, envelope
from gridmuster.signals import DeviceReading, DeviceState, Order, Purpose, Setpoint, Supply

CURVE = (
    FuelPoint(load_fraction=0.25, fuel_per_h=6.5),
    FuelPoint(load_fraction=0.50, fuel_per_h=9.9),
    FuelPoint(load_fraction=0.75, fuel_per_h=13.3),
    FuelPoint(load_fraction=1.00, fuel_per_h=16.7),
)


def site(kind: str = "paralleling", export_kw: float = 100.0, **fields: Any) -> Site:
    given: dict[str, Any] = {
        "id": "s",
        "area": "a",
        "latitude": 30.0,
        "longitude": -97.0,
        "backup_load_kw": 5.0,
        "autonomy_h": 24.0,
        "transfer": Transfer(kind=kind, export_limit_kw=export_kw),
    }
    return Site(**{**given, **fields})


def engine(permit_class: str = "epa_non_emergency", **fields: Any) -> EmergencyGenerator:
    given: dict[str, Any] = {
        "id": "g",
        "site": "s",
        "type": "emergency_generator",
        "rated_kw": 50.0,
        "fuel_curve": CURVE,
        "tank": Tank(capacity=1000.0, level=900.0),
        "permit": Permit(permit_class=permit_class),
    }
    return EmergencyGenerator(**{**given, **fields})


def battery(**fields: Any) -> Battery:
    given: dict[str, Any] = {
        "id": "b",
        "site": "s",
        "type": "battery",
        "rated_kw": 30.0,
        "energy_capacity_kwh": 60.0,
        "backup_energy_kwh": 20.0,
    }
    return Battery(**{**given, **fields})


def panels() -> Photovoltaic:
    return Photovoltaic(id="p", site="s", type="photovoltaic", rated_kw=40.0)


def reading(
    device: Device, state: DeviceState = DeviceState.RUNNING, **fields: Any
) -> DeviceReading:
    given: dict[str, Any] = {"device": device.id, "state": state, "available_kw": device.rated_kw}
    if isinstance(device, EmergencyGenerator):
        given["fuel_level"] = 900.0
    if isinstance(device, Battery):
        given["energy_kwh"] = 40.0
    return DeviceReading(**{**given, **fields})


def context(device: Device, at: Site | None = None, **fields: Any) -> Context:
    """Everything fresh, healthy and idle; fields override."""
    state = fields.pop("state", DeviceState.IDLE)
    given: dict[str, Any] = {
        "envelope": envelope(at or site(), device),
        "reading": reading(device, state),
        "reading_age_s": 0.0,
        "supply": Supply.UTILITY,
        "utility_ok": True,
        "utility_age_s": 0.0,
        "export_without_kw": -5.0,
        "backup_load_kw": 5.0,
        "permit_used_h": 0.0,
    }
    made = Context(**{**given, **fields})
    if made.window_uses:
        return made
    unused = tuple(HourUse(limit, 0.0, 0.0) for limit in made.envelope.permit_windows)
    return msgspec.structs.replace(made, window_uses=unused)


def run(device: str, power_kw: float, purpose: Purpose = Purpose.DEMAND) -> Setpoint:
    return Setpoint(device, Order.RUN, power_kw, purpose)


def refused_by(verdict: Verdict) -> int | None:
    return verdict.invariant if isinstance(verdict, Refused) else None


def changed(base: Context, **fields: Any) -> Context:
    return msgspec.structs.replace(base, **fields)
