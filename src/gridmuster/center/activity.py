"""Activations as people see them."""

from __future__ import annotations

from gridmuster.center.activationmemory import ActivationMemory, Called, Running
from gridmuster.center.view import ActivationSet, ActivationView
from gridmuster.signals import DeviceReading, DeviceState
from gridmuster.state.snapshot import Snapshot

#: Part of the target from which an activation counts as running, not starting.
REACHED_FRACTION = 0.98


def activation_views(memory: ActivationMemory, snapshot: Snapshot | None) -> list[ActivationView]:
    """Activations under way, then those over, the latest first.

    Args:
        memory: what the desk remembers.
        snapshot: the last picture; None before the first cycle.
    """
    if snapshot is None:
        return []
    live = [_view(one, snapshot, over=False) for one in reversed(memory.running.values())]
    return live + [_view(one, snapshot, over=True) for one in reversed(memory.past)]


def _view(one: Running, snapshot: Snapshot, *, over: bool) -> ActivationView:
    wish = one.wish
    return ActivationView(
        id=one.id,
        actor=one.actor,
        reason=one.reason,
        scope=one.scope,
        target=one.target,
        purpose=wish.purpose.value,
        asked_ms=one.asked_ms,
        from_ms=wish.from_ms,
        until_ms=wish.until_ms,
        phase=_phase(one, snapshot.now_ms, over),
        target_kw=wish.power_kw,
        probability=wish.probability,
        firm_kw=one.firm_kw,
        missing_kw=one.missing_kw,
        delivered_kw=one.delivered_kw,
        delivered_kwh=one.delivered_kwh,
        in_line=list(one.in_line),
        sets=[_set(called, snapshot) for called in one.sets],
        cancelled_by=one.cancelled_by,
        program=one.program,
    )


def _set(called: Called, snapshot: Snapshot) -> ActivationSet:
    reading = snapshot.readings.get(called.device)
    if reading is None:
        reading = DeviceReading(called.device, DeviceState.UNKNOWN)
    return ActivationSet(
        device=called.device,
        site=called.site,
        kw=called.kw,
        power_kw=reading.power_kw,
        state=reading.state.value,
        start_ms=called.start_ms,
        replaces=called.replaces,
        lost=called.lost,
    )


def _phase(one: Running, now_ms: int, over: bool) -> str:
    if over:
        return "cancelled" if one.cancelled_by else "ended"
    if now_ms >= one.wish.until_ms:
        return "returning"
    if all(called.start_ms > now_ms for called in one.live()):
        return "waiting"
    return "running" if one.delivered_kw >= REACHED_FRACTION * one.wish.power_kw else "starting"
