"""All that a device has, held against trying everything, and judged by the independent checker."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plan_cases import STEP_H, area, problem, store, sun, unit
from plan_oracle import Oracle, legal, starts_usd, up_intervals

from gridmuster.errors import PlanningError
from gridmuster.planning import PlanLimits, PlanProblem, PlanSolution, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.explain import Explainer
from gridmuster.planning.problem import (
    Delivery,
    EmissionCap,
    PlanLink,
    PlanUnit,
    RunWindow,
    ShortfallKind,
    Span,
    StartClass,
)
from gridmuster.planning.reasons import UnitWhy, Verdict

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
        first, end = draw(st.sampled_from([(0, None), (1, None), (0, count - 1), (1, count + 2)]))
        end = end if end is None or end > first else None
        usd = draw(quantity(0.1, 5.0))
        caps = [EmissionCap("permit", "NOx", limit, usd, inside, first, end)]
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
        (None, EmissionCap("cap", "CO2", 1.0, 1.0, first=2, end=2), ["cap", "intervals 2 to 2"]),
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


def margin_usd(one: PlanUnit, prices: list[float], first: int, end: int) -> float:
    """The most that a unit on from ``first`` to ``end`` could leave at prices, starts left out."""
    total = 0.0
    for t in range(first, end):
        if any(span.first <= t < span.end for span in one.maintenance):
            return -math.inf
        outputs = [one.min_kw[t], one.max_kw[t]]
        outputs.append(min(max(one.segment_kw[0], one.min_kw[t]), one.max_kw[t]))
        best = -math.inf
        for kw in outputs:
            low = min(kw, one.segment_kw[0])
            usd = low * one.segment_usd_per_kwh[0] + (kw - low) * one.segment_usd_per_kwh[1]
            best = max(best, prices[t] * kw - usd)
        total += best - one.no_load_usd_per_h - one.run_h_value_usd_per_h
    return total * STEP_H


@settings(max_examples=40)
@given(featured_cases())
def test_a_unit_that_is_said_to_lose_money_has_no_run_that_would_not(case: PlanProblem) -> None:
    answer = solve(case, EXACT)
    explainer = Explainer(case, answer)
    for device in [*case.units, *case.stores, *case.renewables]:
        for t in range(case.count):
            why = explainer.why(device.id, t)
            assert why.sentences
            if not isinstance(why, UnitWhy) or why.verdict is not Verdict.OUT_OF_MONEY:
                continue
            on, prices = answer.commitment[device.id], answer.price_usd_per_kwh[device.area]
            paid = starts_usd(device, tuple(on), case.step_s)
            for first, end in itertools.combinations(range(case.count + 1), 2):
                if not first <= t < end or any(on[first:end]):
                    continue
                run = [int(first <= k < end) or value for k, value in enumerate(on)]
                if sum(run[k] > (run[k - 1] if k else device.initial_on) for k in [first]) and (
                    end - first < up_intervals(device, case.step_s)
                    and end < case.count
                    and not run[end]
                ):
                    continue
                extra = starts_usd(device, tuple(run), case.step_s) - paid
                earned = margin_usd(device, prices, first, end)
                assert earned - extra <= 2e-3


def test_a_link_brings_what_the_other_area_has_cheaper_and_says_when_it_is_full() -> None:
    """Ten per cent are lost: 50 kW leave the cheap area, 45 kW arrive; the rest is made dear."""
    case = problem(
        [
            area(2, 100.0, id="dear", import_limit_kw=200.0, import_price_usd_per_kwh=0.5),
            area(2, 10.0, id="cheap", import_limit_kw=200.0, import_price_usd_per_kwh=0.1),
        ],
        [unit("engine", 2, area="dear", segment_usd_per_kwh=[0.6, 0.7])],
        links=[PlanLink("line", "cheap", "dear", [50.0, 0.0], [0.0, 0.0], 0.1, 0.01)],
    )
    answer = solved(case)
    assert answer.link_kw["line"] == [50.0, 0.0]
    assert answer.import_kw["dear"] == [55.0, 100.0]
    assert answer.import_kw["cheap"] == [60.0, 10.0]
    assert answer.price_usd_per_kwh["dear"] == pytest.approx([0.5, 0.5])
    assert answer.price_usd_per_kwh["cheap"] == pytest.approx([0.1, 0.1])
    why = Explainer(case, answer).why("engine", 0)
    assert any("line carries all it may from cheap to dear" in one for one in why.sentences)


def test_headroom_of_one_area_covers_the_largest_unit_of_the_other() -> None:
    """The engine's loss is covered over the line, and not when the line is full."""
    areas = [
        area(1, 50.0, id="island", reserve_kw=10.0),
        area(1, 0.0, id="main", import_limit_kw=300.0),
    ]
    engine = unit("engine", 1, area="island", min_kw=50.0, max_kw=50.0, must_run=True)
    for most_kw, short in ((80.0, 0.0), (20.0, 40.0)):
        line = PlanLink("line", "main", "island", [most_kw], [0.0])
        answer = solved(problem(areas, [engine], links=[line]))
        assert sum(one.amount_kw for one in answer.shortfalls) == pytest.approx(short, abs=1e-3)


