"""Large areas with what the price decomposition does not model: proven by a looser question.

Leaving out ramps, budgets of starts and of parts of the horizon, the time at which fuel comes, what
starts cost after longer rests, and wishes of stores allows more and costs nothing more, so that a
bound on the looser question is one on the true one (a relaxation). Its plan answers the true
question as well where only costs were left out, and is priced truly; then a second question, in
which each unit's starts cost what they cost in that plan, gives another plan to choose from. Where
limits were left out the rules make the plan (`fallback`).

The gap is proven and need not be small: it holds what was left out. It is there in the time given,
where the exact model of thousands of unlike devices would not have its relaxation solved.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from msgspec import structs

from gridmuster.clock import stopwatch_s
from gridmuster.planning.areawise import AreaTask, tasks
from gridmuster.planning.decomposition.areas import MANY, plan_area
from gridmuster.planning.decomposition.bounding import proven
from gridmuster.planning.decomposition.problems import unmodelled
from gridmuster.planning.linear import Floats
from gridmuster.planning.objectives import Costs
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution, PlanStore, PlanUnit
from gridmuster.planning.schedule import Schedule, starts, weighted_usd
from gridmuster.planning.search import AreaPlan, by_rules, status_of
from gridmuster.planning.starting import start_usd
from gridmuster.planning.storage import lowest_kwh
from gridmuster.units import SECONDS_PER_HOUR

#: A ramp that binds nowhere, kW/s.
ENDLESS_KW_PER_S = 1e9
#: Share of the time for the looser question; the rest is for a second plan.
FIRST_SHARE = 0.6


def looser(task: AreaTask, first_usd: Floats | None = None) -> AreaTask | None:
    """The same area without what the decomposition does not model; None where that is too much.

    Args:
        task: one area.
        first_usd: what a start of each unit costs there (units,), USD; None: the hottest, which
            makes it a relaxation.
    """
    problem = task.problem
    if problem.links or problem.emission_caps or len(problem.areas) != 1:
        return None
    if any(unit.start_power_kw for unit in problem.units):
        return None
    step_h = problem.step_s / SECONDS_PER_HOUR
    asked = structs.replace(
        problem,
        units=[_loose_unit(unit, problem) for unit in problem.units],
        stores=[_loose_store(store, problem.count, step_h) for store in problem.stores],
    )
    (found,) = tasks(asked, _one_class(task.costs, first_usd))
    return None if unmodelled(found) else found


def suits_loosened(task: AreaTask) -> bool:
    """Whether an area has too many unlike devices for the exact model, and can be loosened."""
    if len(task.groups) + len(task.stores) < MANY:
        return False
    return looser(task) is not None


def plan_loosened(
    task: AreaTask, limits: PlanLimits, time_limit_s: float, previous: PlanSolution | None
) -> AreaPlan:
    """Plan an area by what the decomposition models of it, with a bound on all of it.

    Args:
        task: an area of which `looser` leaves something, or one that needs no loosening.
        limits: gap and threads.
        time_limit_s: most wall time, s; the rules' plan comes on top where it is needed.
        previous: an earlier answer, whose prices are the first ones tried.

    Raises:
        PlanningError: when more is in it than can be left out.
    """
    loose = looser(task) if unmodelled(task) else None
    if loose is None:
        return plan_area(task, limits, time_limit_s, previous)
    until_s = stopwatch_s() + time_limit_s
    found = plan_area(loose, limits, FIRST_SHARE * time_limit_s, previous)
    if not _is_cost_alone(task.problem):
        return replace(by_rules(task, found.bound_usd), prices=found.prices)
    cost = weighted_usd(task.problem, task.costs, found.schedule)
    best = replace(found, objective_usd=cost)
    if cost - found.bound_usd > limits.gap * abs(cost) and stopwatch_s() < until_s:
        dearer = looser(task, _start_usd(task, found.schedule))
        assert dearer is not None
        second = plan_area(dearer, limits, max(until_s - stopwatch_s(), 0.0), previous)
        cost = weighted_usd(task.problem, task.costs, second.schedule)
        if cost < best.objective_usd:
            best = replace(second, objective_usd=cost)
    bound = proven(found.bound_usd, best.objective_usd)
    return replace(best, bound_usd=bound, status=status_of(best.objective_usd, bound, limits))


def _is_cost_alone(problem: PlanProblem) -> bool:
    """Whether all that is left out of a problem is what starts cost by the rest before them."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    units = [
        structs.replace(
            unit,
            start_classes=[],
            # What a start burns only matters to a tank; its cost is the start's.
            start_fuel=0.0 if unit.fuel_left is None else unit.start_fuel,
        )
        for unit in problem.units
    ]
    same_units = units == [_loose_unit(unit, problem) for unit in problem.units]
    stores = [_loose_store(store, problem.count, step_h) for store in problem.stores]
    return same_units and stores == problem.stores


