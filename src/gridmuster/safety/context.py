"""What a check is told, and what it may answer."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from gridmuster.fleet.devices import (
    Device,
    EmergencyGenerator,
    Engine,
    Generator,
    Photovoltaic,
    Store,
    WindTurbine,
)
from gridmuster.fleet.hours import HourUse
from gridmuster.fleet.model import Site
from gridmuster.fleet.permits import HourLimit
from gridmuster.safety import permits
from gridmuster.safety.fuel import fuel_floor
from gridmuster.signals import DeviceReading, DeviceState, Purpose, Supply
from gridmuster.units import SECONDS_PER_HOUR

#: Age of the POI's telemetry at which a site must not send out power, s (invariant 2).
UTILITY_LIMIT_S: Final = 10.0
#: Age of a device's telemetry from which it is not started or raised, s (invariant 9).
READING_LIMIT_S: Final = 60.0


class Allowed(Struct, frozen=True):
    """The setpoint may go out as it is."""


class Reduced(Struct, frozen=True):
    """The setpoint may go out with less power: same sign, smaller magnitude, or zero."""

    power_kw: float
    invariant: int
    reason: str


class Refused(Struct, frozen=True):
    """The setpoint must not go out."""

    invariant: int
    reason: str


Verdict = Allowed | Reduced | Refused
ALLOWED: Final = Allowed()


class Envelope(Struct, frozen=True):
    """What never changes about a device at its site, worked out once (see `envelope`).

    Powers in kW, fuel in l or m3, energies in kWh; caps None where there is none. ``parallels``
    is False for an engine behind a transfer switch; whatever has an inverter always parallels.
    ``permit_windows`` are limits of hours beside the calendar year's, ``permit_days`` the days for
    which their rolling windows need each day's hours.
    """

    device: Device
    site: Site
    generator: bool
    store: bool
    renewable: bool
    rated_kw: float
    charge_kw: float
    min_load_kw: float
    export_limit_kw: float
    parallels: bool
    has_tank: bool
    fuel_floor: float
    min_up_h: float
    min_down_s: float
    max_starts: int
    permit_class: str
    purposes: tuple[Purpose, ...]
    permit_stop_h: float | None
    alert_stop_h: float | None
    permit_windows: tuple[HourLimit, ...]
    permit_days: int
    min_energy_kwh: float
    floor_energy_kwh: float
    max_energy_kwh: float
    charge_efficiency: float
    discharge_efficiency: float


class Context(Struct, frozen=True):
    """What is known at the moment of a check.

    Ages are seconds; infinite means never heard. ``export_without_kw`` is what the site would
    send out if this device gave nothing: its own load (negative) and its other devices at the
    larger of measured and ordered power; None when unknown. ``utility_limit_s`` is 10 s at the
    site; a center that hears by exception may use its staleness limit, because a change would
    have been reported at once. ``permit_used_h`` are hours of this calendar year outside
    outages, ``alert_used_h`` those of them in emergency alerts; None when unknown.
    ``window_uses`` is what is used of the envelope's ``permit_windows``.
    ``state_age_s`` is how long the device has been on or off. ``horizon_s`` is how long the
    setpoint may hold before somebody looks at the store's energy again.
    """

    envelope: Envelope
    reading: DeviceReading | None
    reading_age_s: float = math.inf
    supply: Supply = Supply.UNKNOWN
    utility_ok: bool = False
    utility_age_s: float = math.inf
    export_without_kw: float | None = None
    backup_load_kw: float | None = None
    local_duty: bool = False
    permit_used_h: float | None = None
    alert_used_h: float = 0.0
    alert_asserted: bool = False
    starts_24h: int = 0
    state_age_s: float = math.inf
    stop_latched: bool = False
    maintenance: bool = False
    locked_out: bool = False
    horizon_s: float = 4.0
    reading_limit_s: float = READING_LIMIT_S
    utility_limit_s: float = UTILITY_LIMIT_S
    window_uses: tuple[HourUse, ...] = ()


def envelope(site: Site, device: Device) -> Envelope:
    """The fixed limits of a device at its site.

    Args:
        site: where it stands.
        device: the device.
    """
    generator = device if isinstance(device, Generator) else None
    store = device if isinstance(device, Store) else None
    permit = generator.permit if generator else None
    min_load_kw = generator.min_load_fraction * generator.rated_kw if generator else 0.0
    return Envelope(
        device=device,
        site=site,
        generator=generator is not None,
        store=store is not None,
        renewable=isinstance(device, Photovoltaic | WindTurbine),
        rated_kw=device.rated_kw,
        charge_kw=store.max_charge_kw if store else 0.0,
        min_load_kw=min_load_kw,
        export_limit_kw=site.transfer.export_limit_kw,
        parallels=not isinstance(device, EmergencyGenerator | Engine)
        or site.transfer.engine_may_export,
        has_tank=generator is not None and generator.tank is not None,
        fuel_floor=fuel_floor(site, generator) if generator else 0.0,
        min_up_h=generator.min_up_s / SECONDS_PER_HOUR if generator else 0.0,
        min_down_s=generator.min_down_s if generator else 0.0,
        max_starts=generator.max_starts_per_day if generator else 0,
        permit_class=permits.name_of(permit) if permit else "",
        purposes=tuple(permits.rule_of(permit).purposes) if permit else (),
        permit_stop_h=permits.stop_h(permit) if permit else None,
        alert_stop_h=permits.alert_stop_h(permit) if permit else None,
        permit_windows=permits.windows(permit) if permit else (),
        permit_days=permits.longest_days(permit) if permit else 0,
        min_energy_kwh=store.min_energy_kwh if store else 0.0,
        floor_energy_kwh=store.min_energy_fraction * store.energy_capacity_kwh if store else 0.0,
        max_energy_kwh=store.max_energy_kwh if store else 0.0,
        charge_efficiency=store.charge_efficiency if store else 1.0,
        discharge_efficiency=store.discharge_efficiency if store else 1.0,
    )


_STARTING: Final = DeviceState.STARTING
_WARMING: Final = DeviceState.WARMING
_RUNNING: Final = DeviceState.RUNNING


def is_on(reading: DeviceReading | None) -> bool:
    """Whether a device was last seen on: starting, warming or running."""
    if reading is None:
        return False
    state = reading.state
    return state is _RUNNING or state is _STARTING or state is _WARMING
