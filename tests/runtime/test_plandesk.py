"""The desk of plans: the question beside its answer, and comparisons that hold nobody up."""

from __future__ import annotations

import threading

import pytest
from lockstep_plant import COARSE
from msgspec import structs

from gridmuster.center.first_look import first_problem
from gridmuster.center.planmemory import PlanRequest
from gridmuster.clock import monotonic_s
from gridmuster.fleet.generate import generate
from gridmuster.planning import PlanLimits, PlanSolution, solve
from gridmuster.planning.comparing import OBJECTIVES, compare
from gridmuster.planning.problem import PlanProblem
from gridmuster.runtime.plandesk import LIMITS, PlanDesk
from gridmuster.simulator.scenario import DEFAULT_START_MS

DEADLINE_S = 120.0
PROBLEM = first_problem(generate(4, 1), DEFAULT_START_MS, COARSE)


def renamed(name: str) -> PlanProblem:
    return structs.replace(PROBLEM, id=name)


def ended(desk: PlanDesk) -> None:
    """Wait until a comparison is over."""
    tick, by = threading.Event(), monotonic_s() + DEADLINE_S
    while desk.comparison().status == "running":
        assert monotonic_s() < by
        tick.wait(0.02)


@pytest.fixture(scope="module")
def solution() -> PlanSolution:
    return solve(PROBLEM, PlanLimits(0.01, 10.0))


def test_a_question_is_kept_until_its_plan_is_replaced(solution: PlanSolution) -> None:
    inforce: list[PlanSolution | None] = [None]
    desk = PlanDesk(lambda: inforce[0])
    desk.asked(PlanRequest(renamed("plan-1"), PlanLimits()))
    assert desk.planned() is None
    inforce[0] = structs.replace(solution, problem_id="plan-1")
    desk.asked(PlanRequest(renamed("plan-2"), PlanLimits()))
    found = desk.planned()
    assert found is not None
    assert found[0].id == "plan-1"
    desk.asked(PlanRequest(renamed("plan-3"), PlanLimits()))
    assert desk.planned() is None


def test_a_comparison_gives_what_the_planner_gives(solution: PlanSolution) -> None:
    desk = PlanDesk(lambda: solution)
    assert desk.compare(1).status == "none"
    desk.asked(PlanRequest(PROBLEM, PlanLimits()))
    begun = desk.compare(1)
    assert begun.status == "running"
    # A second wish while the first is met changes nothing.
    assert desk.compare(2).begun_ms == 1
    ended(desk)
    done = desk.comparison()
    assert done.status == "done"
    assert [row.objective for row in done.rows] == list(OBJECTIVES)
    for row, alone in zip(done.rows, compare(PROBLEM, LIMITS, solution), strict=True):
        assert row.operating_expense_usd == pytest.approx(alone.operating_expense_usd, rel=3e-3)
    desk.close()


def test_a_comparison_that_is_cut_short_says_so(solution: PlanSolution) -> None:
    desk = PlanDesk(lambda: solution)
    desk.asked(PlanRequest(PROBLEM, PlanLimits()))
    desk.compare(1)
    by = monotonic_s() + DEADLINE_S
    while desk.comparison().status == "running" and monotonic_s() < by:
        desk.close()
        threading.Event().wait(0.01)
    found = desk.comparison()
    assert found.status == "failed"
    assert "ended before" in found.error
