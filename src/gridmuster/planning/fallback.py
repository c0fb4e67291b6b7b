"""A rule-based plan for when the solver has none: merit order, one interval after the other.

Must-run and held units run; then the connection, renewables and stores; units start in the order
of their cost at full output while something is missing and stop when nothing would be. Budgets and
least times are kept. It costs more than an optimal plan and is always there.
"""

from __future__ import annotations

import math

import numpy as np

from gridmuster.planning.linear import Floats
from gridmuster.planning.objectives import Costs
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanProblem
from gridmuster.planning.reserve import HOLD_H, RESPONSE_S
from gridmuster.planning.schedule import Schedule, along_segments, empty
from gridmuster.planning.storage import held_share
from gridmuster.units import SECONDS_PER_HOUR


class _UnitState:
    """One unit as the rules walk along the intervals."""

    def __init__(self, problem: PlanProblem, group: Group, member: int, costs: Costs) -> None:
        unit = problem.units[member]
        self.group = group
        self.number = member
        self.unit = unit
        self.on = unit.initial_on
        step_s = problem.step_s
        self.stays = 0
        if unit.initial_on:
            self.stays = max(0, math.ceil((unit.min_up_s - unit.initial_s) / step_s - 1e-9))
        else:
            rest = math.ceil((unit.min_down_s - unit.initial_s) / step_s - 1e-9)
            delay = math.ceil(unit.start_delay_s / step_s - 0.5 - 1e-9)
            self.stays = max(0, rest, delay)
        self.power_kw = max(0.0, unit.initial_kw) if unit.initial_on else 0.0
        self.hours = math.inf if unit.run_h_left is None else unit.run_h_left
        self.fuel = math.inf if unit.fuel_left is None else unit.fuel_left
        self.starts = math.inf if unit.starts_left is None else unit.starts_left
        one, full = costs.units[member], float(group.max_kw.max(initial=0.0))
        spent = along_segments(unit, one.segment_usd_per_kwh, np.array([full]))[0]
        self.merit = (one.hourly_usd + float(spent)) / full if full > 0.0 else math.inf

    def can_run(self, t: int, step_h: float, intervals: int) -> bool:
        """Whether the budgets and limits bear running so many intervals from t on, at minimum."""
        last = min(t + intervals, len(self.group.allowed))
        span = slice(t, last)
        fuel = float(self.group.min_fuel_per_h[span].sum()) * step_h
        hours = (last - t) * step_h
        return bool(
            self.group.allowed[span].all()
            and hours <= self.hours + 1e-9
            and fuel <= self.fuel + 1e-9
        )

    def high_kw(self, t: int, step_h: float) -> float:
        """Most it can give in t within its ramp and the fuel it has left."""
        high = float(self.group.max_kw[t])
        if self.group.ramp_kw < math.inf:
            base = self.power_kw if self.on else float(self.group.min_kw[t])
            high = max(float(self.group.min_kw[t]), min(high, base + self.group.ramp_kw))
        if self.fuel < math.inf and self.group.width_kw.shape[0]:
            # Fuel for the intervals that it must stay on after this one is kept back.
            least = max(1, self.stays if self.on else self.group.up)
            kept = float(self.group.min_fuel_per_h[t : t + least].sum())
            spare = self.fuel / step_h - kept
            steepest = float(self.group.width_fuel_per_kwh.max())
            if steepest > 0.0:
                reach = float(self.group.min_kw[t]) + max(0.0, spare) / steepest
                high = min(high, reach)
        return high

    def low_kw(self, t: int) -> float:
        """Least it can give in t within its ramp."""
        low = float(self.group.min_kw[t])
        if self.group.ramp_kw < math.inf and self.on:
            low = min(float(self.group.max_kw[t]), max(low, self.power_kw - self.group.ramp_kw))
        return low


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
    units: list[list[_UnitState]] = [[] for _ in problem.areas]
    for group in groups:
        for member in group.members:
            units[group.area].append(_UnitState(problem, group, member, costs))
    for queue in units:
        queue.sort(key=lambda state: (state.merit, state.number))
    stores: list[list[int]] = [[] for _ in problem.areas]
    for number, store in enumerate(problem.stores):
        stores[area_number[store.area]].append(number)
    energy = np.array(
        [min(store.initial_energy_kwh, store.max_energy_kwh) for store in problem.stores]
    )
    for t in range(problem.count):
        for area in range(len(problem.areas)):
            _area_interval(problem, plan, area, t, units[area], stores[area], energy)
        for number in range(len(problem.stores)):
            plan.energy[number, t] = energy[number]
    for number, store in enumerate(problem.stores):
        plan.floor[number] = np.maximum(0.0, store.min_energy_kwh - plan.energy[number])
        wish = min(store.end_min_kwh, store.max_energy_kwh)
        plan.end[number] = max(0.0, wish - float(energy[number]))
    return plan


