"""The rule of a simulated year: where it may step far, and that it never steps over an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.clock import parse_iso
from gridmuster.fleet.towers import generate_towers
from gridmuster.runtime.pace import FINE_S, QUIET_S, SETTLE_S, STEADY_S, Known, next_ms
from gridmuster.simulator.world import World
from gridmuster.simulator.year import neglected, year_scenario

START_MS = parse_iso("2025-05-01T00:00:00Z")
GRID_MS = 4_000
MINUTE_MS = 60_000

instants = st.integers(0, 10_000_000).map(lambda k: START_MS + k * GRID_MS)


@given(
    now_ms=instants,
    ago_s=st.integers(0, 10_000),
    waiting=st.booleans(),
    near=st.booleans(),
    busy=st.booleans(),
    ahead_ms=st.none() | st.integers(1, 10_000_000),
)
def test_no_step_goes_beyond_what_is_known_to_matter(
    now_ms: int, ago_s: int, waiting: bool, near: bool, busy: bool, ahead_ms: int | None
) -> None:
    due_ms = None if ahead_ms is None else now_ms + ahead_ms
    known = Known(now_ms, now_ms - ago_s * 1000, waiting, near, busy, due_ms)
    at_ms = next_ms(known)
    assert at_ms % GRID_MS == 0
    assert now_ms < at_ms <= now_ms + QUIET_S * 1000
    if due_ms is not None:
        assert at_ms < due_ms + GRID_MS
    if waiting or near or ago_s < SETTLE_S:
        assert at_ms == now_ms + FINE_S * 1000
    elif busy:
        assert at_ms <= now_ms + STEADY_S * 1000
        assert at_ms % (STEADY_S * 1000) == 0 or due_ms is not None
    elif due_ms is None:
        assert at_ms % (QUIET_S * 1000) == 0


def shown(world: World) -> dict[str, tuple[object, ...]]:
    """What every device and panel shows beside figures that move by themselves."""
    names = ("state", "mode", "breaker", "supply", "utility_ok", "alarm_bits")
    return {
        key: (controller.reachable, *(controller.points().get(name) for name in names))
        for key, controller in world.controllers.items()
        if not key.startswith("meter.")
    } | {f"link.{site}": (world.link_up(site),) for site in world.sites}


def harsh(seed: int) -> World:
    """Eight towers of which most are neglected, with thirty usual years of faults in one."""
    fleet = generate_towers(8, seed)
    scenario = year_scenario(fleet, START_MS, 24.0, seed, hardship=100.0)
    return World(neglected(fleet, seed, hardship=10.0), START_MS, seed, scenario)


def poke(world: World) -> None:
    """Start what stands still and reset what is at fault, as centers and people do."""
    for key, controller in world.controllers.items():
        if key.endswith("-gen"):
            controller.order("reset", 1.0)
            controller.order("start", 1.0)
            controller.order("set_power_kw", 12.0)
        elif key.startswith("panel."):
            controller.order("transfer_to_local", 1.0)


def test_whatever_happens_in_a_quiet_step_ends_it() -> None:
    """A second world, stepped every 4 s, shows no change inside a step of the first."""
    quick, slow = harsh(2), harsh(2)
    steps = events = 0
    while quick.now_ms < START_MS + 5 * 60 * MINUTE_MS:
        if steps % 8 == 0:
            poke(quick)
            poke(slow)
        before = shown(slow)
        assert before == shown(quick)
        begin_ms = quick.now_ms
        end_ms = quick.advance_until(begin_ms - begin_ms % 300_000 + 300_000)
        for at_ms in range(begin_ms + GRID_MS, end_ms, GRID_MS):
            slow.advance_to(at_ms)
            assert shown(slow) == before, f"something happened at {at_ms}, told at {end_ms}"
        slow.advance_to(end_ms)
        events += shown(slow) != before
        steps += 1
    assert events > 4
    near = pytest.approx
    for site in quick.fleet.sites:
        one, other = quick.sites[site.id], slow.sites[site.id]
        assert one.bridged_kwh == near(other.bridged_kwh, rel=2e-3, abs=2e-3)
        assert one.unserved_kwh == near(other.unserved_kwh, rel=2e-3, abs=2e-3)
    for area in quick.areas:
        assert quick.areas[area].import_kwh == near(slow.areas[area].import_kwh, rel=1e-3)
    for name, fuel in quick.truth.fuel_used.items():
        assert fuel == near(slow.truth.fuel_used[name], rel=5e-3, abs=5e-3)