def _loose_unit(unit: PlanUnit, problem: PlanProblem) -> PlanUnit:
    """A unit without what only ever forbids or costs more."""
    count, step_s = problem.count, problem.step_s
    changes: dict[str, object] = {"start_classes": []}
    if unit.start_fuel:
        changes["start_fuel"] = 0.0
    if unit.starting_s is not None:
        changes["starting_s"] = None
    if unit.windows:
        changes["windows"] = []
    if unit.starts_left is not None:
        changes["starts_left"] = None
    coming = sum(one.amount for one in unit.fuel_deliveries)
    if unit.fuel_deliveries:
        changes["fuel_deliveries"] = []
        if unit.fuel_left is not None:
            changes["fuel_left"] = unit.fuel_left + coming
    if any(span.end > count for span in unit.maintenance):
        spans = [span for span in unit.maintenance if span.first < count]
        changes["maintenance"] = [structs.replace(s, end=min(s.end, count)) for s in spans]
    highest = max(unit.max_kw, default=0.0)
    limits = (unit.start_max_kw, unit.stop_max_kw)
    down = unit.ramp_down_kw_per_s or unit.ramp_kw_per_s
    slow = min(unit.ramp_kw_per_s, down) * step_s < highest
    if slow or any(limit is not None and limit < highest for limit in limits):
        changes |= {"ramp_kw_per_s": ENDLESS_KW_PER_S, "ramp_down_kw_per_s": None}
        changes |= {"start_max_kw": None, "stop_max_kw": None}
    return structs.replace(unit, **changes)


def _loose_store(store: PlanStore, count: int, step_h: float) -> PlanStore:
    """A store without wishes of the hour, and with a floor that it can keep."""
    lowest = float(lowest_kwh(store, count, step_h).min(initial=store.min_energy_kwh))
    if store.energy_low_kwh or store.energy_high_kwh or lowest < store.min_energy_kwh:
        return structs.replace(store, energy_low_kwh=[], energy_high_kwh=[], min_energy_kwh=lowest)
    return store


def _one_class(costs: Costs, first_usd: Floats | None) -> Costs:
    usd = [one.class_usd[0] for one in costs.units] if first_usd is None else first_usd.tolist()
    units = [replace(one, class_usd=(start,)) for one, start in zip(costs.units, usd, strict=True)]
    return replace(costs, units=tuple(units))


def _start_usd(task: AreaTask, plan: Schedule) -> Floats:
    """What a start of each unit costs on average in a plan, by its rest; the first if none, USD."""
    problem = task.problem
    number = starts(problem, plan).sum(axis=1)
    found = np.zeros(len(problem.units))
    for row, (unit, one) in enumerate(zip(problem.units, task.costs.units, strict=True)):
        spent = float(start_usd(unit, one.class_usd, plan.on[row], problem.step_s).sum())
        rests = [0.0, *(start.off_s for start in unit.start_classes)]
        first = sum(unit.initial_s >= rest for rest in rests) - 1
        found[row] = spent / number[row] if number[row] else one.class_usd[first]
    return found
