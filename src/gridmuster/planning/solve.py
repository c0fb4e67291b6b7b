"""Solve a planning problem: always a plan, a lower bound, marginal prices and named shortfalls."""

from __future__ import annotations

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning import highs
from gridmuster.planning.fallback import rule_based
from gridmuster.planning.linear import Floats, Ints, LinearArrays
from gridmuster.planning.milp import Built, build
from gridmuster.planning.objectives import Costs, costs
from gridmuster.planning.prepare import Group, groups
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution
from gridmuster.planning.recover import schedule
from gridmuster.planning.schedule import Schedule, weighted_usd
from gridmuster.planning.solution import Proof, answer
from gridmuster.planning.validation import check, check_limits
from gridmuster.units import SECONDS_PER_HOUR

#: Gap in USD that always counts as none.
ABSOLUTE_GAP_USD = 1e-4
#: Rounds of forbidding what a solution showed to be needed (burning energy in a store).
ROUNDS = 4
#: Charging and discharging at once above this is not rounding, kW.
BOTH_KW = 1e-4


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
    prices = costs(problem)
    like = groups(problem, prices)
    exclusive: dict[int, Ints] = {}
    outcome, built = highs.Outcome(None, np.inf, -np.inf, False), None
    bound = -np.inf
    for _ in range(ROUNDS):
        built = build(problem, prices, like, exclusive)
        left_s = limits.time_limit_s - (stopwatch_s() - watch_s)
        outcome = highs.mixed_integer(
            built.arrays,
            gap=limits.gap,
            absolute_gap=ABSOLUTE_GAP_USD,
            time_limit_s=left_s,
            node_limit=limits.node_limit,
            threads=limits.threads,
            start=_first_guess(problem, built, previous),
        )
        bound = max(bound, outcome.bound)
        if outcome.values is None or not _forbid_burning(built, outcome.values, exclusive):
            break
    assert built is not None
    bound = max(bound, trivial_bound(built.arrays))
    if outcome.values is not None:
        final = _dispatch(built, outcome.values, limits)
        if final is not None:
            plan = schedule(problem, built, final[0])
            area_prices, energy_values = _marginal(problem, built, final[1])
            proof = Proof(
                status="optimal" if outcome.proved else "time_limit",
                method="milp",
                objective_usd=final[2],
                lower_bound_usd=min(bound, final[2]),
                seconds=stopwatch_s() - watch_s,
                prices=area_prices,
                energy_values=energy_values,
            )
            return answer(problem, like, plan, proof)
    return _by_rules(problem, prices, like, bound, watch_s)


def trivial_bound(arrays: LinearArrays) -> float:
    """A bound that needs no solver: every column at its cheaper end."""
    ends = np.where(arrays.cost > 0.0, arrays.lower, arrays.upper)
    used = arrays.cost != 0.0
    return float(np.dot(arrays.cost[used], ends[used]))


def _first_guess(
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


def _forbid_burning(built: Built, values: Floats, exclusive: dict[int, Ints]) -> bool:
    """Note where a store charges and discharges at once; say whether anything is new."""
    found = False
    for number, columns in enumerate(built.stores):
        both = np.minimum(values[columns.charge], values[columns.discharge])
        where = np.flatnonzero(both > BOTH_KW)
        if where.size:
            exclusive[number] = np.union1d(exclusive.get(number, where), where)
            found = True
    return found


def _dispatch(
    built: Built, values: Floats, limits: PlanLimits
) -> tuple[Floats, Floats, float] | None:
    """Values, row duals and objective with all integers fixed."""
    arrays = built.arrays
    fixed = np.rint(values[arrays.integer])
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    lower[arrays.integer] = upper[arrays.integer] = fixed
    outcome = highs.linear(arrays, max(limits.time_limit_s, 10.0), limits.threads, lower, upper)
    if outcome.values is None or outcome.row_duals is None:
        return None
    return outcome.values, outcome.row_duals, outcome.objective


def _marginal(
    problem: PlanProblem, built: Built, duals: Floats
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Area prices from the balance rows; energy values from the stores' energy rows, USD/kWh."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    prices = {
        area.id: _rounded(duals[columns.rows] / step_h)
        for area, columns in zip(problem.areas, built.areas, strict=True)
    }
    values = {
        store.id: _rounded(-duals[columns.energy_rows])
        for store, columns in zip(problem.stores, built.stores, strict=True)
    }
    return prices, values


def _rounded(values: Floats) -> list[float]:
    rounded: list[float] = (np.round(values, 6) + 0.0).tolist()
    return rounded


def _by_rules(
    problem: PlanProblem, prices: Costs, like: list[Group], bound: float, watch_s: float
) -> PlanSolution:
    """The rule-based plan, with what bound there is."""
    plan: Schedule = rule_based(problem, prices, like)
    objective = weighted_usd(problem, prices, plan)
    empty_series = [0.0] * problem.count
    proof = Proof(
        status="fallback",
        method="merit-order rules",
        objective_usd=objective,
        lower_bound_usd=min(bound, objective),
        seconds=stopwatch_s() - watch_s,
        prices={area.id: list(empty_series) for area in problem.areas},
        energy_values={store.id: list(empty_series) for store in problem.stores},
    )
    return answer(problem, like, plan, proof)
