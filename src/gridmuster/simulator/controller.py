"""What a controller at a site offers: points to read and orders to give.

Canonical names and units; `registers` maps them onto a maker's registers.

Generators: ``mode, state, breaker, power_kw, available_kw, frequency_hz, voltage_pu, speed_rpm,
oil_pressure_kpa, coolant_c, starter_battery_v, fuel_level, fuel_used, run_h, starts,
failed_starts, produced_kwh, alarm_bits``. Inverters: ``mode, state, power_kw, available_kw,
frequency_hz, voltage_pu, produced_kwh, absorbed_kwh, alarm_bits`` and, for stores,
``energy_kwh``. Panels: ``utility_ok, frequency_hz, voltage_pu, supply, poi_kw, backup_load_kw,
bridge_kwh, alarm_bits``. Meters: ``power_kw, energy_kwh``. Switchgear: ``coupling_closed,
coupling_open, utility_pu, utility_hz, bus_pu, bus_hz, synchroniser, permitted``, and for each of
its load steps ``step_<k>_closed, step_<k>_kw``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import Final, Protocol

from gridmuster.signals import DeviceState, Supply

STATE_INDEX: Final = {state: float(k) for k, state in enumerate(DeviceState)}
SUPPLY_INDEX: Final = {supply: float(k) for k, supply in enumerate(Supply)}


class Mode(IntEnum):
    """Position of the controller's own switch, as the point ``mode`` carries it."""

    OFF = 0
    MANUAL = 1
    AUTO = 2
    UNKNOWN = 3


class AlarmBit(IntFlag):
    """What the point ``alarm_bits`` is made of."""

    NONE = 0
    FAIL_TO_START = 1 << 0
    OVERSPEED = 1 << 1
    LOW_OIL_PRESSURE = 1 << 2
    HIGH_TEMPERATURE = 1 << 3
    LOW_FUEL = 1 << 4
    NOT_IN_AUTO = 1 << 5
    EMERGENCY_STOP = 1 << 6
    FAIL_TO_STOP = 1 << 7
    BREAKER_FAULT = 1 << 8
    REVERSE_POWER = 1 << 9


class ControllerModel(Protocol):
    """One controller: of a device, of a site's panel, or a meter.

    ``reachable`` is False while it does not answer. ``points`` may return the same mapping
    object again when nothing has changed; it must not be written to.
    """

    reachable: bool

    def points(self) -> Mapping[str, float]:
        """Canonical points by name; a point that is not available is absent."""
        ...

    def order(self, name: str, value: float) -> None:
        """Take an order at once; one that this controller does not know or allow is ignored."""
        ...