def test_an_emission_cap_is_kept_while_it_is_worth_it_and_named_when_not() -> None:
    dirty = unit("dirty", 4, emission_kg_per_fuel={"NOx": 1.0}, segment_usd_per_kwh=[0.05, 0.06])
    here = area(4, 60.0, import_limit_kw=500.0, import_price_usd_per_kwh=0.5)
    free = solved(problem(here, [dirty]))
    assert free.emission_kg["NOx"] > 10.0
    cap = EmissionCap("air permit", "NOx", 10.0, 100.0)
    kept = solved(problem(here, [dirty], emission_caps=[cap]))
    assert kept.emission_kg["NOx"] <= 10.0 + 1e-6
    assert kept.shortfalls == []
    cheap = msgspec.structs.replace(cap, excess_usd_per_kg=0.01)
    broken = solved(problem(here, [dirty], emission_caps=[cheap]))
    (named,) = broken.shortfalls
    assert (named.kind, named.where, named.interval) == (ShortfallKind.EMISSION, "air permit", 3)
    assert named.amount_kw == pytest.approx(broken.emission_kg["NOx"] - 10.0, abs=1e-6)
    assert "NOx" in named.cause


def test_maintenance_and_spent_windows_are_named_as_causes() -> None:
    for change, word in (
        ({"maintenance": [Span(0, 4)]}, "in maintenance"),
        ({"windows": [RunWindow(0, 4, 0.25)]}, "hours of intervals 0 to 4 used up"),
        ({"windows": [RunWindow(0, 4, None, 0)]}, "starts of intervals 0 to 4 used up"),
    ):
        demand = [0.0, 60.0, 60.0, 60.0]
        answer = solved(problem(area(4, demand), [unit("engine", 4, **change)]))
        causes = [one.cause for one in answer.shortfalls if one.kind is ShortfallKind.UNSERVED]
        assert any(word in cause for cause in causes), (change, causes)


def test_a_wish_for_the_evening_is_kept_or_named() -> None:
    wish = [0.0, 0.0, 0.0, 90.0]
    dear = area(4, 10.0, import_limit_kw=200.0, import_price_usd_per_kwh=0.9)
    full = solved(problem(dear, stores=[store("store", 4, energy_low_kwh=wish)]))
    assert full.energy_kwh["store"][3] >= 90.0 - 1e-3
    weak = area(4, 10.0, import_limit_kw=20.0, import_price_usd_per_kwh=0.9)
    short = solved(problem(weak, stores=[store("store", 4, energy_low_kwh=wish)]))
    (named,) = short.shortfalls
    assert (named.kind, named.interval) == (ShortfallKind.STORE_HOUR, 3)
    assert named.amount_kw == pytest.approx(90.0 - short.energy_kwh["store"][3], abs=1e-3)
