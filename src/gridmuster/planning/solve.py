"""Solve a planning problem: always a plan, a lower bound, marginal prices and named shortfalls."""

from __future__ import annotations

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.areawise import AreaTask, all_groups, share, tasks, whole
from gridmuster.planning.linear import Floats
from gridmuster.planning.objectives import costs
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution
from gridmuster.planning.risk import assess_plan
from gridmuster.planning.search import AreaPlan, AreaSearch
from gridmuster.planning.solution import Proof, answer
from gridmuster.planning.validation import check, check_limits

#: Gap in USD that always counts as none.
ABSOLUTE_GAP_USD = 0.01
#: From worst to best.
STATUSES = ("fallback", "time_limit", "optimal")


def solve(
    problem: PlanProblem,
    limits: PlanLimits | None = None,
    previous: PlanSolution | None = None,
) -> PlanSolution:
    """Plan on and off, power and energy.

    Args:
        problem: the question.
        limits: how long and how well to solve; the defaults of `PlanLimits` if None.
        previous: an earlier answer for about the same fleet, whose on and off is a first guess.

    Returns:
        A plan, always; ``status`` says how it was found and ``gap`` how good it surely is.

    Raises:
        PlanningError: when the problem is malformed.
    """
    watch_s = stopwatch_s()
    limits = PlanLimits() if limits is None else limits
    check_limits(limits)
    check(problem)
    parts = tasks(problem, costs(problem))
    searches = [AreaSearch(task, limits, previous, watch_s + limits.time_limit_s) for task in parts]
    for search in searches:
        search.relax()
    plans: dict[int, AreaPlan] = {}
    bounds = [abs(search.bound_usd) for search in searches]
    allowance = max(limits.gap * sum(bounds), ABSOLUTE_GAP_USD)
    # Easy areas first: what they leave of the gap and the time goes to the hard ones.
    for search in sorted(searches, key=lambda one: (one.fractional, one.task.area)):
        area = search.task.area
        waiting = [bounds[one.task.area] for one in searches if one.task.area not in plans]
        fair = share(allowance, [bounds[area], sum(waiting) - bounds[area]])[0]
        plans[area] = search.run(max(fair, ABSOLUTE_GAP_USD))
        allowance -= plans[area].objective_usd - plans[area].bound_usd
    found = [(task, plans[task.area]) for task in parts]
    plan = whole(problem, [(task, one.schedule) for task, one in found])
    risk = assess_plan(problem, plan)
    proof = _proof(found, stopwatch_s() - watch_s)
    return answer(problem, all_groups(parts), plan, proof, (risk.lolp, risk.eens_kwh))


def _proof(found: list[tuple[AreaTask, AreaPlan]], seconds: float) -> Proof:
    plans = [plan for _, plan in found]
    status = min((plan.status for plan in plans), key=STATUSES.index)
    return Proof(
        status=status,
        method="merit-order rules" if status == "fallback" else "milp",
        objective_usd=sum(plan.objective_usd for plan in plans),
        lower_bound_usd=sum(plan.bound_usd for plan in plans),
        seconds=seconds,
        prices={
            area.id: _rounded(prices)
            for task, plan in found
            for area, prices in zip(task.problem.areas, plan.prices, strict=True)
        },
        energy_values={
            store.id: _rounded(values)
            for task, plan in found
            for store, values in zip(task.problem.stores, plan.energy_values, strict=True)
        },
    )


def _rounded(values: Floats) -> list[float]:
    rounded: list[float] = (np.round(values, 6) + 0.0).tolist()
    return rounded
