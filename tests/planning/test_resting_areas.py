"""Areas in which nothing can pay to run: the plan without a solver against the solver's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from plan_cases import area, problem, unit

from gridmuster.planning import solve
from gridmuster.planning.areawise import tasks
from gridmuster.planning.objectives import costs
from gridmuster.planning.problem import PlanProblem
from gridmuster.planning.resting import resting_plan
from gridmuster.planning.solve import Method

COUNT = 4


def asked(
    demand_kw: float, price: float, discount: float, limit_kw: float, on: bool
) -> PlanProblem:
    """Two sets behind a connection of some size, at some price."""
    place = area(
        COUNT,
        [demand_kw, 0.0, 0.5 * demand_kw, demand_kw],
        import_limit_kw=limit_kw,
        export_limit_kw=80.0,
        import_price_usd_per_kwh=price,
        export_price_usd_per_kwh=price - discount,
        reserve_kw=2.0,
    )
    units = [unit("one", COUNT, initial_on=on), unit("two", COUNT, min_down_s=3600.0)]
    return problem([place], units)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.0, 300.0),
    st.floats(-0.2, 0.8),
    st.floats(-0.1, 0.2),
    st.sampled_from([100.0, 300.0, 600.0]),
    st.booleans(),
)
def test_it_is_the_solvers_plan(
    demand_kw: float, price: float, discount: float, limit_kw: float, on: bool
) -> None:
    question = asked(demand_kw, price, discount, limit_kw, on)
    exact = solve(question, method=Method.MILP)
    (task,) = tasks(question, costs(question))
    found = resting_plan(task)
    if found is None:
        return
    assert found.objective_usd == pytest.approx(exact.objective_usd, abs=1e-6)
    assert found.bound_usd == found.objective_usd
    assert not any(map(any, exact.commitment.values()))
    mine = solve(question)
    rest = {"seconds": 0.0, "price_usd_per_kwh": {}}
    assert mine.import_kw["area"] == pytest.approx(exact.import_kw["area"], abs=1e-6)
    assert structs.replace(mine, **rest).commitment == structs.replace(exact, **rest).commitment


def test_where_running_may_pay_the_solver_is_asked() -> None:
    quiet = asked(50.0, 0.05, 0.01, 600.0, on=False)
    found = [
        resting_plan(tasks(one, costs(one))[0])
        for one in (
            quiet,
            asked(50.0, 0.8, 0.01, 600.0, on=False),
            asked(50.0, 0.05, 0.01, 600.0, on=True),
            asked(50.0, 0.05, 0.01, 60.0, on=False),
            asked(50.0, 0.05, -0.02, 600.0, on=False),
        )
    ]
    assert [one is not None for one in found] == [True, False, False, False, False]
    plan = found[0]
    assert plan is not None
    assert plan.schedule.bought[0].tolist() == quiet.areas[0].demand_kw
    assert plan.prices.tolist() == [quiet.areas[0].import_price_usd_per_kwh]
