"""A rule-based plan for when the solver has none: merit order, one interval after the other.

Must-run and held units run; then the connection, renewables and stores; units start in the order
of their cost at full output while something is missing and stop when nothing would be. Budgets and
least times are kept. It costs more than an optimal plan and is always there.
"""

from __future__ import annotations

import numpy as np

from gridmuster.planning.emissions import excess_kg
from gridmuster.planning.fallback_units import UnitState
from gridmuster.planning.linear import Floats
from gridmuster.planning.objectives import Costs
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanProblem
from gridmuster.planning.reserve import HOLD_H, RESPONSE_S
from gridmuster.planning.schedule import Schedule, empty
from gridmuster.planning.storage import beyond_wishes, held_share
from gridmuster.units import SECONDS_PER_HOUR


def rule_based(problem: PlanProblem, costs: Costs, groups: list[Group]) -> Schedule:
    """Make a plan by rules.

    Args:
        problem: a checked problem.
        costs: its cost coefficients.
        groups: its units, from `prepare.groups`.

    Returns:
        A schedule that keeps every limit; what it cannot meet is in ``unserved``, ``surplus``,
        ``floor`` and ``end``.
    """
    plan = empty(problem)
    area_number = {area.id: number for number, area in enumerate(problem.areas)}
    units: list[list[UnitState]] = [[] for _ in problem.areas]
    for group in groups:
        for member in group.members:
            units[group.area].append(UnitState(problem, group, member, costs))
    for queue in units:
        queue.sort(key=lambda state: (state.merit, state.number))
    stores: list[list[int]] = [[] for _ in problem.areas]
    for number, store in enumerate(problem.stores):
        stores[area_number[store.area]].append(number)
    energy = np.array(
        [min(store.initial_energy_kwh, store.max_energy_kwh) for store in problem.stores]
    )
    for t in range(problem.count):
        for queue in units:
            for state in queue:
                state.refuel(t)
        demand = _send(problem, plan, t, units, stores, energy)
        for area in range(len(problem.areas)):
            _area_interval(problem, plan, area, t, demand[area], units[area], stores[area], energy)
        for number in range(len(problem.stores)):
            plan.energy[number, t] = energy[number]
    for number, store in enumerate(problem.stores):
        plan.floor[number] = np.maximum(0.0, store.min_energy_kwh - plan.energy[number])
        plan.hour[number] = beyond_wishes(store, plan.energy[number])
        wish = min(store.end_min_kwh, store.max_energy_kwh)
        plan.end[number] = max(0.0, wish - float(energy[number]))
    plan.excess[:] = excess_kg(problem, plan)
    return plan


