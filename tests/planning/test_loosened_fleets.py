"""Bounds of looser questions stay below the optimum of the true one, and plans keep its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec import structs
from plan_cases import area, problem, store, unit
from test_device_features import featured_cases

from gridmuster.planning import PlanLimits, PlanProblem, PlanSolution, StartClass, solve
from gridmuster.planning import capped as capped_module
from gridmuster.planning import loosened as loosened_module
from gridmuster.planning.checker import violations
from gridmuster.planning.solve import Method

QUICK = PlanLimits(gap=5e-3, time_limit_s=5.0)
SHORT = PlanLimits(gap=1e-3, time_limit_s=0.3)


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """No area is too small to be planned as large ones are."""
    for module in (capped_module, loosened_module):
        monkeypatch.setattr(module, "MANY", 0)


def held_against_the_exact_model(case: PlanProblem) -> PlanSolution:
    exact = solve(case, QUICK, method=Method.MILP)
    answer = solve(case, SHORT)
    assert violations(case, answer) == []
    slack = 0.011 + 1e-6 * abs(exact.objective_usd)
    assert answer.lower_bound_usd <= exact.objective_usd + slack
    assert answer.objective_usd >= exact.lower_bound_usd - slack
    return answer


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(featured_cases())
def test_whatever_units_and_stores_have_the_bound_holds(any_size: None, case: PlanProblem) -> None:
    units = [structs.replace(one, start_power_kw=[]) for one in case.units]
    held_against_the_exact_model(structs.replace(case, units=units, links=[]))


def test_starts_by_rest_alone_are_planned_and_priced_truly(any_size: None) -> None:
    dice = np.random.default_rng(3)
    count = 6
    units = [
        unit(
            f"unit-{number}",
            count,
            min_kw=20.0,
            max_kw=60.0 + 5.0 * number,
            segment_kw=[200.0],
            segment_usd_per_kwh=[float(np.round(dice.uniform(0.1, 0.4), 3))],
            segment_fuel_per_kwh=[0.25],
            start_cost_usd=1.0,
            start_classes=[StartClass(5400.0, 6.0)],
            start_fuel=1.0,
            initial_s=1800.0,
        )
        for number in range(6)
    ]
    need = [120.0 + 100.0 * (t % 6 < 3) for t in range(count)]
    case = problem(area(count, need, import_limit_kw=60.0), units, [store("cells", count)])
    answer = held_against_the_exact_model(case)
    assert answer.method == "decomposition"
    rated = structs.replace(
        case, units=[structs.replace(one, ramp_kw_per_s=0.02) for one in case.units]
    )
    assert held_against_the_exact_model(rated).method == "merit-order rules"
