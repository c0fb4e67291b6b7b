"""What holds of any planner, held against both: order, units of measure, ties, edges, windows."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from plan_cases import area, problem, store, sun, unit
from plan_oracle import legal
from test_decomposition_plans import small_problems
from test_invariance import other_money, other_power

from gridmuster.planning import PlanLimits, PlanProblem, PlanSolution, ShortfallKind, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.continuing import unit_after
from gridmuster.planning.solve import Method

BOTH = pytest.mark.parametrize("method", [Method.MILP, Method.DECOMPOSITION])
QUICK = PlanLimits(gap=0.02, time_limit_s=0.15)
LIMITS = PlanLimits(gap=1e-3, time_limit_s=10.0)
COUNT = 4

EDGES: dict[str, PlanProblem] = {
    "one device": problem(area(COUNT, 80.0), [unit("one", COUNT)]),
    "one interval": problem(area(1, 150.0), [unit("a", 1), unit("b", 1)], [store("s", 1)]),
    "no device": problem(area(COUNT, 80.0, import_limit_kw=60.0)),
    "no demand": problem(area(COUNT, 0.0), [unit("one", COUNT)], [store("s", COUNT)]),
    "demand above everything": problem(area(COUNT, 900.0), [unit("a", COUNT), unit("b", COUNT)]),
    "all must run": problem(
        area(COUNT, 20.0), [unit(name, COUNT, must_run=True) for name in ("a", "b", "c")]
    ),
    "negative prices": problem(
        area(COUNT, 50.0, import_limit_kw=200.0, import_price_usd_per_kwh=-0.2,
             export_price_usd_per_kwh=-0.3),
        [unit("one", COUNT, initial_on=True, initial_kw=50.0)],
        [store("s", COUNT)],
    ),
    "an empty store": problem(
        area(COUNT, 50.0, import_limit_kw=60.0),
        [unit("one", COUNT)],
        [store("s", COUNT, initial_energy_kwh=0.0)],
    ),
    "least time on beyond the horizon": problem(
        area(COUNT, [90.0, 0.0, 0.0, 90.0], export_limit_kw=200.0),
        [unit("one", COUNT, min_up_s=36_000.0)],
    ),
    "sun alone": problem(area(COUNT, 50.0), [], [], [sun("sun", [80.0, 20.0, 0.0, 50.0])]),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str, method: Method) -> None:
    case = EDGES[name]
    plan = solve(case, QUICK, method=method)
    assert violations(case, plan) == []
    assert plan.lower_bound_usd <= plan.objective_usd + 1e-6
    exact = solve(case, LIMITS)
    slack = 0.011 + 1e-6 * abs(exact.objective_usd)
    assert plan.lower_bound_usd <= exact.objective_usd + slack
    assert plan.objective_usd >= exact.lower_bound_usd - slack
    if name == "demand above everything":
        short = [one for one in plan.shortfalls if one.kind is ShortfallKind.UNSERVED]
        assert [one.interval for one in short] == list(range(COUNT))
        assert all(one.where == "area" and one.cause for one in short)
        assert sum(one.amount_kw for one in short) >= COUNT * 700.0 - 1e-6


def bounds(case: PlanProblem, factor: float = 1.0) -> tuple[float, float]:
    plan = solve(case, QUICK, method=Method.DECOMPOSITION)
    assert violations(case, plan) == []
    return factor * plan.lower_bound_usd, factor * plan.objective_usd


@settings(max_examples=4)
@given(small_problems(), st.integers(0, 99))
def test_order_and_units_of_measure_leave_the_optimum_between_bound_and_plan(
    case: PlanProblem, seed: int
) -> None:
    stores = [
        structs.replace(one, end_value_usd_per_kwh=0.0, end_min_kwh=0.0) for one in case.stores
    ]
    case = structs.replace(case, stores=stores)
    dice = random.Random(seed)
    mixed = structs.replace(
        case,
        units=dice.sample(case.units, len(case.units)),
        stores=dice.sample(case.stores, len(case.stores)),
    )
    found = [
        bounds(case),
        bounds(mixed),
        bounds(other_money(case, 4.0), 0.25),
        bounds(other_power(case, 8.0)),
    ]
    exact = solve(case, LIMITS)
    slack = 0.03 + 1e-5 * abs(exact.objective_usd)
    assert max(low for low, _ in found) <= exact.objective_usd + slack
    assert min(high for _, high in found) >= exact.lower_bound_usd - slack


def test_twins_in_any_order_cost_the_same_and_share_what_one_of_them_may_be() -> None:
    case = problem(
        area(COUNT, [200.0, 650.0, 650.0, 200.0]),
        [unit(f"twin-{number}", COUNT, start_cost_usd=3.0) for number in range(12)],
    )
    turned = structs.replace(case, units=case.units[::-1])
    exact, again = solve(case, LIMITS), solve(turned, LIMITS)
    assert again.objective_usd == pytest.approx(exact.objective_usd, rel=2e-3)
    assert exact.objective_usd - exact.lower_bound_usd <= 1e-3 * exact.objective_usd + 0.01
    for one in (
        exact,
        again,
        *(solve(each, QUICK, None, Method.DECOMPOSITION) for each in (case, turned)),
    ):
        assert violations(case, one) == []
        assert one.lower_bound_usd <= min(exact.objective_usd, again.objective_usd) + 0.011
        assert one.objective_usd >= max(exact.lower_bound_usd, again.lower_bound_usd) - 0.011


@BOTH
@settings(max_examples=4)
@given(st.lists(st.floats(0.0, 300.0).map(round), min_size=9, max_size=9), st.integers(1, 3))
def test_plans_one_after_the_other_break_no_least_time(
    method: Method, need: list[int], done: int
) -> None:
    """Of each plan of five intervals some are carried out, then the next plan goes on."""
    units = [
        unit(f"u{number}", 9, max_kw=100.0, segment_usd_per_kwh=[0.1 + 0.1 * number, 0.5],
             min_up_s=900.0 * (number + 1), min_down_s=1800.0)
        for number in range(3)
    ]  # fmt: skip
    state, on = list(units), {one.id: [] for one in units}
    begin, last = 0, None
    while begin < 9:
        count = min(5, 9 - begin)
        here = area(count, [float(kw) for kw in need[begin : begin + count]], export_limit_kw=200.0)
        now = [structs.replace(one, min_kw=[30.0] * count, max_kw=[100.0] * count) for one in state]
        case = problem(here, now)
        last = solve(case, QUICK, last, method)
        assert violations(case, last) == []
        carried = min(done, count)
        for number, one in enumerate(now):
            on[one.id] += last.commitment[one.id][:carried]
            state[number] = _after(one, last, carried)
        begin += carried
    for one in units:
        assert legal(one, tuple(on[one.id]), 900.0)


def _after(one, plan: PlanSolution, done: int):
    return unit_after(one, plan.commitment[one.id], plan.power_kw[one.id], done, 900.0)
