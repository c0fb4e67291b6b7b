"""Large budgets of starts are left out of the first question and kept by the plan all the same."""

from __future__ import annotations

import msgspec
import pytest
from plan_cases import area, problem, unit

from gridmuster.planning import PlanLimits, PlanProblem, solve
from gridmuster.planning.ample import AMPLE, broken, without_ample
from gridmuster.planning.checker import violations

COUNT = 24
LIMITS = PlanLimits(gap=1e-5, time_limit_s=20.0)


def case(starts_left: int | None, sets: int = 1) -> PlanProblem:
    """Prices that call for a set every other quarter of an hour, and starts that cost little."""
    prices = [0.9 if t % 2 else 0.01 for t in range(COUNT)]
    here = area(
        COUNT,
        60.0,
        import_limit_kw=400.0,
        export_limit_kw=300.0,
        import_price_usd_per_kwh=prices,
        export_price_usd_per_kwh=[0.95 * price for price in prices],
    )
    fields = {"start_cost_usd": 0.1, "min_kw": 80.0, "no_load_usd_per_h": 12.0}
    units = [unit(f"u{n}", COUNT, starts_left=starts_left, **fields) for n in range(sets)]
    return problem(here, units)


def starts(on: list[int]) -> int:
    return sum(now > was for was, now in zip([0, *on], on, strict=False))


def test_a_plan_that_would_start_too_often_is_made_anew() -> None:
    free = solve(case(None), LIMITS)
    assert starts(free.commitment["u0"]) > AMPLE + 1
    for budget in (0, 1, AMPLE, AMPLE + 1):
        asked = case(budget)
        plan = solve(asked, LIMITS)
        assert violations(asked, plan) == []
        assert starts(plan.commitment["u0"]) <= budget
        assert plan.lower_bound_usd >= free.lower_bound_usd - 0.01
        assert plan.objective_usd == pytest.approx(plan.lower_bound_usd, abs=0.02)


def test_a_budget_that_does_not_bind_leaves_like_sets_alike() -> None:
    calm = case(6, sets=5)
    flat = msgspec.structs.replace(
        calm.areas[0],
        import_price_usd_per_kwh=[0.3] * COUNT,
        export_price_usd_per_kwh=[0.2] * COUNT,
        demand_kw=[400.0] * COUNT,
    )
    calm = msgspec.structs.replace(calm, areas=[flat])
    without = without_ample(calm, set())
    assert all(one.starts_left is None for one in without.units)
    plan = solve(calm, LIMITS)
    assert broken(calm, plan) == set()
    assert plan.objective_usd == pytest.approx(solve(without, LIMITS).objective_usd, abs=0.02)


def test_no_time_still_keeps_the_budget() -> None:
    asked = case(AMPLE)
    plan = solve(asked, PlanLimits(time_limit_s=0.0))
    assert violations(asked, plan) == []
