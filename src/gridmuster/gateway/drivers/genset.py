"""Engines, microturbines and fuel cells: started, stopped, and set while they run."""

from __future__ import annotations

from gridmuster.gateway.drivers.common import (
    CALLABLE,
    MODES,
    STATES,
    UNDER_WAY,
    Orders,
    Points,
    alarm_words,
    count,
    counter,
    quality_of,
)
from gridmuster.signals import DeviceReading, DeviceState, Order, Setpoint, SwitchMode


def reading(device_id: str, rated_kw: float, points: Points) -> DeviceReading:
    """Operating data from canonical points.

    Args:
        device_id: the device.
        rated_kw: its rating, kW; taken as available when a controller that is ready in auto
            does not say.
        points: what its controller said.
    """
    get = points.get
    state = STATES.get(get("state", 7.0), DeviceState.UNKNOWN)
    mode = MODES.get(get("mode", 3.0), SwitchMode.UNKNOWN)
    available_kw = get("available_kw")
    if available_kw is None:
        ready = state in CALLABLE and mode is SwitchMode.AUTO
        available_kw = rated_kw if ready else 0.0
    return DeviceReading(
        device=device_id,
        state=state,
        power_kw=get("power_kw", 0.0),
        available_kw=available_kw,
        mode=mode,
        quality=quality_of(points),
        produced_kwh=counter(points, "produced_kwh") or 0.0,
        absorbed_kwh=counter(points, "absorbed_kwh") or 0.0,
        fuel_level=counter(points, "fuel_level"),
        fuel_used=counter(points, "fuel_used"),
        run_h=counter(points, "run_h"),
        starts=count(points, "starts"),
        failed_starts=count(points, "failed_starts"),
        alarms=alarm_words(get("alarm_bits", 0.0)),
    )


def orders(setpoint: Setpoint, now: DeviceReading) -> Orders:
    """What to order so that the device becomes what the setpoint wishes.

    A set that is not in auto, in fault, locked out or unknown is not started (invariants 6, 7);
    stops and emergency stops are always passed on.

    Args:
        setpoint: the wish.
        now: the device's last reading.
    """
    wish = setpoint.order
    if wish is Order.RUN:
        if now.mode is not SwitchMode.AUTO or now.state not in CALLABLE:
            return []
        power = ("set_power_kw", setpoint.power_kw)
        return [power] if now.state in UNDER_WAY else [("start", 1.0), power]
    if wish is Order.STOP:
        resting = now.state is DeviceState.IDLE or now.state is DeviceState.COOLING
        return [] if resting else [("stop", 1.0)]
    if wish is Order.EMERGENCY_STOP:
        return [("emergency_stop", 1.0)]
    if now.mode in (SwitchMode.OFF, SwitchMode.MANUAL) and now.state is not DeviceState.LOCKED:
        # Someone at the site turned the switch: only they turn it back (invariant 7).
        return []
    return [("reset", 1.0)]
