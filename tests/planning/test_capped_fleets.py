"""Emission caps by prices, held against the exact model on small problems, and at size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from plan_cases import area, problem, unit
from test_decomposition_plans import small_problems

from gridmuster.errors import PlanningError
from gridmuster.planning import EmissionCap, PlanLimits, PlanProblem, PlanUnit, capped, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.decomposition import areas
from gridmuster.planning.problem import PlanArea
from gridmuster.planning.solve import Method

QUICK = PlanLimits(gap=1e-3, time_limit_s=5.0)
PRICED = PlanLimits(gap=1e-2, time_limit_s=0.15)


@st.composite
def capped_problems(draw: st.DrawFn) -> PlanProblem:
    case = draw(small_problems())
    units = [
        structs.replace(one, emission_kg_per_fuel={"co2": draw(st.sampled_from([0.0, 1.5, 3.0]))})
        for one in case.units
    ]
    limit = draw(st.floats(0.0, 60.0).map(lambda kg: round(kg, 1)))
    usd = draw(st.sampled_from([0.05, 1.0, 50.0]))
    caps = [EmissionCap("air", "co2", limit, usd)]
    half = case.count // 2
    if half and draw(st.booleans()):
        caps = [
            EmissionCap("today", "co2", limit, usd, end=half),
            EmissionCap("tomorrow", "co2", 0.5 * limit, usd, first=half),
        ]
    return structs.replace(case, units=units, emission_caps=caps)


@settings(max_examples=4)
@given(capped_problems())
def test_the_bound_with_caps_is_below_and_the_plan_above_the_optimum(case: PlanProblem) -> None:
    exact = solve(case, QUICK, method=Method.MILP)
    answer = solve(case, PRICED, method=Method.DECOMPOSITION)
    assert violations(case, answer) == []
    slack = 0.011 + 1e-6 * abs(exact.objective_usd)
    assert answer.lower_bound_usd <= exact.objective_usd + slack
    assert answer.objective_usd >= exact.lower_bound_usd - slack


def many(count: int, size: int) -> tuple[PlanArea, list[PlanUnit]]:
    """An area of many engines of two kinds, the cheaper ones dirtier, and no line."""
    dice = np.random.default_rng(5)
    units = []
    for number in range(size):
        dirty = number % 2 == 0
        high = float(np.round(dice.uniform(50.0, 150.0), 1))
        usd = float(np.round(dice.uniform(0.1, 0.2) + 0.1 * (not dirty), 4))
        units.append(
            unit(
                f"unit-{number}",
                count,
                max_kw=high,
                min_kw=0.3 * high,
                no_load_usd_per_h=2.0,
                segment_kw=[high],
                segment_usd_per_kwh=[usd],
                segment_fuel_per_kwh=[0.25],
                start_cost_usd=3.0,
                emission_kg_per_fuel={"co2": 3.0 if dirty else 1.0},
            )
        )
    need = [size * 30.0 * (1.0 + 0.3 * (t % 4)) for t in range(count)]
    return area(count, need, import_limit_kw=0.0), units


def test_a_fleet_keeps_a_cap_at_a_price_with_a_proven_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (areas, capped):
        monkeypatch.setattr(module, "MANY", 100)
    place, units = many(4, 150)
    free = problem(place, units)
    limits = PlanLimits(gap=0.08, time_limit_s=60.0)
    before = solve(free, limits)
    cap = EmissionCap("air", "co2", 0.85 * before.emission_kg["co2"], 20.0)
    case = structs.replace(free, emission_caps=[cap])
    plan = solve(case, limits)
    assert before.method == plan.method == "decomposition"
    assert violations(case, plan) == []
    assert plan.emission_kg["co2"] <= cap.limit_kg * (1.0 + 1e-3)
    assert plan.gap < 0.15
    # Dropping the cap would cost less than any plan that keeps it.
    assert plan.lower_bound_usd > before.lower_bound_usd


def test_a_cap_on_a_part_of_the_horizon_alone_is_left_to_the_exact_model() -> None:
    place, units = many(4, 4)
    cap = EmissionCap("morning", "co2", 10.0, 20.0, first=0, end=2)
    case = structs.replace(problem(place, units), emission_caps=[cap])
    with pytest.raises(PlanningError, match="an emission cap"):
        solve(case, QUICK, method=Method.DECOMPOSITION)
    assert solve(case, QUICK).method == "milp"
