"""From canonical points to readings, and from setpoints to orders: one module per family.

All pure and a few microseconds each. `reading` and `orders` pick the family by the device's type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gridmuster.fleet.devices import (
    Battery,
    Device,
    EmergencyGenerator,
    Engine,
    Flywheel,
    FuelCell,
    Microturbine,
    Photovoltaic,
    Smes,
    WindTurbine,
)
from gridmuster.gateway.drivers import genset, inverter, meter, panel, store
from gridmuster.gateway.drivers.common import ALARM_WORDS, Orders, Points, alarm_words, silent
from gridmuster.signals import DeviceReading, Setpoint

__all__ = [
    "ALARM_WORDS",
    "Orders",
    "Points",
    "alarm_words",
    "genset",
    "inverter",
    "meter",
    "orders",
    "panel",
    "reading",
    "silent",
    "store",
]

_READ: Final[dict[type, Callable[[str, float, Points], DeviceReading]]] = {
    EmergencyGenerator: genset.reading,
    Engine: genset.reading,
    Microturbine: genset.reading,
    FuelCell: genset.reading,
    Photovoltaic: inverter.reading,
    WindTurbine: inverter.reading,
    Battery: store.reading,
    Smes: store.reading,
    Flywheel: store.reading,
}
_ORDER: Final[dict[type, Callable[[Setpoint, DeviceReading], Orders]]] = {
    EmergencyGenerator: genset.orders,
    Engine: genset.orders,
    Microturbine: genset.orders,
    FuelCell: genset.orders,
    Photovoltaic: inverter.orders,
    WindTurbine: inverter.orders,
    Battery: store.orders,
    Smes: store.orders,
    Flywheel: store.orders,
}


def reading(
    device: Device, points: Points | None, last: DeviceReading | None = None
) -> DeviceReading:
    """Operating data of a device.

    Args:
        device: the device.
        points: canonical points from its controller; None when it did not answer.
        last: its last reading, kept (with quality bad) while it does not answer.

    Returns:
        The reading.
    """
    if points is None:
        return silent(device.id, last)
    return _READ[type(device)](device.id, device.rated_kw, points)


def orders(device: Device, setpoint: Setpoint, now: DeviceReading) -> Orders:
    """The orders that a setpoint means for a device as it is now.

    Args:
        device: the device.
        setpoint: the wish.
        now: the device's last reading.

    Returns:
        (order, value) pairs to give in this sequence; empty when nothing is to be done or the
        device cannot be called.
    """
    return _ORDER[type(device)](setpoint, now)