def _area_interval(
    problem: PlanProblem,
    plan: Schedule,
    area: int,
    t: int,
    units: list[_UnitState],
    stores: list[int],
    energy: Floats,
) -> None:
    step_h = problem.step_s / SECONDS_PER_HOUR
    one = problem.areas[area]
    top_up = {n: _top_up(problem, n, energy[n], t, step_h) for n in stores}
    demand = one.demand_kw[t] + sum(top_up.values())
    renewables = [n for n, r in enumerate(problem.renewables) if r.area == one.id]
    free = sum(problem.renewables[n].available_kw[t] for n in renewables)
    give = {n: _can_give(problem, n, energy[n], t, step_h) for n in stores}
    wanted = demand - free - one.import_limit_kw[t] - sum(give.values())
    running = _commit(units, t, step_h, wanted + one.reserve_kw[t])
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
    _settle(plan, units, {s.number for s in running}, powers, t, step_h)
    largest = max((float(s.group.max_kw[t]) for s in running), default=0.0)
    wish = largest + one.reserve_kw[t] - one.import_limit_kw[t] + bought - sold
    wish -= sum(_unit_reserve(s, powers[s.number], t) for s in running)
    wish -= sum(_store_reserve(problem, plan, n, energy[n], t) for n in stores)
    plan.reserve_short[area, t] = max(0.0, wish)


def _commit(units: list[_UnitState], t: int, step_h: float, wanted: float) -> list[_UnitState]:
    """Who is on in t, cheapest first, until what is wanted and the largest unit are covered."""
    running: list[_UnitState] = []
    open_kw = wanted
    largest = 0.0
    for state in units:
        keep = state.on and state.stays > 0
        if keep or state.unit.must_run:
            may = state.can_run(t, step_h, 1) and (state.on or _may_start(state, t, step_h))
            if may:
                running.append(state)
                open_kw -= state.high_kw(t, step_h)
                largest = max(largest, float(state.group.max_kw[t]))
    chosen = {state.number for state in running}
    for state in units:
        if state.number in chosen or open_kw + largest <= 0.0:
            continue
        able = state.can_run(t, step_h, 1) if state.on else _may_start(state, t, step_h)
        if able:
            running.append(state)
            open_kw -= state.high_kw(t, step_h)
            largest = max(largest, float(state.group.max_kw[t]))
    return running


def _may_start(state: _UnitState, t: int, step_h: float) -> bool:
    return state.stays <= 0 and state.starts >= 1 and state.can_run(t, step_h, state.group.up)


def _settle(
    plan: Schedule,
    units: list[_UnitState],
    running: set[int],
    powers: dict[int, float],
    t: int,
    step_h: float,
) -> None:
    """Write down what each unit does and move its state on."""
    for state in units:
        on = state.number in running
        plan.ramp[state.number, t] = _beyond_ramp(state, on, powers.get(state.number, 0.0), t)
        if on != state.on:
            state.starts -= on
            state.stays = state.group.up if on else state.group.down
            state.on = on
        state.stays -= 1
        state.power_kw = powers[state.number] if on else 0.0
        if on:
            power = np.array([state.power_kw])
            fuel = np.asarray(state.unit.segment_fuel_per_kwh, dtype=float)
            burnt = state.unit.no_load_fuel_per_h
            burnt += float(along_segments(state.unit, fuel, power)[0])
            state.fuel -= burnt * step_h
            state.hours -= step_h
        elif state.unit.must_run and state.group.must_run[t]:
            plan.idle[state.number, t] = 1.0
        plan.on[state.number, t] = int(on)
        plan.power[state.number, t] = state.power_kw


def _beyond_ramp(state: _UnitState, on: bool, power_kw: float, t: int) -> float:
    """Power by which a unit moves faster than its ramp allows, kW."""
    limit, low = state.group.ramp_kw, state.group.min_kw
    if limit == math.inf or not (on or state.on):
        return 0.0
    if on and state.on:
        return max(0.0, abs(power_kw - state.power_kw) - limit)
    if on:
        return max(0.0, power_kw - float(low[t]) - limit)
    return max(0.0, state.power_kw - float(low[max(0, t - 1)]) - limit)


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


def _unit_reserve(state: _UnitState, power_kw: float, t: int) -> float:
    if not state.unit.gives_reserve:
        return 0.0
    return min(float(state.group.max_kw[t]) - power_kw, state.unit.ramp_kw_per_s * RESPONSE_S)


def _store_reserve(
    problem: PlanProblem, plan: Schedule, number: int, energy: float, t: int
) -> float:
    store = problem.stores[number]
    if not store.gives_reserve:
        return 0.0
    left = store.discharge_kw[t] - float(plan.discharge[number, t] - plan.charge[number, t])
    lasting = max(0.0, energy - store.min_energy_kwh) * store.discharge_efficiency / HOLD_H
    return min(left, lasting)
