"""Planners on hundreds of random small fleets, oracles on thousands of random devices."""

from __future__ import annotations

import pytest
import test_decomposition_fleets as oracles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_decomposition_plans import small_problems

from gridmuster.planning import PlanLimits, PlanProblem, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.solve import Method

MANY = settings(max_examples=500, suppress_health_check=list(HealthCheck))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@MANY
@given(small_problems())
def test_bound_optimum_and_plan_stand_in_their_order(case: PlanProblem) -> None:
    exact = solve(case, PlanLimits(gap=0.0, time_limit_s=60.0), method=Method.MILP)
    answer = solve(case, PlanLimits(gap=1e-4, time_limit_s=0.5), method=Method.DECOMPOSITION)
    assert violations(case, exact) == []
    assert violations(case, answer) == []
    slack = 0.011 + 1e-6 * abs(exact.objective_usd)
    assert answer.lower_bound_usd <= exact.objective_usd + slack
    assert answer.objective_usd >= exact.lower_bound_usd - slack


@pytest.mark.soak
@pytest.mark.timeout(7200)
@MANY
@given(st.integers(0, 1_000_000), oracles.price_lists, st.booleans(), st.integers(1, 7))
def test_thousands_of_engines_answer_as_brute_force_does(
    seed: int, prices: list[float], tanks: bool, count: int
) -> None:
    # Eight engines a fleet.
    inner = oracles.test_engines_answer_as_brute_force_does.hypothesis.inner_test
    inner(seed, prices, tanks, count)
