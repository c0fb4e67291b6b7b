"""An activation under way: its end, its power, sets that go to another, and what it gives."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from msgspec import structs

from gridmuster.center.activationmemory import ActivationMemory, Called, Running
from gridmuster.safety.herding import SPREAD_S, stagger_s
from gridmuster.signals import Activation, DeviceReading, Purpose
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: Spread of starts and of returns for each set that is called, s; at most that of invariant 12.
SPREAD_EACH_S: Final = 2.0
#: Why a set is not in an activation any more that went to another with the power.
GIVEN: Final = "given to another request"


def end_at(one: Running, until_ms: int) -> None:
    """Let an activation end at a time (ms) and its sets return after it, one by one."""
    one.wish = structs.replace(one.wish, until_ms=until_ms)
    spread_s = min(SPREAD_EACH_S * len(one.sets), SPREAD_S)
    for called in one.sets:
        wait_s = stagger_s(called.device, spread_s, f"{one.id}/return")
        called.end_ms = until_ms + int(wait_s * MS_PER_S)


def finish(memory: ActivationMemory, name: str, now_ms: int) -> None:
    """End an activation now unless it has ended.

    Args:
        memory: of all activations.
        name: its id; one that is not known is let be.
        now_ms: now, ms.
    """
    one = memory.running.get(name)
    if one is not None and one.wish.until_ms > now_ms:
        end_at(one, now_ms)


def adjust(one: Running, power_kw: float, until_ms: int) -> None:
    """Give an activation another power and end; sets are looked for at once when it is more.

    Args:
        one: the activation, under way.
        power_kw: its new target, kW.
        until_ms: its new end, ms.
    """
    if power_kw != one.wish.power_kw:
        if power_kw > one.wish.power_kw:
            one.looked_ms = one.searched_ms = 0
        one.wish = structs.replace(one.wish, power_kw=power_kw)
    if until_ms != one.wish.until_ms:
        end_at(one, until_ms)


def surrender(one: Running, keep_kw: float, wanted_kw: float) -> list[Called]:
    """Let sets go that an activation does not need, for another to take.

    Args:
        one: the activation; its target need not be changed yet.
        keep_kw: what its sets must still be able to give, kW.
        wanted_kw: what is wanted elsewhere, kW.

    Returns:
        The sets that were let go.
    """
    left_kw = sum(called.kw for called in one.live())
    given: list[Called] = []
    for called in reversed(one.live()):
        if sum(other.kw for other in given) >= wanted_kw:
            break
        if left_kw - called.kw >= keep_kw:
            called.lost = GIVEN
            left_kw -= called.kw
            given.append(called)
    return given


def yields(one: Running, wish: Activation) -> bool:
    """Whether an activation's sets may go to another: a set that is only exercised may.

    Args:
        one: whose sets they are.
        wish: who wants them.
    """
    return one.wish.purpose is Purpose.EXERCISE and wish.purpose is not Purpose.EXERCISE


def take_over(memory: ActivationMemory, one: Running, devices: Container[str]) -> set[str]:
    """Take sets that an activation calls from those that yield them.

    Args:
        memory: of all activations.
        one: who calls them.
        devices: what it calls.

    Returns:
        The sets that were taken.
    """
    taken = set()
    for other in memory.running.values():
        if other.id == one.id or not yields(other, one.wish):
            continue
        for called in other.live():
            if called.device in devices:
                called.lost = GIVEN
                taken.add(called.device)
    return taken


def count(one: Running, readings: Mapping[str, DeviceReading], now_ms: int) -> None:
    """Note what an activation gives now, and add up what it gave in its window.

    Args:
        one: the activation.
        readings: the last ones by device.
        now_ms: now, ms.
    """
    one.delivered_kw = sum(
        max(reading.power_kw, 0.0)
        for called in one.live()
        if (reading := readings.get(called.device)) is not None
    )
    since_ms = max(one.counted_ms, one.wish.from_ms)
    until_ms = min(now_ms, one.wish.until_ms)
    one.delivered_kwh += one.delivered_kw * max(until_ms - since_ms, 0) / MS_PER_HOUR
    one.counted_ms = now_ms
