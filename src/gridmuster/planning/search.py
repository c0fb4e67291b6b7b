"""Find a plan of one area: relaxation, first guesses, branch and bound, exact dispatch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning import highs
from gridmuster.planning.areawise import AreaTask
from gridmuster.planning.fallback import rule_based
from gridmuster.planning.linear import Floats, Ints, LinearArrays
from gridmuster.planning.milp import Built, build
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution
from gridmuster.planning.recover import schedule
from gridmuster.planning.schedule import Schedule, weighted_usd
from gridmuster.units import SECONDS_PER_HOUR

#: Gap in USD that always counts as none.
ABSOLUTE_GAP_USD = 1e-4
#: Rounds of forbidding what a solution showed to be needed (burning energy in a store).
ROUNDS = 4
#: Charging and discharging at once above this is not rounding, kW.
BOTH_KW = 1e-4
#: Time always given to the last dispatch, s: without it there would be no plan.
DISPATCH_S = 10.0


@dataclass(frozen=True, slots=True)
class AreaPlan:
    """A plan of one area with its proof; prices by interval, energy values by store."""

    schedule: Schedule
    objective_usd: float
    bound_usd: float
    status: str
    prices: Floats
    energy_values: Floats


def plan_area(
    task: AreaTask,
    limits: PlanLimits,
    *,
    time_limit_s: float,
    previous: PlanSolution | None,
) -> AreaPlan:
    """Plan one area.

    Args:
        task: the area.
        limits: gap, threads and nodes.
        time_limit_s: wall time, s.
        previous: an earlier answer whose on and off is a first guess.
    """
    watch_s = stopwatch_s()
    exclusive: dict[int, Ints] = {}
    bound = -np.inf
    while True:
        built = build(task.problem, task.costs, task.groups, exclusive)
        outcome = highs.mixed_integer(
            built.arrays,
            gap=limits.gap,
            absolute_gap=ABSOLUTE_GAP_USD,
            time_limit_s=time_limit_s - (stopwatch_s() - watch_s),
            node_limit=limits.node_limit,
            threads=limits.threads,
            start=first_guess(task.problem, built, previous),
        )
        bound = max(bound, outcome.bound)
        if outcome.values is None:
            return by_rules(task, max(bound, trivial_bound(built.arrays)))
        if not forbid_burning(built, outcome.values, exclusive) or len(exclusive) > ROUNDS:
            break
    final = dispatch(built, outcome.values, limits, time_limit_s)
    if final.values is None or final.row_duals is None:
        return by_rules(task, max(bound, trivial_bound(built.arrays)))
    prices, values = marginal(task.problem, built, final.row_duals)
    return AreaPlan(
        schedule=schedule(task.problem, built, final.values),
        objective_usd=final.objective,
        bound_usd=min(bound, final.objective),
        status="optimal" if outcome.proved else "time_limit",
        prices=prices,
        energy_values=values,
    )


def by_rules(task: AreaTask, bound: float) -> AreaPlan:
    """The rule-based plan, with what bound there is."""
    plan = rule_based(task.problem, task.costs, task.groups)
    objective = weighted_usd(task.problem, task.costs, plan)
    return AreaPlan(
        schedule=plan,
        objective_usd=objective,
        bound_usd=min(bound, objective),
        status="fallback",
        prices=np.zeros(task.problem.count),
        energy_values=np.zeros((len(task.stores), task.problem.count)),
    )


def trivial_bound(arrays: LinearArrays) -> float:
    """A bound that needs no solver: every column at its cheaper end."""
    ends = np.where(arrays.cost > 0.0, arrays.lower, arrays.upper)
    used = arrays.cost != 0.0
    return float(np.dot(arrays.cost[used], ends[used]))


def first_guess(
    problem: PlanProblem, built: Built, previous: PlanSolution | None
) -> tuple[Ints, Floats] | None:
    """Columns and values of the on counts of an earlier plan, moved to this one's intervals."""
    if previous is None:
        return None
    at_ms = problem.start_ms + 1000 * problem.step_s * np.arange(problem.count)
    then = (at_ms - previous.start_ms) // (1000 * previous.step_s)
    then = np.clip(then, 0, previous.count - 1)
    columns, values = [], []
    for group, commitment in zip(built.groups, built.commitment, strict=True):
        known = [previous.commitment.get(problem.units[m].id) for m in group.members]
        on = np.sum([np.asarray(one)[then] for one in known if one is not None], axis=0)
        on = np.clip(on, built.arrays.lower[commitment.on], built.arrays.upper[commitment.on])
        columns.append(commitment.on)
        values.append(np.broadcast_to(on, (problem.count,)).astype(float))
    if not columns:
        return None
    return np.concatenate(columns), np.concatenate(values)


def forbid_burning(built: Built, values: Floats, exclusive: dict[int, Ints]) -> bool:
    """Note where a store charges and discharges at once; say whether anything is new."""
    found = False
    for number, columns in enumerate(built.stores):
        both = np.minimum(values[columns.charge], values[columns.discharge])
        where = np.flatnonzero(both > BOTH_KW)
        if where.size:
            exclusive[number] = np.union1d(exclusive.get(number, where), where)
            found = True
    return found


def dispatch(
    built: Built, values: Floats, limits: PlanLimits, time_limit_s: float
) -> highs.Outcome:
    """The cheapest dispatch with all integers fixed, and its duals."""
    arrays = built.arrays
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    lower[arrays.integer] = upper[arrays.integer] = np.rint(values[arrays.integer])
    return highs.linear(arrays, max(time_limit_s, DISPATCH_S), limits.threads, lower, upper)


def marginal(problem: PlanProblem, built: Built, duals: Floats) -> tuple[Floats, Floats]:
    """Price from the balance rows; energy values from the stores' energy rows, USD/kWh."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    values = np.zeros((len(built.stores), problem.count))
    for number, columns in enumerate(built.stores):
        values[number] = -duals[columns.energy_rows]
    return duals[built.areas[0].rows] / step_h, values
