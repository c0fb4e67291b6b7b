"""Strict order of objectives: the mark of the first is kept, and the second is no dearer for it."""

from __future__ import annotations

import pytest
from test_objectives import fleet

from gridmuster.errors import PlanningError
from gridmuster.planning import PlanLimits, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.order import Mark, in_order, value

LIMITS = PlanLimits(gap=1e-3, time_limit_s=20.0)


def test_the_mark_is_kept_and_the_rest_costs_no_more_than_the_first_alone() -> None:
    case = fleet()
    found = in_order(case, Mark("efficiency", within=0.05), "operating-expense", LIMITS)
    assert violations(case, found.solution) == []
    best = solve(fleet("efficiency"), LIMITS)
    assert found.met
    assert found.first <= found.mark
    assert found.mark == pytest.approx(1.05 * value(case, best, "efficiency"), rel=2e-3)
    assert found.second <= value(case, best, "operating-expense") + 1e-6
    assert found.second >= found.second_alone - 1e-2 * abs(found.second_alone)


def test_a_mark_that_costs_nothing_leaves_the_second_as_it_is() -> None:
    case = fleet()
    found = in_order(case, Mark("reliability", lolp=1.0), "operating-expense", LIMITS)
    assert found.met
    assert found.ratio == 0.0
    assert found.second == found.second_alone
    assert found.plans == 2


def test_a_mark_out_of_reach_says_so_and_gives_the_nearest_plan() -> None:
    case = fleet()
    found = in_order(case, Mark("reliability", lolp=0.0), "operating-expense", LIMITS)
    assert violations(case, found.solution) == []
    assert found.met == (found.first <= 0.0)
    alone = solve(fleet("reliability"), LIMITS)
    assert found.first <= alone.lolp + 1e-9


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(PlanningError, match="'beauty' is not known"):
        in_order(fleet(), Mark("beauty"), "operating-expense")
