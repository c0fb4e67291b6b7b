"""Solve a planning problem: always a plan, a lower bound, marginal prices and named shortfalls."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from msgspec import structs

from gridmuster.clock import stopwatch_s
from gridmuster.planning.ample import broken, without_ample
from gridmuster.planning.areawise import AreaTask, all_groups, share, tasks, whole
from gridmuster.planning.capped import plan_capped, suits_capped
from gridmuster.planning.decomposition.areas import plan_area, suits
from gridmuster.planning.linear import Floats
from gridmuster.planning.loosened import plan_loosened, suits_loosened
from gridmuster.planning.objectives import costs
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution
from gridmuster.planning.resting import resting_plan
from gridmuster.planning.risk import assess_plan
from gridmuster.planning.search import CLOSE_USD, AreaPlan, AreaSearch
from gridmuster.planning.solution import Proof, answer
from gridmuster.planning.validation import check, check_limits

#: From worst to best.
STATUSES = ("fallback", "time_limit", "optimal")


class Method(StrEnum):
    """How to plan."""

    AUTO = "auto"
    MILP = "milp"
    DECOMPOSITION = "decomposition"


def solve(
    problem: PlanProblem,
    limits: PlanLimits | None = None,
    previous: PlanSolution | None = None,
    method: Method = Method.AUTO,
) -> PlanSolution:
    """Plan on and off, power and energy.

    Args:
        problem: the question.
        limits: how long and how well to solve; the defaults of `PlanLimits` if None.
        previous: an earlier answer for about the same fleet, whose on and off is a first guess.
        method: the exact model or the price decomposition; by itself each area takes the latter
            when it has `decomposition.areas.MANY` devices, and only what is modelled there or can
            be left out of its bound (`loosened`) or priced (`capped`).

    Returns:
        A plan, always; ``status`` says how it was found and ``gap`` how good it surely is.

    Raises:
        PlanningError: when the problem is malformed, or the decomposition was asked for and does
            not model what the problem has.
    """
    watch_s = stopwatch_s()
    limits = PlanLimits() if limits is None else limits
    check_limits(limits)
    check(problem)
    bound: set[str] = set()
    while True:
        asked = without_ample(problem, bound)
        left_s = max(watch_s + limits.time_limit_s - stopwatch_s(), 0.0)
        found = _solve(asked, structs.replace(limits, time_limit_s=left_s), previous, method)
        over = broken(problem, found) - bound
        if not over:
            return structs.replace(found, seconds=stopwatch_s() - watch_s)
        bound |= over
        previous = found


def _solve(
    problem: PlanProblem, limits: PlanLimits, previous: PlanSolution | None, method: Method
) -> PlanSolution:
    watch_s = stopwatch_s()
    parts = tasks(problem, costs(problem))
    large = {task.area for task in parts if _is_for_decomposition(task, method)}
    plans: dict[int, AreaPlan] = {}
    if method is Method.AUTO:
        plans = {task.area: at_rest for task in parts if (at_rest := resting_plan(task))}
        large -= plans.keys()
    waiting = sum(_devices(task) for task in parts if task.area not in plans)
    for task in parts:
        if task.area in large:
            left_s = max(watch_s + limits.time_limit_s - stopwatch_s(), 0.0)
            fair_s = left_s * _devices(task) / waiting
            plan_part = plan_loosened if method is Method.AUTO else plan_area
            if task.problem.emission_caps:
                plans[task.area] = plan_capped(task, limits, fair_s, previous, plan_part)
            else:
                plans[task.area] = plan_part(task, limits, fair_s, previous)
            waiting -= _devices(task)
    searches = [
        AreaSearch(task, limits, previous, watch_s + limits.time_limit_s)
        for task in parts
        if task.area not in plans
    ]
    for search in searches:
        search.relax()
    bounds = {search.task.area: abs(search.bound_usd) for search in searches}
    allowance = max(limits.gap * sum(bounds.values()), CLOSE_USD)
    # Easy areas first: what they leave of the gap and the time goes to the hard ones.
    for search in sorted(searches, key=lambda one: (one.fractional, one.task.area)):
        area = search.task.area
        others = [bounds[one.task.area] for one in searches if one.task.area not in plans]
        fair = share(allowance, [bounds[area], sum(others) - bounds[area]])[0]
        plans[area] = search.run(max(fair, CLOSE_USD))
        allowance -= plans[area].objective_usd - plans[area].bound_usd
    found = [(task, plans[task.area]) for task in parts]
    plan = whole(problem, [(task, one.schedule) for task, one in found])
    risk = assess_plan(problem, plan)
    proof = _proof(found, large, stopwatch_s() - watch_s)
    return answer(problem, all_groups(parts), plan, proof, (risk.lolp, risk.eens_kwh))


def _devices(task: AreaTask) -> int:
    return len(task.units) + len(task.stores) + 1


def _is_for_decomposition(task: AreaTask, method: Method) -> bool:
    if method is Method.AUTO:
        return suits(task) or suits_capped(task) or suits_loosened(task)
    return method is Method.DECOMPOSITION


def _proof(found: list[tuple[AreaTask, AreaPlan]], large: set[int], seconds: float) -> Proof:
    plans = [plan for _, plan in found]
    status = min((plan.status for plan in plans), key=STATUSES.index)
    return Proof(
        status=status,
        method="merit-order rules" if status == "fallback" else _method(found, large),
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


def _method(found: list[tuple[AreaTask, AreaPlan]], large: set[int]) -> str:
    if not large:
        return "milp"
    return "decomposition" if len(large) == len(found) else "decomposition and milp"


def _rounded(values: Floats) -> list[float]:
    rounded: list[float] = (np.round(values, 6) + 0.0).tolist()
    return rounded
