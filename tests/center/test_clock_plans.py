"""Hours of the day in the fleet file: budgets and wished energies of plans, and what is used."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from gridmuster.center.clockplans import ClockBook, ClockMemory
from gridmuster.center.first_look import first_problem
from gridmuster.clock import IntervalGrid, iso, parse_iso
from gridmuster.fleet.clockhours import ClockHours
from gridmuster.fleet.model import Fleet
from gridmuster.planning import PlanLimits, PlanProblem, ShortfallKind, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.problem import RunWindow
from gridmuster.signals import DeviceReading, DeviceState
from gridmuster.state.snapshot import Snapshot

START = "2026-07-15T06:00:00-05:00"
LIMITS = PlanLimits(gap=2e-2, time_limit_s=20.0)
QUIET = {"from_hour": 22, "until_hour": 7, "run_h": 1.5, "starts": 1}
HOUR_MS = 3_600_000


def fleet(limits: list[dict[str, Any]], wishes: list[dict[str, Any]], import_kw: float) -> Fleet:
    """An engine and a battery at one site, customers who need more than the line brings."""
    ring = [[-98.0, 30.0], [-97.0, 30.0], [-97.0, 31.0], [-98.0, 31.0], [-98.0, 30.0]]
    return Fleet.model_validate(
        {
            "id": "one",
            "areas": [
                {
                    "id": "north",
                    "border": {"coordinates": [ring]},
                    "connection": {"import_limit_kw": import_kw},
                }
            ],
            "sites": [
                {
                    "id": "yard",
                    "area": "north",
                    "latitude": 30.5,
                    "longitude": -97.5,
                    "time_zone": "America/Chicago",
                    "transfer": {"kind": "paralleling", "export_limit_kw": 500.0},
                }
            ],
            "end_users": [
                {"id": "homes", "site": "yard", "load_class": "residential", "peak_kw": 250.0}
            ],
            "devices": [
                {
                    "id": "set",
                    "type": "engine",
                    "site": "yard",
                    "rated_kw": 300.0,
                    "fuel_curve": [
                        {"load_fraction": 0.5, "fuel_per_h": 45.0},
                        {"load_fraction": 1.0, "fuel_per_h": 85.0},
                    ],
                    "operation": {"run_limits": limits},
                },
                {
                    "id": "cells",
                    "type": "battery",
                    "site": "yard",
                    "rated_kw": 50.0,
                    "energy_capacity_kwh": 200.0,
                    "initial_energy_kwh": 80.0,
                    "energy_wishes": wishes,
                },
            ],
        }
    )


def made(*args: Any) -> PlanProblem:
    return first_problem(fleet(*args), parse_iso(START))


def test_limited_hours_become_budgets_of_their_intervals() -> None:
    case = made([QUIET, {"from_hour": 6.5, "until_hour": 8, "starts": 0}], [], 400.0)
    quiet = [RunWindow(0, 4, 1.5, 1), RunWindow(64, 100, 1.5, 1)]
    assert case.units[0].windows == [*quiet, RunWindow(2, 8, None, 0)]
    plan = solve(case, LIMITS)
    assert violations(case, plan) == []


def test_what_ran_since_the_hours_began_is_gone_and_a_new_night_has_all_again() -> None:
    plant = fleet([QUIET], [], 400.0)
    book = ClockBook(plant, ClockMemory())
    night = parse_iso("2026-07-14T22:00:00-05:00")

    def look(hour: float, run_h: float | None, starts: int) -> dict[str, DeviceReading]:
        now = night + int(hour * HOUR_MS)
        reading = DeviceReading("set", DeviceState.RUNNING, run_h=run_h, starts=starts)
        book.observe(now, Snapshot(now, {}, {"set": reading}, {}, {}, {}))
        return {"set": reading}

    def windows(hour: float, readings: dict[str, DeviceReading]) -> list[RunWindow]:
        grid = IntervalGrid(night + int(hour * HOUR_MS), 900, 96)
        return book.kept(made([QUIET], [], 400.0), grid, readings).units[0].windows[2:]

    look(-1.0, 50.0, 7)
    assert windows(-1.0, look(-0.5, 50.5, 7)) == [RunWindow(4, 40, 1.5, 1)]
    look(0.0, 50.75, 7)
    used = look(1.0, 51.25, 8)
    assert windows(1.0, used) == [RunWindow(0, 32, 1.0, 0), RunWindow(92, 128, 1.5, 1)]
    # What a book remembers is all it needs; a counter that was exchanged began at nothing.
    book = ClockBook(plant, book.memory)
    assert windows(2.0, look(2.0, 0.25, 0))[0] == RunWindow(0, 28, 1.25, 1)
    look(10.0, 0.75, 0)
    assert windows(24.5, look(24.5, 0.75, 0))[0] == RunWindow(0, 34, 1.5, 1)
    assert set(book.memory.counters) == {"set/0"}


def test_a_quiet_night_is_kept_by_the_plan_and_what_it_costs_is_named() -> None:
    case = made([{**QUIET, "run_h": 0.0}], [], 100.0)
    plan = solve(case, LIMITS)
    assert violations(case, plan) == []
    on = plan.commitment["set"]
    assert not any(on[:4]) and not any(on[64:])
    short = [one for one in plan.shortfalls if one.kind is ShortfallKind.UNSERVED]
    assert short and all(one.interval < 4 or one.interval >= 64 for one in short)
    assert any("set" in one.cause for one in short)
    free = made([], [], 100.0)
    assert any(solve(free, LIMITS).commitment["set"][64:])


def test_wished_energies_are_told_at_ends_of_intervals_and_kept_or_named() -> None:
    wishes = [
        {"from_hour": 17, "until_hour": 21, "min_fraction": 0.9},
        {"from_hour": 12, "until_hour": 14, "max_fraction": 0.5},
    ]
    case = made([], wishes, 400.0)
    (store,) = case.stores
    # Energy at the end of interval k is that at 06:00 and (k + 1) quarters of an hour.
    assert [k for k, low in enumerate(store.energy_low_kwh) if low] == list(range(43, 60))
    assert max(store.energy_low_kwh) == pytest.approx(180.0)
    assert [k for k, high in enumerate(store.energy_high_kwh) if high < 200.0] == list(
        range(23, 32)
    )
    plan = solve(case, LIMITS)
    assert violations(case, plan) == []
    assert all(plan.energy_kwh["cells"][k] >= 180.0 - 1e-3 for k in range(43, 60))
    empty = structs.replace(case, stores=[structs.replace(store, charge_kw=[0.0] * 96)])
    named = [one for one in solve(empty, LIMITS).shortfalls if one.where == "cells"]
    assert {one.kind for one in named} == {ShortfallKind.STORE_HOUR}
    assert {one.interval for one in named} == set(range(43, 60))


@pytest.mark.parametrize(
    ("hours", "at", "spans"),
    [
        ((22, 7), "2026-07-15T06:59:00-05:00", ["2026-07-15T03:00:00Z", "2026-07-16T03:00:00Z"]),
        ((22, 7), "2026-07-15T07:00:00-05:00", ["2026-07-16T03:00:00Z"]),
        ((0, 24), "2026-07-15T12:00:00-05:00", ["2026-07-15T05:00:00Z", "2026-07-16T05:00:00Z"]),
        ((6, 6), "2026-07-15T12:00:00-05:00", ["2026-07-15T11:00:00Z", "2026-07-16T11:00:00Z"]),
        # The night in which clocks go back has ten hours of 22 to 7.
        ((22, 7), "2026-10-31T23:00:00-05:00", ["2026-11-01T03:00:00Z"]),
    ],
)
def test_hours_of_the_day_follow_the_sites_clock(
    hours: tuple[float, float], at: str, spans: list[str]
) -> None:
    begin = parse_iso(at)
    one = ClockHours(from_hour=hours[0], until_hour=hours[1])
    found = list(one.spans_ms(begin, begin + 24 * HOUR_MS, "America/Chicago"))
    assert [iso(first) for first, _ in found] == [iso(parse_iso(span)) for span in spans]
    length = (hours[1] - hours[0]) % 24 or 24
    turned = {"2026-10-31T23:00:00-05:00": 1}.get(at, 0)
    assert found[0][1] - found[0][0] == (length + turned) * HOUR_MS
