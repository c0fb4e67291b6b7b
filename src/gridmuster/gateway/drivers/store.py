"""Stores: put in service, and told to give (power > 0) or take (power < 0)."""

from __future__ import annotations

from gridmuster.gateway.drivers.common import (
    CALLABLE,
    MODES,
    STATES,
    Orders,
    Points,
    alarm_words,
    counter,
    quality_of,
)
from gridmuster.gateway.drivers.genset import orders as _orders
from gridmuster.signals import DeviceReading, DeviceState, Setpoint, SwitchMode


def reading(device_id: str, rated_kw: float, points: Points) -> DeviceReading:
    """Operating data from canonical points, with the state of energy.

    Args:
        device_id: the device.
        rated_kw: its rating, kW; available when the store can be called and does not say.
        points: what its controller said.
    """
    get = points.get
    state = STATES.get(get("state", 7.0), DeviceState.UNKNOWN)
    position = get("mode")
    if position is None:
        mode = SwitchMode.AUTO if state in CALLABLE else SwitchMode.UNKNOWN
    else:
        mode = MODES.get(position, SwitchMode.UNKNOWN)
    available_kw = get("available_kw")
    if available_kw is None:
        available_kw = rated_kw if state in CALLABLE else 0.0
    return DeviceReading(
        device=device_id,
        state=state,
        power_kw=get("power_kw", 0.0),
        available_kw=available_kw,
        mode=mode,
        quality=quality_of(points),
        produced_kwh=counter(points, "produced_kwh") or 0.0,
        absorbed_kwh=counter(points, "absorbed_kwh") or 0.0,
        energy_kwh=counter(points, "energy_kwh"),
        alarms=alarm_words(get("alarm_bits", 0.0)),
    )


def orders(setpoint: Setpoint, now: DeviceReading) -> Orders:
    """What to order so that the store becomes what the setpoint wishes.

    Args:
        setpoint: the wish.
        now: the store's last reading.
    """
    return _orders(setpoint, now)