def _send(
    problem: PlanProblem,
    plan: Schedule,
    t: int,
    units: list[list[UnitState]],
    stores: list[list[int]],
    energy: Floats,
) -> list[float]:
    """Demand by area once areas with plenty send over the links what others lack, kW."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    demand = [area.demand_kw[t] for area in problem.areas]
    if not problem.links:
        return demand
    number = {area.id: n for n, area in enumerate(problem.areas)}
    spare = [area.import_limit_kw[t] - area.demand_kw[t] for area in problem.areas]
    for n, area in enumerate(problem.areas):
        spare[n] += sum(r.available_kw[t] for r in problem.renewables if r.area == area.id)
        spare[n] += sum(_can_give(problem, one, energy[one], t, step_h) for one in stores[n])
        spare[n] += sum(state.certain_kw(t, step_h) for state in units[n])
    for n, link in enumerate(problem.links):
        ends = number[link.from_area], number[link.to_area]
        for (source, sink), limit, sign in (
            (ends, link.limit_kw[t], 1.0),
            (ends[::-1], link.back_limit_kw[t], -1.0),
        ):
            arrives = 1.0 - link.loss_fraction
            sent = min(limit, max(spare[source], 0.0), max(-spare[sink], 0.0) / arrives)
            if sent > 0.0:
                plan.link[n, t] = sign * sent
                demand[source] += sent
                demand[sink] -= sent * arrives
                spare[source] -= sent
                spare[sink] += sent * arrives
                break
    return demand


def _area_interval(
    problem: PlanProblem,
    plan: Schedule,
    area: int,
    t: int,
    asked_kw: float,
    units: list[UnitState],
    stores: list[int],
    energy: Floats,
) -> None:
    step_h = problem.step_s / SECONDS_PER_HOUR
    one = problem.areas[area]
    top_up = {n: _top_up(problem, n, energy[n], t, step_h) for n in stores}
    demand = asked_kw + sum(top_up.values())
    renewables = [n for n, r in enumerate(problem.renewables) if r.area == one.id]
    free = sum(problem.renewables[n].available_kw[t] for n in renewables)
    give = {n: _can_give(problem, n, energy[n], t, step_h) for n in stores}
    wanted = demand - free - one.import_limit_kw[t] - sum(give.values())
    running = _commit(units, t, step_h, wanted + one.reserve_kw[t])
    demand -= sum(state.starting_kw(t) for state in units)
    low = {state.number: state.low_kw(t) for state in running}
    high = {s.number: max(low[s.number], s.high_kw(t, step_h)) for s in running}
    rest = demand - sum(low.values())
    # Renewables first, then buying, then stores, then units above their minimum.
    used = min(free, max(0.0, rest + one.export_limit_kw[t]))
    rest -= used
    bought = min(one.import_limit_kw[t], max(0.0, rest))
    rest -= bought
    powers = dict(low)
    for n in stores:
        plan.discharge[n, t] = min(give[n], max(0.0, rest))
        rest -= plan.discharge[n, t]
    for state in running:
        more = min(high[state.number] - powers[state.number], max(0.0, rest))
        powers[state.number] += more
        rest -= more
    for n in stores:
        room = _can_take(problem, n, energy[n], t, step_h) - top_up[n]
        more = 0.0 if plan.discharge[n, t] > 0.0 else min(room, max(0.0, -rest))
        plan.charge[n, t] = top_up[n] + more
        rest += more
    sold = min(one.export_limit_kw[t], max(0.0, -rest))
    rest += sold
    plan.bought[area, t], plan.sold[area, t] = bought, sold
    # Charging up to floors is given up before anybody is cut off.
    for n in stores:
        less = min(plan.charge[n, t], max(0.0, rest))
        plan.charge[n, t] -= less
        rest -= less
    plan.unserved[area, t] = max(0.0, rest)
    plan.surplus[area, t] = max(0.0, -rest)
    for n in renewables:
        share = used / free if free > 0.0 else 0.0
        plan.renewable[n, t] = share * problem.renewables[n].available_kw[t]
    for n in stores:
        store = problem.stores[n]
        energy[n] = held_share(store, step_h) * energy[n] + step_h * (
            store.charge_efficiency * plan.charge[n, t]
            - plan.discharge[n, t] / store.discharge_efficiency
        )
    largest = max((float(s.group.max_kw[t]) for s in running), default=0.0)
    wish = largest + one.reserve_kw[t] - one.import_limit_kw[t] + bought - sold
    wish -= sum(_unit_reserve(s, powers[s.number], t) for s in running)
    wish -= sum(_store_reserve(problem, plan, n, energy[n], t) for n in stores)
    plan.reserve_short[area, t] = max(0.0, wish)
    _settle(plan, units, {s.number for s in running}, powers, t, step_h)


def _commit(units: list[UnitState], t: int, step_h: float, wanted: float) -> list[UnitState]:
    """Who is on in t, cheapest first, until what is wanted and the largest unit are covered."""
    running: list[UnitState] = []
    open_kw = wanted
    largest = 0.0
    for state in units:
        if state.must_stay(t) or state.unit.must_run:
            if state.able(t, step_h):
                running.append(state)
                open_kw -= state.high_kw(t, step_h)
                largest = max(largest, float(state.group.max_kw[t]))
            elif state.unit.must_run:
                state.begin(t, step_h)
        open_kw -= state.starting_kw(t)
    chosen = {state.number for state in running}
    for state in units:
        if state.number in chosen or open_kw + largest <= 0.0:
            continue
        if state.able(t, step_h):
            running.append(state)
            open_kw -= state.high_kw(t, step_h)
            largest = max(largest, float(state.group.max_kw[t]))
        elif state.begin(t, step_h):
            open_kw -= state.starting_kw(t)
    return running


def _settle(
    plan: Schedule,
    units: list[UnitState],
    running: set[int],
    powers: dict[int, float],
    t: int,
    step_h: float,
) -> None:
    """Write down what each unit does and move its state on."""
    for state in units:
        on = state.number in running
        power_kw = powers[state.number] if on else 0.0
        plan.ramp[state.number, t] = state.beyond_ramp(t, power_kw, now_on=on)
        plan.power[state.number, t] = power_kw if on else state.starting_kw(t)
        plan.on[state.number, t] = int(on)
        if not on and state.unit.must_run and state.group.must_run[t]:
            plan.idle[state.number, t] = 1.0
        state.move_on(t, power_kw, step_h, now_on=on)


def _can_give(problem: PlanProblem, number: int, energy: float, t: int, step_h: float) -> float:
    store = problem.stores[number]
    held = held_share(store, step_h)
    # What it will lose by itself until the end must not take it below its floor either.
    left = problem.count - 1 - t
    spare = held * energy - store.min_energy_kwh / max(held**left, 1e-6)
    return min(store.discharge_kw[t], max(0.0, spare) * store.discharge_efficiency / step_h)


def _can_take(problem: PlanProblem, number: int, energy: float, t: int, step_h: float) -> float:
    store = problem.stores[number]
    room = store.max_energy_kwh - held_share(store, step_h) * energy
    return min(store.charge_kw[t], max(0.0, room) / (store.charge_efficiency * step_h))


def _top_up(problem: PlanProblem, number: int, energy: float, t: int, step_h: float) -> float:
    """Charging that a store needs to be at its floor at the end of t, kW."""
    store = problem.stores[number]
    missing = store.min_energy_kwh - held_share(store, step_h) * energy
    return min(store.charge_kw[t], max(0.0, missing) / (store.charge_efficiency * step_h))


def _unit_reserve(state: UnitState, power_kw: float, t: int) -> float:
    if not state.unit.gives_reserve:
        return 0.0
    left = max(state.cap_kw(t) - power_kw, 0.0)
    return min(left, state.unit.ramp_kw_per_s * RESPONSE_S)


def _store_reserve(
    problem: PlanProblem, plan: Schedule, number: int, energy: float, t: int
) -> float:
    store = problem.stores[number]
    if not store.gives_reserve:
        return 0.0
    left = store.discharge_kw[t] - float(plan.discharge[number, t] - plan.charge[number, t])
    lasting = max(0.0, energy - store.min_energy_kwh) * store.discharge_efficiency / HOLD_H
    return min(left, lasting)
