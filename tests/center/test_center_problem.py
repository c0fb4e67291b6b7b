"""What the fleet file says of operation, links and caps stands in the planning problem."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from gridmuster.center.config import CenterConfig
from gridmuster.center.emitted import EmittedBook, EmittedMemory
from gridmuster.center.first_look import first_problem
from gridmuster.center.operation import start_power_kw
from gridmuster.center.planmemory import PlanMemory
from gridmuster.center.planner import Planner
from gridmuster.center.sources import SourceBook
from gridmuster.clock import IntervalGrid, parse_iso
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.planning import PlanLimits, PlanProblem, PlanUnit, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.problem import Delivery, PlanLink, Span, StartClass
from gridmuster.signals import DeviceReading, DeviceState
from gridmuster.state.snapshot import Snapshot

START = "2026-07-15T00:00:00-05:00"
LIMITS = PlanLimits(gap=1e-3, time_limit_s=20.0)


def area(name: str, west: float, import_kw: float) -> dict[str, Any]:
    ring = [[west, 30.0], [west + 1, 30.0], [west + 1, 31.0], [west, 31.0], [west, 30.0]]
    return {
        "id": name,
        "border": {"coordinates": [ring]},
        "connection": {"import_limit_kw": import_kw, "export_limit_kw": 0.0},
    }


def fleet(operation: dict[str, Any] | None = None, warmup_s: float = 0.0, **top: Any) -> Fleet:
    """Two areas: a diesel in the one, customers in the other."""
    sites = [
        {
            "id": f"{place}-site",
            "area": place,
            "latitude": 30.5,
            "longitude": west + 0.5,
            "time_zone": "America/Chicago",
            "transfer": {"kind": "paralleling", "export_limit_kw": 500.0},
        }
        for place, west in (("north", -98.0), ("east", -97.0))
    ]
    engine = {
        "id": "set",
        "type": "engine",
        "site": "north-site",
        "rated_kw": 200.0,
        "fuel": "diesel",
        "start_s": 2400.0,
        "sync_s": 300.0,
        "warmup_s": warmup_s,
        "fuel_curve": [
            {"load_fraction": 0.5, "fuel_per_h": 30.0},
            {"load_fraction": 1.0, "fuel_per_h": 56.0},
        ],
        "tank": {"capacity": 800.0, "level": 400.0},
        "operation": operation or {},
    }
    customers = {"id": "homes", "site": "east-site", "load_class": "residential", "peak_kw": 250.0}
    return Fleet.model_validate(
        {
            "id": "pair",
            "areas": [area("north", -98.0, 0.0), area("east", -97.0, 180.0)],
            "sites": sites,
            "end_users": [customers],
            "devices": [engine],
            **top,
        }
    )


def made(operation: dict[str, Any] | None = None, **top: Any) -> tuple[PlanProblem, PlanUnit]:
    case = first_problem(fleet(operation, **top), parse_iso(START))
    return case, case.units[0]


def test_nothing_said_leaves_the_problem_as_it_was() -> None:
    case, unit = made()
    assert case.links == [] and case.emission_caps == []
    assert unit.start_classes == [] and unit.start_power_kw == []
    assert unit.start_max_kw is None and unit.ramp_down_kw_per_s is None
    assert unit.fuel_deliveries == [] and unit.maintenance == []
    assert unit.emission_kg_per_fuel == {} and unit.run_h_value_usd_per_h == 0.0


def test_operation_is_told_in_the_plans_own_units() -> None:
    _, unit = made(
        {
            "start_classes": [{"off_s": 7200, "cost_usd": 12}],
            "start_fuel": 2.5,
            "start_max_fraction": 0.5,
            "stop_max_fraction": 0.25,
            "ramp_down_fraction_per_s": 0.001,
            "hour_value_usd_per_h": 7,
            "deliveries": [
                {"at": "2026-07-14T20:00:00-05:00", "amount": 300},
                {"at": "2026-07-15T06:10:00-05:00", "amount": 100},
                {"at": "2026-07-16T06:10:00-05:00", "amount": 100},
            ],
            "maintenance": [
                {"begins": "2026-07-14T20:00:00-05:00", "ends": "2026-07-15T01:10:00-05:00"},
                {"begins": "2026-07-15T22:50:00-05:00", "ends": "2026-07-16T05:00:00-05:00"},
                {"begins": "2026-07-13T22:50:00-05:00", "ends": "2026-07-14T05:00:00-05:00"},
            ],
        }
    )
    assert unit.start_classes == [StartClass(7200.0, 12.0)]
    assert unit.initial_s >= 7200.0
    assert (unit.start_fuel, unit.run_h_value_usd_per_h) == (2.5, 7.0)
    assert (unit.start_max_kw, unit.stop_max_kw) == (100.0, 50.0)
    assert unit.ramp_down_kw_per_s == 0.2
    # Only 95 % of what is in the tank, or comes, is counted on; what comes is there a quarter on.
    assert unit.fuel_deliveries == [Delivery(25, 95.0)]
    assert unit.fuel_left == pytest.approx(0.95 * (400.0 - 80.0))
    assert unit.fuel_room == pytest.approx(0.95 * (800.0 - 80.0))
    assert unit.maintenance == [Span(0, 5), Span(91, 116)]


@pytest.mark.parametrize(
    ("permit", "left_h"),
    [
        # 5 x 500 h less 2,490 h of the four years before: 10 h, of which 9 h to the stop, 4 h used.
        (("eu_mcp", [700.0, 600.0, 650.0, 540.0]), 5.0),
        # 3 x 500 h less 1,490 h of two years; the year before those is out of the mean.
        (("eu_mcp_new", [745.0, 745.0, 900.0]), 5.0),
        # A year that nobody tells of counts 500 h: 2,500 - 1,990 - 500 h.
        (("eu_mcp", [700.0, 640.0, 650.0]), 5.0),
        # More than the mean was run: nothing is left, and never less than nothing.
        (("eu_mcp", [700.0, 700.0, 700.0, 700.0]), 0.0),
        # 500 h this year and 450 h to the stop: a day cannot use them up.
        (("eu_mcp", [500.0, 500.0, 500.0, 500.0]), None),
    ],
)
def test_a_mean_of_years_leaves_the_plan_what_the_years_before_did_not_use(
    permit: tuple[str, list[float]], left_h: float | None
) -> None:
    document = fleet().model_dump(mode="json")
    permit_class, past = permit
    document["devices"][0]["permit"] = {
        "permit_class": permit_class,
        "hours_used_h": 4.0,
        "hours_past_years_h": past,
    }
    (unit,) = first_problem(Fleet.model_validate(document), parse_iso(START)).units
    assert unit.run_h_left == (None if left_h is None else pytest.approx(left_h))


def test_a_start_curve_becomes_means_before_it_is_on() -> None:
    # 45 minutes of start, from 0 at half of it to a tenth: the triangle lies in the last two steps.
    points = [
        {"after_s": 1350.0, "load_fraction": 0.0},
        {"after_s": 2700.0, "load_fraction": 0.1},
    ]
    case, unit = made({"start_curve": points})
    assert len(unit.start_power_kw) == 2
    assert sum(unit.start_power_kw) * case.step_s == pytest.approx(200.0 * 0.1 * 1350.0 / 2.0)
    assert unit.start_power_kw[0] < unit.start_power_kw[1] < 20.0
    device = fleet({"start_curve": points}).device_by_id["set"]
    assert isinstance(device, Generator)
    assert start_power_kw(device, 2700) == [pytest.approx(5.0)]


def test_a_warm_up_is_part_of_the_lead_and_long_ones_give_minimum_load() -> None:
    case, unit = made(warmup_s=120.0)
    assert unit.start_delay_s == 2820.0
    assert unit.start_power_kw == []
    # 20 minutes at 25 % of 200 kW: the last quarter and a third of the one before it.
    _, unit = made(warmup_s=1200.0)
    assert unit.start_delay_s == 3900.0
    assert unit.start_power_kw == pytest.approx([50.0 / 3.0, 50.0])
    # Behind a start curve, whose last value is not kept on while warming up.
    points = [{"after_s": 1800.0, "load_fraction": 0.1}]
    _, unit = made({"start_curve": points}, warmup_s=900.0)
    assert unit.start_power_kw == pytest.approx([20.0, 50.0])
    plant = fleet(warmup_s=1200.0)
    planner = Planner(plant, CenterConfig(), PlanMemory(), SourceBook(plant))
    plan = structs.replace(solve(case, LIMITS), commitment={"set": [0] * 5 + [1] * 91})
    planner.memory.solution = plan
    ordered_ms = case.start_ms + 5 * 900_000 - 3_900_000
    assert planner.now(ordered_ms).on == {"set": True}
    assert planner.now(ordered_ms - 1000).on == {"set": False}


def test_a_days_cap_counts_what_the_engines_burnt_since_midnight() -> None:
    caps = [
        {"id": "air", "pollutant": "co2", "limit_kg_per_day": 900.0, "areas": ["north"]},
        {"id": "east", "pollutant": "nox", "limit_kg_per_day": 5.0, "areas": ["east"]},
    ]
    plant = fleet(emission_caps=caps)
    book = EmittedBook(plant, EmittedMemory())
    midnight = parse_iso(START)

    def burn(hour: float, used: float | None) -> int:
        now = midnight + int(hour * 3_600_000)
        reading = DeviceReading("set", DeviceState.RUNNING, fuel_used=used)
        book.observe(now, Snapshot(now, {}, {"set": reading}, {}, {}, {}))
        return now

    for hour, used in ((-2.0, 1000.0), (-1.0, 1040.0), (3.0, 1100.0), (4.0, None), (5.0, 1130.0)):
        burn(hour, used)
    now = burn(6.0, 20.0)  # another counter
    left = 900.0 - 2.696 * 30.0
    found = book.caps(IntervalGrid(now, 900, 96))
    north = [one for one in found if one.pollutant == "co2"]
    assert [(one.first, one.end) for one in north] == [(0, 72), (72, 96)]
    assert north[0].limit_kg == pytest.approx(left - 2.696 * 60.0)
    assert north[1].limit_kg == 900.0
    assert len({one.id for one in found}) == len(found) == 4
    assert book.memory.kg.get("east") is None


def test_a_plan_stays_below_a_days_cap() -> None:
    tie = {"id": "tie", "from_area": "north", "to_area": "east", "limit_kw": 150.0}
    cap = {"id": "air", "pollutant": "co2", "limit_kg_per_day": 150.0, "excess_usd_per_kg": 1e3}
    free, unit = made(links=[tie])
    assert unit.emission_kg_per_fuel == {}
    capped, unit = made(links=[tie], emission_caps=[cap])
    assert unit.emission_kg_per_fuel == {"co2": 2.696}
    plan = solve(capped, LIMITS)
    assert violations(capped, plan) == []
    assert plan.emission_kg["co2"] <= 150.0 + 1e-3
    assert sum(plan.commitment["set"]) < sum(solve(free, LIMITS).commitment["set"])


def test_a_long_start_under_way_is_no_power_yet() -> None:
    reading = DeviceReading("set", DeviceState.STARTING, available_kw=200.0, fuel_level=400.0)
    case = first_problem(fleet(), parse_iso(START), readings={"set": reading})
    (unit,) = case.units
    assert not unit.initial_on
    assert unit.starting_s == 0.0
    assert unit.initial_s >= unit.min_down_s
    plan = solve(case, LIMITS)
    assert violations(case, plan) == []
    assert plan.commitment["set"][:2] == [0, 0]


def test_a_start_is_ordered_its_whole_lead_ahead() -> None:
    plant = fleet()
    case = first_problem(plant, parse_iso(START))
    plan = structs.replace(solve(case, LIMITS), commitment={"set": [0] * 5 + [1] * 91})
    planner = Planner(plant, CenterConfig(), PlanMemory(plan), SourceBook(plant))
    ordered_ms = case.start_ms + 5 * 900_000 - 2_700_000
    assert planner.now(ordered_ms).on == {"set": True}
    assert planner.now(ordered_ms - 1000).on == {"set": False}
    assert planner.now(case.start_ms + 6 * 900_000).on == {"set": True}


def test_links_and_maintenance_bind_the_plan_of_a_day() -> None:
    tie = {"id": "tie", "from_area": "north", "to_area": "east", "limit_kw": 150.0}
    works = {"begins": "2026-07-15T17:00:00-05:00", "ends": "2026-07-15T19:00:00-05:00"}
    case, _ = made({"maintenance": [works]}, links=[{**tie, "loss_fraction": 0.02}])
    assert case.links == [PlanLink("tie", "north", "east", [150.0] * 96, [150.0] * 96, 0.02)]
    plan = solve(case, LIMITS)
    assert violations(case, plan) == []
    assert not any(plan.commitment["set"][68:76])
    assert max(plan.link_kw["tie"]) > 0.0
    alone, _ = made({"maintenance": [works]})
    unserved = [one.amount_kw for one in solve(alone, LIMITS).shortfalls if one.where == "east"]
    linked = [one.amount_kw for one in plan.shortfalls if one.where == "east"]
    assert sum(linked) < sum(unserved)
