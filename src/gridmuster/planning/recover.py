"""From column values back to a schedule: groups split into units, pools into renewables."""

from __future__ import annotations

import numpy as np

from gridmuster.planning.emissions import excess_kg
from gridmuster.planning.linear import Floats, Ints
from gridmuster.planning.milp import Built
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanProblem
from gridmuster.planning.schedule import Schedule, empty
from gridmuster.planning.starting import start_power_kw

#: Values nearer to zero than this are the solver's noise, kW or kWh.
NOISE = 1e-7


def schedule(problem: PlanProblem, built: Built, values: Floats) -> Schedule:
    """Read a schedule from the values of the model's columns."""
    plan = empty(problem)
    clean = np.where(np.abs(values) < NOISE, 0.0, values)
    for number, group in enumerate(built.groups):
        _fill_units(problem, plan, built, number, group, clean)
    for number, columns in enumerate(built.stores):
        plan.charge[number] = clean[columns.charge]
        plan.discharge[number] = clean[columns.discharge]
        plan.energy[number] = clean[columns.energy]
        plan.end[number] = clean[columns.end[0]]
        if columns.hour is not None:
            plan.hour[number] = clean[columns.hour]
        if columns.floor is not None:
            plan.floor[number] = clean[columns.floor]
    for pool, pool_columns in zip(built.pools, built.pool_columns, strict=True):
        share = clean[pool_columns] / np.maximum(pool.available_kw, NOISE)
        for member in pool.members:
            available = np.asarray(problem.renewables[member].available_kw, dtype=float)
            plan.renewable[member] = np.minimum(share, 1.0) * available
    for number, area in enumerate(built.areas):
        both = np.minimum(clean[area.bought], clean[area.sold])
        plan.bought[number] = clean[area.bought] - both
        plan.sold[number] = clean[area.sold] - both
        both = np.minimum(clean[area.unserved], clean[area.surplus])
        plan.unserved[number] = clean[area.unserved] - both
        plan.surplus[number] = clean[area.surplus] - both
    for number, link in enumerate(built.links):
        plan.link[number] = clean[link.forth] - clean[link.back]
        plan.link_reserve[number] = clean[link.lent] - clean[link.lent_back]
    plan.excess[:] = excess_kg(problem, plan)
    for number, reserve in enumerate(built.reserve):
        plan.reserve_short[number][reserve.where] = clean[reserve.short]
    return plan


def _fill_units(
    problem: PlanProblem,
    plan: Schedule,
    built: Built,
    number: int,
    group: Group,
    values: Floats,
) -> None:
    on = np.rint(values[built.commitment[number].on]).astype(np.int64)
    output = built.output[number]
    above = np.sum([values[columns] for columns in output.above], axis=0) if output.above else 0.0
    each = group.min_kw + above / np.maximum(on, 1)
    each = np.clip(each, group.min_kw, group.max_kw)
    running = split(problem, group, on)
    for row, member in enumerate(group.members):
        plan.on[member] = running[row]
        plan.power[member] = running[row] * each
        if len(group.starts.power_kw):
            started = np.maximum(np.diff(running[row], prepend=group.on_before), 0)
            plan.power[member] += start_power_kw(group.starts, started)
    if output.ramp is not None:
        plan.ramp[group.members[0]] = values[output.ramp]
    missing = built.commitment[number].missing
    if missing is not None:
        plan.idle[group.members[0]] = np.rint(values[missing])


def split(problem: PlanProblem, group: Group, on: Ints) -> Ints:
    """Which unit of a group is on when: the one on longest stops first, the one off longest starts.

    First in, first out keeps every least time that the counts keep.
    """
    running = np.zeros((group.count, len(on)), dtype=np.int64)
    if group.count == 1:
        running[0] = on
        return running
    units = [problem.units[member] for member in group.members]
    state = [unit.initial_on for unit in units]
    since = [-unit.initial_s / problem.step_s for unit in units]
    for t, wanted in enumerate(on):
        change = int(wanted) - sum(state)
        flips = change > 0
        queue = sorted(
            (row for row in range(group.count) if state[row] != flips), key=lambda row: since[row]
        )
        for row in queue[: abs(change)]:
            state[row] = flips
            since[row] = float(t)
        running[:, t] = state
    return running
