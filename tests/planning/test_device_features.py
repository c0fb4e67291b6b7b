"""All that a device has, held against trying everything, and judged by the independent checker."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plan_cases import area, problem, store, sun, unit
from plan_oracle import Oracle, legal

from gridmuster.errors import PlanningError
from gridmuster.planning import PlanLimits, PlanProblem, PlanSolution, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.problem import (
    Delivery,
    EmissionCap,
    PlanLink,
    PlanUnit,
    RunWindow,
    Span,
    StartClass,
)

EXACT = PlanLimits(gap=0.0, time_limit_s=60.0)
NO_TIME = PlanLimits(time_limit_s=0.0)


def quantity(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda value: round(value, 2))


@st.composite
def windows(draw: st.DrawFn, count: int) -> list[RunWindow]:
    if not draw(st.sampled_from([False, False, True])):
        return []
    first = draw(st.integers(0, count - 1))
    end = draw(st.integers(first + 1, count))
    return [
        RunWindow(first, end, draw(st.sampled_from([None, 0.25])), draw(st.sampled_from([None, 1])))
    ]


@st.composite
def featured(draw: st.DrawFn, name: str, count: int, areas: list[str]) -> PlanUnit:
    """A unit with any of what a unit may have."""
    high = draw(quantity(40.0, 120.0))
    low = round(high * draw(st.sampled_from([0.0, 0.3, 0.5])), 2)
    on = draw(st.booleans())
    given_kw = draw(st.sampled_from([[], [], [5.0], [3.0, 12.0]]))
    classes = draw(
        st.sampled_from(
            [[], [StartClass(1800.0, 9.0)], [StartClass(1000.0, 4.0), StartClass(2700.0, 30.0)]]
        )
    )
    fuel = draw(st.sampled_from([None, None, 14.0, 30.0]))
    deliveries = []
    if fuel is not None and draw(st.booleans()):
        deliveries = [Delivery(draw(st.integers(0, count - 1)), 12.0)]
    maintenance = []
    if draw(st.sampled_from([False, False, False, True])):
        maintenance = [Span(draw(st.integers(1, count - 1)), count)]
    first = draw(quantity(0.05, 0.4))
    return unit(
        name,
        count,
        area=draw(st.sampled_from(areas)),
        min_kw=low,
        max_kw=high,
        no_load_usd_per_h=draw(quantity(0.0, 8.0)),
        segment_kw=[high / 2, high / 2],
        segment_usd_per_kwh=[first, first + draw(quantity(0.0, 0.2))],
        start_cost_usd=draw(quantity(0.0, 3.0)),
        start_classes=classes,
        start_power_kw=given_kw,
        start_fuel=draw(st.sampled_from([0.0, 2.0])),
        start_delay_s=draw(st.sampled_from([0.0, 60.0, 1400.0])),
        starting_s=None if on else draw(st.sampled_from([None, None, 0.0, 900.0])),
        min_up_s=draw(st.sampled_from([0.0, 900.0, 1800.0])),
        min_down_s=draw(st.sampled_from([0.0, 600.0, 1800.0])),
        initial_on=on,
        initial_s=draw(st.sampled_from([900.0, 1800.0, 3600.0])),
        initial_kw=draw(quantity(low, high)) if on else 0.0,
        ramp_kw_per_s=draw(st.sampled_from([10.0, high / 1200.0, high / 2500.0])),
        ramp_down_kw_per_s=draw(st.sampled_from([None, None, high / 1500.0])),
        start_max_kw=draw(st.sampled_from([None, None, low + 10.0])),
        stop_max_kw=draw(st.sampled_from([None, None, low + 5.0])),
        must_run=draw(st.sampled_from([False, False, False, True])),
        run_h_left=draw(st.sampled_from([None, None, 0.75])),
        run_h_value_usd_per_h=draw(st.sampled_from([0.0, 3.0])),
        starts_left=draw(st.sampled_from([None, None, 1])),
        windows=draw(windows(count)),
        fuel_left=fuel,
        fuel_deliveries=deliveries,
        fuel_room=draw(st.sampled_from([None, 16.0])),
        maintenance=maintenance,
        gives_reserve=draw(st.booleans()),
        emission_kg_per_fuel=draw(st.sampled_from([{}, {"NOx": 0.5}, {"NOx": 0.2, "CO2": 2.7}])),
    )


@st.composite
def featured_cases(draw: st.DrawFn) -> PlanProblem:
    """One or two areas; whatever is made can be sold, and no price is below nothing."""
    count = draw(st.integers(2, 5))
    names = ["area", "other"][: draw(st.integers(1, 2))]
    areas = []
    for name in names:
        buying = [draw(quantity(0.01, 0.6)) for _ in range(count)]
        areas.append(
            area(
                count,
                [draw(quantity(0.0, 160.0)) for _ in range(count)],
                id=name,
                import_limit_kw=draw(quantity(0.0, 120.0)),
                export_limit_kw=1000.0,
                import_price_usd_per_kwh=buying,
                export_price_usd_per_kwh=[round(price * 0.8, 4) for price in buying],
                reserve_kw=draw(st.sampled_from([0.0, 20.0])),
            )
        )
    size = 2 if count <= 3 else 1
    units = [draw(featured(f"unit-{n}", count, names)) for n in range(size)]
    stores = []
    if draw(st.booleans()):
        low, high = draw(
            st.sampled_from(
                [
                    ([], []),
                    ([0.0] * (count - 1) + [70.0], []),
                    ([], [100.0] + [40.0] * (count - 1)),
                    ([60.0] * count, [72.0] * count),
                ]
            )
        )
        stores = [
            store(
                "store",
                count,
                min_energy_kwh=10.0,
                self_discharge_per_h=0.0,
                end_value_usd_per_kwh=draw(st.sampled_from([0.0, 0.1])),
                energy_low_kwh=low,
                energy_high_kwh=high,
                gives_reserve=draw(st.booleans()),
            )
        ]
    links = []
    if len(names) == 2 and draw(st.booleans()):
        links = [
            PlanLink(
                "link",
                "other",
                "area",
                [draw(quantity(0.0, 60.0))] * count,
                [draw(quantity(0.0, 60.0))] * count,
                draw(st.sampled_from([0.0, 0.05])),
                draw(st.sampled_from([0.0, 0.01])),
            )
        ]
    caps = []
    if draw(st.booleans()):
        limit, inside = draw(quantity(0.0, 10.0)), draw(st.sampled_from([[], ["area"]]))
        caps = [EmissionCap("permit", "NOx", limit, draw(quantity(0.1, 5.0)), inside)]
    panels = [sun("sun", [draw(quantity(0.0, 40.0)) for _ in range(count)])]
    return problem(areas, units, stores, panels, links=links, emission_caps=caps)


def solved(case: PlanProblem, limits: PlanLimits = EXACT) -> PlanSolution:
    answer = solve(case, limits)
    assert violations(case, answer) == []
    return answer


@settings(max_examples=60)
@given(featured_cases())
def test_the_plan_costs_what_trying_everything_finds(case: PlanProblem) -> None:
    expected = Oracle(case).optimum_usd()
    assume(expected < 1e12)
    answer = solved(case)
    assert answer.status == "optimal"
    slack = 0.011 * len(case.areas) + 1e-6 * abs(expected)
    assert abs(answer.objective_usd - expected) <= slack, (answer.objective_usd, expected)
    assert answer.lower_bound_usd <= expected + 1e-4


@settings(max_examples=60)
@given(featured_cases())
def test_the_rules_keep_every_limit(case: PlanProblem) -> None:
    answer = solved(case, NO_TIME)
    assert answer.status == "fallback"
    for one in case.units:
        on = tuple(answer.commitment[one.id])
        free = msgspec.structs.replace(one, initial_s=1e6)
        assert legal(free, on, case.step_s)


ONE = {"engine": unit("engine", 3), "store": store("store", 3)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"segment_usd_per_kwh": [210.0, 23e4]}, ["segment_usd_per_kwh[1]", "USD/MWh"]),
        ({"min_up_s": 3.6e9}, ["min_up_s", "in ms"]),
        ({"max_kw": [3e13] * 3, "segment_kw": [3e13, 0.0]}, ["max_kw[0]", "in W"]),
        ({"fuel_lhv_kwh_per_unit": 0.00995}, ["fuel_lhv_kwh_per_unit", "more than it burns"]),
        ({"segment_kw": [-60.0, 160.0]}, ["segment_kw[0]", "-60", "at least 0"]),
        ({"start_cost_usd": math.inf}, ["start_cost_usd", "finite"]),
        ({"start_classes": [StartClass(900.0, 1.0)]}, ["start_classes[0].cost_usd", "not cost"]),
        (
            {"start_classes": [StartClass(900.0, 3.0), StartClass(900.0, 4.0)]},
            ["start_classes[1].off_s", "above 900"],
        ),
        ({"start_power_kw": [5.0, 500.0]}, ["start_power_kw[1]", "its most"]),
        ({"start_power_kw": [math.nan]}, ["start_power_kw[0]", "nan"]),
        ({"starting_s": 10.0, "initial_on": True}, ["starting_s", "it is on"]),
        ({"stop_max_kw": -1.0}, ["stop_max_kw", "at least 0"]),
        ({"fuel_deliveries": [Delivery(1, 5.0)]}, ["fuel_deliveries", "fuel_left"]),
        (
            {"fuel_left": 1.0, "fuel_deliveries": [Delivery(3, 5.0)]},
            ["fuel_deliveries[0]", "intervals 0 to 2"],
        ),
        ({"maintenance": [Span(2, 2)]}, ["maintenance[0]", "below the end"]),
        ({"windows": [RunWindow(-1, 4, 1.0)]}, ["windows[0]", "at least 0"]),
        ({"windows": [RunWindow(0, 2, math.nan)]}, ["windows[0].run_h_left", "nan"]),
        ({"emission_kg_per_fuel": {"NOx": -1.0}}, ["emission_kg_per_fuel[NOx]", "at least 0"]),
    ],
)
def test_a_unit_that_cannot_be_is_refused_by_name(change: dict, words: list[str]) -> None:
    broken = msgspec.structs.replace(ONE["engine"], **change)
    with pytest.raises(PlanningError) as error:
        solve(problem(area(3, 10.0), [broken]))
    for word in ("engine", *words):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"energy_low_kwh": [1.0]}, ["store store", "energy_low_kwh", "1 values"]),
        (
            {"energy_low_kwh": [9.0] * 3, "energy_high_kwh": [10.0, 8.0, 10.0]},
            ["energy_low_kwh[1]", "energy_high_kwh[1]"],
        ),
        ({"end_value_usd_per_kwh": 2e5}, ["end_value_usd_per_kwh", "USD/MWh"]),
    ],
)
def test_a_store_that_cannot_be_is_refused_by_name(change: dict, words: list[str]) -> None:
    broken = msgspec.structs.replace(ONE["store"], **change)
    with pytest.raises(PlanningError) as error:
        solve(problem(area(3, 10.0), stores=[broken]))
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("link", "cap", "words"),
    [
        (PlanLink("l", "area", "nowhere", [1.0], [1.0]), None, ["link l", "to_area", "nowhere"]),
        (PlanLink("l", "area", "area", [1.0], [1.0]), None, ["link l", "both"]),
        (PlanLink("l", "area", "b", [-1.0], [1.0]), None, ["link l", "limit_kw[0]", "at least 0"]),
        (PlanLink("l", "area", "b", [1.0], [1.0], 1.0), None, ["loss_fraction", "at most"]),
        (None, EmissionCap("cap", "CO2", 1.0, 0.0), ["emission cap cap", "above 0"]),
        (None, EmissionCap("cap", "CO2", 1.0, 1.0, ["moon"]), ["cap", "moon"]),
    ],
)
def test_links_and_caps_that_cannot_be_are_refused_by_name(
    link: PlanLink | None, cap: EmissionCap | None, words: list[str]
) -> None:
    case = problem(
        [area(1, 10.0), area(1, 10.0, id="b")],
        links=[] if link is None else [link],
        emission_caps=[] if cap is None else [cap],
    )
    with pytest.raises(PlanningError) as error:
        solve(case)
    assert all(word in str(error.value) for word in words)
