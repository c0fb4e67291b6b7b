"""The price decomposition held against the exact model and the plan checker on small problems."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_cases import area, problem, store, sun, unit

from gridmuster.errors import PlanningError
from gridmuster.planning import PlanLimits, PlanProblem, PlanUnit, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.solve import Method

QUICK = PlanLimits(gap=0.0, time_limit_s=20.0)


def between(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda value: round(value, 2))


@st.composite
def engines(draw: st.DrawFn, count: int) -> list[PlanUnit]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        high = draw(between(20.0, 120.0))
        first = draw(between(0.05, 0.5))
        on = draw(st.booleans())
        hours = draw(st.sampled_from([None, None, 0.5, 0.75]))
        found.append(
            unit(
                f"unit-{number}",
                count,
                max_kw=high,
                min_kw=round(high * draw(st.sampled_from([0.0, 0.3, 1.0])), 2),
                no_load_usd_per_h=draw(between(0.0, 10.0)),
                segment_kw=[high / 2, high / 2],
                segment_usd_per_kwh=[first, round(first + draw(between(0.0, 0.2)), 2)],
                start_cost_usd=draw(between(0.0, 6.0)),
                min_up_s=draw(st.sampled_from([0.0, 900.0, 1800.0, 7200.0])),
                min_down_s=draw(st.sampled_from([0.0, 600.0, 1800.0, 7200.0])),
                initial_on=on,
                initial_kw=high if on else 0.0,
                initial_s=draw(st.sampled_from([0.0, 900.0, 1e6])),
                run_h_left=None if on else hours,
                fuel_left=draw(st.sampled_from([None, None, 60.0, 15.0])),
                gives_reserve=draw(st.booleans()),
                must_run=draw(st.sampled_from([False, False, False, True])),
            )
        )
    return found


@st.composite
def small_problems(draw: st.DrawFn) -> PlanProblem:
    count = draw(st.integers(1, 8))
    stores = [
        store(
            f"store-{number}",
            count,
            charge_efficiency=draw(st.sampled_from([1.0, 0.9])),
            self_discharge_per_h=draw(st.sampled_from([0.0, 0.02])),
            initial_energy_kwh=draw(between(0.0, 100.0)),
            end_value_usd_per_kwh=draw(between(0.0, 0.3)),
            end_min_kwh=draw(st.sampled_from([0.0, 40.0])),
            gives_reserve=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 2)))
    ]
    return problem(
        area(
            count,
            [draw(between(0.0, 350.0)) for _ in range(count)],
            import_limit_kw=draw(st.sampled_from([0.0, 60.0, 150.0])),
            export_limit_kw=draw(st.sampled_from([0.0, 40.0])),
            import_price_usd_per_kwh=[draw(between(-0.2, 0.6)) for _ in range(count)],
            export_price_usd_per_kwh=[draw(between(-0.3, 0.5)) for _ in range(count)],
            reserve_kw=draw(st.sampled_from([0.0, 20.0])),
        ),
        draw(engines(count)),
        stores,
        renewables=[sun("sun", [draw(between(0.0, 60.0)) for _ in range(count)])],
    )


@settings(max_examples=25)
@given(small_problems())
def test_the_bound_is_below_and_the_plan_above_the_optimum(case: PlanProblem) -> None:
    exact = solve(case, QUICK, method=Method.MILP)
    answer = solve(case, PlanLimits(gap=1e-4, time_limit_s=1.0), method=Method.DECOMPOSITION)
    assert violations(case, answer) == []
    slack = 0.011 + 1e-6 * abs(exact.objective_usd)
    assert answer.lower_bound_usd <= exact.objective_usd + slack
    assert answer.objective_usd >= exact.lower_bound_usd - slack
    assert answer.method == "decomposition"


def test_what_is_not_modelled_is_refused_by_name() -> None:
    slow = unit("slow", 4, ramp_kw_per_s=0.001)
    case = problem(area(4, 100.0), [slow])
    with pytest.raises(PlanningError, match="slow: ramps that bind"):
        solve(case, QUICK, method=Method.DECOMPOSITION)
    assert solve(case, QUICK).method == "milp"
