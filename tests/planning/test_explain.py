"""Explanations: every statement agrees with the numbers of the plan it is about."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_cases import STEP_H, STEP_S, area, problem, sequences, store, sun, unit

from gridmuster.errors import PlanningError
from gridmuster.planning import (
    PlanLimits,
    PlanProblem,
    PlanSolution,
    PlanUnit,
    ShortfallKind,
    Weights,
    solve,
)
from gridmuster.planning.explain import Explainer, explain
from gridmuster.planning.merit import Source
from gridmuster.planning.reasons import (
    LimitKind,
    NotPlanned,
    RenewableWhy,
    StoreWhy,
    UnitWhy,
    Verdict,
    Why,
)
from gridmuster.planning.solve import Method

COUNT = 5
TOLERANCE_USD = 2e-3
CASES = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def hourly_usd(one: PlanUnit, power_kw: float) -> float:
    """What a unit costs an hour at a power, on its own words."""
    total, left = one.no_load_usd_per_h, power_kw
    for number, (width, usd) in enumerate(
        zip(one.segment_kw, one.segment_usd_per_kwh, strict=True)
    ):
        part = left if number == len(one.segment_kw) - 1 else min(width, left)
        total += usd * part
        left -= part
    return total


def best_margin_usd_per_h(one: PlanUnit, t: int, price: float) -> float:
    """The most a unit that is on can leave at a price: at an end or where a segment ends."""
    low, high = one.min_kw[t], one.max_kw[t]
    first = one.segment_kw[0]
    outputs = [low, high, min(max(first, low), high)]
    return max(price * kw - hourly_usd(one, kw) for kw in outputs)


@st.composite
def cases(draw: st.DrawFn) -> PlanProblem:
    """A small area with anything in it."""
    level = st.integers(0, 8).map(lambda n: 25.0 * n)
    demand = draw(st.lists(level, min_size=COUNT, max_size=COUNT))
    prices = draw(
        st.lists(st.sampled_from([-0.02, 0.03, 0.11, 0.24, 0.4]), min_size=COUNT, max_size=COUNT)
    )
    place = area(
        COUNT,
        demand,
        import_limit_kw=draw(st.sampled_from([0.0, 40.0, 120.0])),
        export_limit_kw=draw(st.sampled_from([0.0, 50.0])),
        import_price_usd_per_kwh=prices,
        export_price_usd_per_kwh=[price - 0.01 for price in prices],
        reserve_kw=draw(st.sampled_from([0.0, 10.0])),
    )
    units = [
        unit(
            f"u{number}",
            COUNT,
            no_load_usd_per_h=draw(st.sampled_from([0.0, 3.0, 9.0])),
            segment_usd_per_kwh=draw(st.sampled_from([[0.05, 0.09], [0.2, 0.3], [0.21, 0.21]])),
            start_cost_usd=draw(st.sampled_from([0.0, 1.5, 12.0])),
            min_kw=draw(st.sampled_from([0.0, 30.0, 100.0])),
            min_up_s=draw(st.sampled_from([900.0, 1800.0])),
            min_down_s=draw(st.sampled_from([900.0, 1800.0])),
            initial_on=draw(st.booleans()),
            must_run=draw(st.integers(0, 9)) == 0,
            run_h_left=draw(st.sampled_from([None, None, 0.5])),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    stores = [store("s0", COUNT, end_value_usd_per_kwh=0.1)] if draw(st.booleans()) else []
    panels = [sun("p0", draw(st.lists(level, min_size=COUNT, max_size=COUNT)))]
    return problem(place, units, stores, panels if draw(st.booleans()) else [])


def every_why(case: PlanProblem, plan: PlanSolution) -> list[Why]:
    asked = Explainer(case, plan)
    things = [*case.units, *case.stores, *case.renewables]
    return [asked.why(one.id, t) for one in things for t in range(case.count)]


@CASES
@given(cases())
def test_statements_agree_with_the_numbers(case: PlanProblem) -> None:
    statements_hold(case, solve(case, PlanLimits(gap=1e-6, time_limit_s=10.0)))


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_statements_about_a_decomposed_plan_agree_with_its_numbers(case: PlanProblem) -> None:
    limits = PlanLimits(gap=0.05, time_limit_s=0.3)
    statements_hold(case, solve(case, limits, method=Method.DECOMPOSITION))


def statements_hold(case: PlanProblem, plan: PlanSolution) -> None:
    units = {one.id: one for one in case.units}
    for why in every_why(case, plan):
        assert why.sentences
        assert all(line.endswith(".") for line in why.sentences)
        assert msgspec.json.decode(msgspec.json.encode(why), type=Why) == why
        if isinstance(why, UnitWhy):
            figures_hold(case, plan, units[why.device], why)
            CHECKS.get(why.verdict, lambda *_: None)(case, plan, units[why.device], why)
        elif isinstance(why, StoreWhy):
            store_holds(plan, why)
        elif isinstance(why, RenewableWhy):
            held_back = why.available_kw - plan.power_kw[why.device][why.interval]
            assert (why.verdict is Verdict.CURTAILED) == (held_back > 1e-3)


def figures_hold(case: PlanProblem, plan: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    """Power, price, cost, limits and the next best are the plan's and the unit's own."""
    t = why.interval
    assert why.on == bool(plan.commitment[one.id][t])
    assert why.power_kw == plan.power_kw[one.id][t]
    assert why.price_usd_per_kwh == plan.price_usd_per_kwh["area"][t]
    cost = hourly_usd(one, why.output_kw)
    assert why.no_load_usd_per_h + why.energy_usd_per_h == pytest.approx(cost, abs=1e-3)
    if why.output_kw > 1e-3:
        whole = cost / why.output_kw + why.start_usd_per_kwh
        assert why.cost_usd_per_kwh == pytest.approx(whole, rel=1e-4, abs=1e-6)
    margin = why.price_usd_per_kwh * why.output_kw - cost
    assert why.margin_usd_per_h == pytest.approx(margin, abs=1e-3)
    for limit in why.limits:
        if limit.kind is LimitKind.MOST_OUTPUT:
            assert why.power_kw >= one.max_kw[t] - 2e-3
        if limit.kind is LimitKind.LEAST_OUTPUT:
            assert why.power_kw <= one.min_kw[t] + 2e-3
        if limit.kind is LimitKind.IMPORT:
            assert plan.import_kw["area"][t] >= case.areas[0].import_limit_kw[t] - 2e-3
        if limit.kind is LimitKind.HOURS:
            assert one.run_h_left is not None
            assert sum(plan.commitment[one.id]) * STEP_H > one.run_h_left - STEP_H
    if why.next_best is not None:
        found = next(other for other in case.units if other.id == why.next_best.id)
        idle = why.next_best.source is Source.IDLE_UNIT
        assert idle == (not plan.commitment[found.id][t])
        assert why.next_best.dearer_by_usd_per_kwh == pytest.approx(
            why.next_best.cost_usd_per_kwh - why.cost_usd_per_kwh
        )


def run_usd(plan: PlanSolution, one: PlanUnit, why: UnitWhy) -> float:
    """What the run a unit is in leaves at the plan's prices."""
    assert why.run is not None
    prices, power = plan.price_usd_per_kwh["area"], plan.power_kw[one.id]
    started = why.run.first > 0 or not one.initial_on
    left = -one.start_cost_usd * started
    for t in range(why.run.first, why.run.end):
        assert plan.commitment[one.id][t]
        left += (prices[t] * power[t] - hourly_usd(one, power[t])) * STEP_H
    return left


