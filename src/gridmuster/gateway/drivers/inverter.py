"""Sun and wind: put in service, and limited while they run."""

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
    """Operating data from canonical points.

    Without ``available_kw`` an inverter that runs is taken to have what it gives and no more; one
    without a switch position is in auto when it is in a state it can be called from.

    Args:
        device_id: the device.
        rated_kw: its rating, kW.
        points: what its controller said.
    """
    get = points.get
    state = STATES.get(get("state", 7.0), DeviceState.UNKNOWN)
    position = get("mode")
    if position is None:
        mode = SwitchMode.AUTO if state in CALLABLE else SwitchMode.UNKNOWN
    else:
        mode = MODES.get(position, SwitchMode.UNKNOWN)
    power_kw = get("power_kw", 0.0)
    available_kw = get("available_kw")
    if available_kw is None:
        available_kw = min(max(power_kw, 0.0), rated_kw) if state in CALLABLE else 0.0
    return DeviceReading(
        device=device_id,
        state=state,
        power_kw=power_kw,
        available_kw=available_kw,
        mode=mode,
        quality=quality_of(points),
        produced_kwh=counter(points, "produced_kwh") or 0.0,
        absorbed_kwh=counter(points, "absorbed_kwh") or 0.0,
        alarms=alarm_words(get("alarm_bits", 0.0)),
    )


def orders(setpoint: Setpoint, now: DeviceReading) -> Orders:
    """What to order so that the device becomes what the setpoint wishes.

    Args:
        setpoint: the wish; its power is a limit (the map writes it as one).
        now: the device's last reading.
    """
    return _orders(setpoint, now)
