"""Strict order of objectives: the mark of the first is kept, and the second is no dearer for it."""

from __future__ import annotations

import pytest
from test_objectives import fleet

from gridmuster.errors import PlanningError
from gridmuster.planning import PlanLimits, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.objectives import parse
from gridmuster.planning.order import Mark, in_order, value

LIMITS = PlanLimits(gap=1e-3, time_limit_s=20.0)


def test_the_mark_is_kept_and_the_rest_costs_no_more_than_the_first_alone() -> None:
    case = fleet()
    found = in_order(case, [Mark("efficiency", within=0.05)], "operating-expense", LIMITS)
    assert violations(case, found.solution) == []
    best = solve(fleet("efficiency"), LIMITS)
    (kept,) = found.marks
    assert found.met
    assert kept.figure <= kept.most
    assert kept.most == pytest.approx(1.05 * value(case, best, "efficiency"), rel=2e-3)
    assert found.last <= value(case, best, "operating-expense") + 1e-6
    assert found.last >= found.last_alone - 1e-2 * abs(found.last_alone)


def test_a_mark_that_costs_nothing_leaves_the_second_as_it_is() -> None:
    case = fleet()
    found = in_order(case, [Mark("reliability", lolp=1.0)], "operating-expense", LIMITS)
    assert found.met
    assert found.problem.weights == parse("operating-expense")
    assert found.last == found.last_alone
    assert found.plans == 2


def test_a_mark_out_of_reach_says_so_and_gives_the_nearest_plan() -> None:
    case = fleet()
    found = in_order(case, [Mark("reliability", lolp=0.0)], "operating-expense", LIMITS)
    assert violations(case, found.solution) == []
    (kept,) = found.marks
    assert found.met == (kept.figure <= 0.0)
    alone = solve(fleet("reliability"), LIMITS)
    assert kept.figure <= alone.lolp + 1e-9


def test_three_in_order_keep_both_marks_and_a_later_mark_costs_the_first_nothing() -> None:
    case = fleet()
    marks = [Mark("production-cost", within=0.03), Mark("efficiency", within=0.02)]
    found = in_order(case, marks, "operating-expense", LIMITS)
    assert violations(found.problem, found.solution) == []
    cost, primary = found.marks
    assert cost.met
    assert primary.met
    assert cost.figure == value(case, found.solution, "production-cost")
    assert primary.figure == value(case, found.solution, "efficiency")
    assert found.last == value(case, found.solution, "operating-expense")
    two = in_order(case, marks[:1], "efficiency", LIMITS)
    # The second is best among plans that keep the first mark; its own is counted from there.
    assert primary.most == pytest.approx(1.02 * two.last, rel=5e-3)
    assert two.last <= primary.figure * (1.0 + 1e-3)


@pytest.mark.parametrize("names", [["efficiency", "efficiency"], ["expense"]])
def test_an_order_of_one_or_with_one_twice_is_refused(names: list[str]) -> None:
    marks = [Mark(name) for name in names[:-1]]
    with pytest.raises(PlanningError, match=r"each once|not known"):
        in_order(fleet(), marks, names[-1])


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(PlanningError, match="'beauty' is not known"):
        in_order(fleet(), [Mark("beauty")], "operating-expense")