def earns(_: PlanProblem, plan: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    assert run_usd(plan, one, why) >= -TOLERANCE_USD


def loses_in_every_way(case: PlanProblem, plan: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    """No other on and off through this interval leaves more at the prices than staying off."""
    on, prices = plan.commitment[one.id], plan.price_usd_per_kwh["area"]

    def left_usd(pattern: tuple[int, ...], t: int) -> float:
        return best_margin_usd_per_h(one, t, prices[t]) * STEP_H if pattern[t] else 0.0

    def starts(pattern: tuple[int, ...]) -> int:
        before = (int(one.initial_on), *pattern[:-1])
        return sum(now > then for now, then in zip(pattern, before, strict=True))

    first = end = why.interval
    while first > 0 and not on[first - 1]:
        first -= 1
    while end < case.count and not on[end]:
        end += 1
    for pattern in sequences(one, case.count, STEP_S):
        inside = pattern[first:end]
        outside = [
            now == then
            for t, (now, then) in enumerate(zip(pattern, on, strict=True))
            if not first <= t < end
        ]
        blocks = sum(b > a for a, b in zip((0, *inside), inside, strict=False))
        if not pattern[why.interval] or not all(outside) or blocks != 1:
            continue
        gain = sum(left_usd(pattern, t) for t in range(first, end))
        gain -= one.start_cost_usd * (starts(pattern) - starts(tuple(on)))
        assert gain <= TOLERANCE_USD


def is_needed(case: PlanProblem, plan: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    """Even with everything else that is on at its most, demand is above what there is."""
    t, place = why.interval, case.areas[0]
    most = place.import_limit_kw[t] + sum(r.available_kw[t] for r in case.renewables)
    most += sum(
        other.max_kw[t]
        for other in case.units
        if other.id != one.id and plan.commitment[other.id][t]
    )
    for held in case.stores:
        spare = (plan.energy_kwh[held.id][t] - held.min_energy_kwh) / STEP_H
        could = plan.power_kw[held.id][t] + spare * held.discharge_efficiency
        most += min(max(could, 0.0), held.discharge_kw[t])
    unserved = sum(
        s.amount_kw for s in plan.shortfalls if s.interval == t and s.kind.value == "unserved"
    )
    missing = place.demand_kw[t] - unserved - most
    assert missing > 0.0
    assert why.missing_kw == pytest.approx(missing, abs=1e-3)


def others_are_dearer(_: PlanProblem, plan: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    assert run_usd(plan, one, why) < 0.0
    assert why.instead_usd_per_h is not None
    own = hourly_usd(one, why.power_kw) + why.start_usd_per_kwh * why.power_kw
    assert why.instead_usd_per_h >= own - TOLERANCE_USD


def may_not_run(_: PlanProblem, __: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    assert one.max_kw[why.interval] <= 0.0


def must_run(_: PlanProblem, __: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    assert one.must_run


def budget_is_gone(_: PlanProblem, plan: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    assert one.run_h_left is not None
    assert sum(plan.commitment[one.id]) * STEP_H > one.run_h_left - STEP_H


def displaces_the_cheaper(_: PlanProblem, __: PlanSolution, one: PlanUnit, why: UnitWhy) -> None:
    if why.instead_usd_per_h is not None:
        assert why.instead_usd_per_h <= hourly_usd(one, why.output_kw) + TOLERANCE_USD


CHECKS = {
    Verdict.EARNS: earns,
    Verdict.OUT_OF_MONEY: loses_in_every_way,
    Verdict.NEEDED: is_needed,
    Verdict.CHEAPEST_WAY: others_are_dearer,
    Verdict.NOT_ALLOWED: may_not_run,
    Verdict.MUST_RUN: must_run,
    Verdict.USED_UP: budget_is_gone,
    Verdict.NO_ROOM: displaces_the_cheaper,
}


def store_holds(plan: PlanSolution, why: StoreWhy) -> None:
    power, price = plan.power_kw[why.device][why.interval], why.price_usd_per_kwh
    value = plan.energy_value_usd_per_kwh[why.device][why.interval]
    assert why.sells_above_usd_per_kwh == pytest.approx(value / 0.9)
    assert why.buys_below_usd_per_kwh == pytest.approx(value * 0.9)
    if why.verdict is Verdict.GIVES:
        assert power > 0.0
        assert price >= value / 0.9 - 1e-5
    elif why.verdict is Verdict.TAKES:
        assert power < 0.0
        assert price <= value * 0.9 + 1e-5
    elif why.verdict is Verdict.WAITS:
        assert abs(power) <= 1e-3
        assert value * 0.9 - 1e-5 <= price <= value / 0.9 + 1e-5


def why_of(case: PlanProblem, device: str, interval: int) -> Why:
    return explain(case, solve(case), device, interval)


def test_a_dear_unit_beside_a_cheap_grid_loses_and_says_by_how_much() -> None:
    place = area(4, 50.0, import_limit_kw=100.0, import_price_usd_per_kwh=0.1)
    why = why_of(problem(place, [unit("dear", 4)]), "dear", 1)
    assert isinstance(why, UnitWhy)
    assert why.verdict is Verdict.OUT_OF_MONEY
    assert not why.on
    # At least 30 kW for a quarter hour: 4 USD/h no load, 0.2 USD/kWh and a start of 2 USD.
    assert why.run is not None
    assert why.run.margin_usd == pytest.approx((30 * 0.1 - 4 - 30 * 0.2) / 4 - 2)
    assert "would lose money" in why.sentences[0]
    assert "100.00 USD/MWh" in why.sentences[0]


def test_the_only_unit_of_an_island_is_needed_or_earns() -> None:
    why = why_of(problem(area(4, 80.0), [unit("one", 4)]), "one", 2)
    assert isinstance(why, UnitWhy)
    assert why.on
    assert why.verdict in (Verdict.EARNS, Verdict.NEEDED)
    assert why.next_best is None
    assert LimitKind.ISLANDED in {limit.kind for limit in why.limits}


def test_the_next_best_is_the_cheapest_that_is_left() -> None:
    cheap = unit("cheap", 4, segment_usd_per_kwh=[0.1, 0.1], no_load_usd_per_h=1.0)
    middle = unit("middle", 4, segment_usd_per_kwh=[0.2, 0.2], no_load_usd_per_h=1.0)
    dear = unit("dear", 4, segment_usd_per_kwh=[0.4, 0.4], no_load_usd_per_h=1.0)
    # The grid is there for the reserve, but far too dear to be used.
    place = area(4, 80.0, import_limit_kw=300.0, import_price_usd_per_kwh=0.9)
    why = why_of(problem(place, [dear, cheap, middle]), "cheap", 1)
    assert isinstance(why, UnitWhy)
    assert why.next_best is not None
    assert why.next_best.id == "middle"
    # 80 kW for the whole hour: no load, energy, and the same start over the same hour.
    assert why.next_best.cost_usd_per_kwh == pytest.approx(1 / 80 + 0.2 + 2 / 80)
    assert why.next_best.dearer_by_usd_per_kwh == pytest.approx(0.1, abs=1e-6)


def test_a_set_behind_a_transfer_switch_says_so() -> None:
    block = unit("block", 4, min_kw=40.0, max_kw=40.0, segment_usd_per_kwh=[0.01, 0.01])
    place = area(4, 90.0, import_limit_kw=100.0, import_price_usd_per_kwh=0.5)
    why = why_of(problem(place, [block]), "block", 1)
    assert isinstance(why, UnitWhy)
    assert why.verdict is Verdict.EARNS
    assert LimitKind.OWN_LOAD in {limit.kind for limit in why.limits}


def test_a_unit_on_for_the_reserve_alone_says_so() -> None:
    # Base and grid cover 120 kW with ease, but not the loss of base's 100 kW.
    place = area(2, 120.0, import_limit_kw=60.0, import_price_usd_per_kwh=0.05)
    base = unit("base", 2, segment_usd_per_kwh=[0.01, 0.01], no_load_usd_per_h=0.0)
    why = why_of(problem(place, [base, unit("spin", 2, min_kw=10.0)]), "spin", 1)
    assert isinstance(why, UnitWhy)
    assert why.on
    assert why.verdict is Verdict.RESERVE
    # Without it the grid's 60 kW stand against 120 kW of demand and base's 100 kW on top.
    assert why.missing_kw == pytest.approx(120.0 + 100.0 - 100.0 - 60.0, abs=1e-3)
    assert "reserve" in why.sentences[0]


def test_other_objectives_are_named() -> None:
    case = problem(area(4, 80.0), [unit("one", 4)], weights=Weights(0.0, 0.0, 1.0, 0.0))
    why = why_of(case, "one", 2)
    assert any("efficiency" in line for line in why.sentences)


def test_what_the_plan_leaves_out_is_said() -> None:
    why = why_of(problem(area(2, 10.0), [unit("one", 2)]), "absent", 0)
    assert isinstance(why, NotPlanned)
    assert "absent" in why.sentences[0]


def test_shortfalls_of_the_moment_are_told() -> None:
    why = why_of(problem(area(2, 150.0), [unit("one", 2)]), "one", 1)
    assert isinstance(why, UnitWhy)
    assert any("unserved" in line for line in why.sentences)
    unserved = [one.amount_kw for one in why.shortfalls if one.kind is ShortfallKind.UNSERVED]
    assert unserved == [pytest.approx(50.0)]


def test_an_interval_outside_the_plan_is_refused() -> None:
    case = problem(area(2, 10.0), [unit("one", 2)])
    with pytest.raises(PlanningError, match="interval 2"):
        explain(case, solve(case), "one", 2)


def test_a_plan_of_another_question_is_refused() -> None:
    plan = solve(problem(area(3, 10.0), [unit("one", 3)]))
    with pytest.raises(PlanningError, match="other intervals"):
        Explainer(problem(area(2, 10.0), [unit("one", 2)]), plan)


def test_like_units_cost_alike() -> None:
    """A unit that is on and its idle twin, which would run as long, are equally good."""
    place = area(4, [80.0, 80.0, 95.0, 60.0], import_limit_kw=300.0, import_price_usd_per_kwh=0.9)
    why = why_of(problem(place, [unit("one", 4), unit("two", 4)]), "one", 2)
    other = "two"
    if isinstance(why, UnitWhy) and not why.on:
        other = "one"
        why = why_of(problem(place, [unit("one", 4), unit("two", 4)]), "two", 2)
    assert isinstance(why, UnitWhy)
    assert why.next_best is not None
    assert why.next_best.id == other
    assert why.next_best.dearer_by_usd_per_kwh == pytest.approx(0.0, abs=1e-9)
    assert any("the same as" in line for line in why.sentences)
