"""An independent judge of plans: reads only the question and the answer, shares no solver code.

It walks along every device interval by interval in plain Python and writes down every limit that
the answer breaks without naming it. An empty list is a feasible plan.
"""

from __future__ import annotations

import math
from collections import defaultdict

from gridmuster.planning.problem import (
    PlanArea,
    PlanProblem,
    PlanSolution,
    PlanStore,
    PlanUnit,
    ShortfallKind,
)

#: Powers agree within this, kW: answers are rounded to a tenth of a watt, and hundreds are added.
POWER_KW = 0.05
#: Energies agree within this share of the store, and at least this much, kWh.
ENERGY_SHARE = 1e-4
ENERGY_KWH = 2e-3
#: Energy behind a store's reserve lasts this long, h; a unit's comes within this time, s.
HOLD_H = 0.25
RESPONSE_S = 600.0

Amounts = dict[tuple[ShortfallKind, str, int], float]


def violations(problem: PlanProblem, solution: PlanSolution) -> list[str]:
    """Everything in an answer that breaks the question's limits and is not named as a shortfall.

    Args:
        problem: the question.
        solution: the answer.

    Returns:
        One line a fault, naming device or area, interval, value and limit.
    """
    named: Amounts = defaultdict(float)
    for one in solution.shortfalls:
        named[one.kind, one.where, one.interval] += one.amount_kw
    faults = _shape(problem, solution)
    faults += [
        f"shortfall {one.kind} at {one.where}, interval {one.interval}: no cause"
        for one in solution.shortfalls
        if not one.cause
    ]
    if faults:
        return faults
    for unit in problem.units:
        faults += _unit(problem, solution, unit, named)
    for store in problem.stores:
        faults += _store(problem, solution, store, named)
    for renewable in problem.renewables:
        for t, power in enumerate(solution.power_kw[renewable.id]):
            if not -POWER_KW <= power <= renewable.available_kw[t] + POWER_KW:
                faults.append(
                    f"{renewable.id}: gives {power} kW in interval {t}; "
                    f"0 to {renewable.available_kw[t]} are there"
                )
    for area in problem.areas:
        faults += _balance(problem, solution, area, named)
        faults += _reserve(problem, solution, area, named)
    return faults + _proof(solution)


def _shape(problem: PlanProblem, solution: PlanSolution) -> list[str]:
    faults = []
    devices = [unit.id for unit in problem.units] + [store.id for store in problem.stores]
    devices += [renewable.id for renewable in problem.renewables]
    areas = [area.id for area in problem.areas]
    stores = [store.id for store in problem.stores]
    wanted: list[tuple[str, dict[str, list[float]], list[str]]] = [
        ("power_kw", solution.power_kw, devices),
        ("energy_kwh", solution.energy_kwh, stores),
        ("energy_value_usd_per_kwh", solution.energy_value_usd_per_kwh, stores),
        ("import_kw", solution.import_kw, areas),
        ("export_kw", solution.export_kw, areas),
        ("price_usd_per_kwh", solution.price_usd_per_kwh, areas),
    ]
    for name, series, ids in wanted:
        if set(series) != set(ids):
            faults.append(f"{name}: keys differ from the problem's: {set(series) ^ set(ids)}")
        for key, values in series.items():
            if len(values) != problem.count or not all(math.isfinite(v) for v in values):
                faults.append(f"{name}[{key}]: not {problem.count} finite numbers")
    if set(solution.commitment) != {unit.id for unit in problem.units}:
        faults.append("commitment: keys differ from the problem's units")
    for key, on in solution.commitment.items():
        if len(on) != problem.count or any(value not in (0, 1) for value in on):
            faults.append(f"commitment[{key}]: not {problem.count} zeros and ones")
    return faults


def _unit(
    problem: PlanProblem, solution: PlanSolution, unit: PlanUnit, named: Amounts
) -> list[str]:
    on, power = solution.commitment[unit.id], solution.power_kw[unit.id]
    faults = []
    for t in range(problem.count):
        if on[t] and unit.max_kw[t] <= 0.0:
            faults.append(f"{unit.id}: on in interval {t}, in which it may not run")
        low, high = (unit.min_kw[t], unit.max_kw[t]) if on[t] else (0.0, 0.0)
        if not low - POWER_KW <= power[t] <= high + POWER_KW:
            faults.append(f"{unit.id}: {power[t]} kW in interval {t}; limits {low} to {high}")
        may = named[ShortfallKind.MUST_RUN, unit.id, t] > 0.0
        if unit.must_run and not on[t] and not may and unit.max_kw[t] > 0.0:
            faults += _excused(problem, unit, t)
    faults += _least_times(problem, unit, on)
    faults += _ramps(problem, unit, on, power, named)
    faults += _budgets(problem, unit, on, power)
    return faults


def _excused(problem: PlanProblem, unit: PlanUnit, t: int) -> list[str]:
    """Off against must-run without a word: only while resting from before, or still starting."""
    if not unit.initial_on:
        rest_s = max(unit.min_down_s - unit.initial_s, 0.0)
        delay_s = max(unit.start_delay_s - 0.5 * problem.step_s, 0.0)
        if t * problem.step_s < max(rest_s, delay_s) - 1e-6:
            return []
    return [f"{unit.id}: must run, but is off in interval {t} and no shortfall says why"]


def _least_times(problem: PlanProblem, unit: PlanUnit, on: list[int]) -> list[str]:
    """Walk along the runs and rests, the first of which began before the horizon."""
    faults = []
    step_s = problem.step_s
    state, lasted_s = unit.initial_on, unit.initial_s
    first = True
    for t, value in enumerate([*on]):
        if bool(value) != state:
            least_s = unit.min_up_s if state else max(unit.min_down_s, 0.0)
            forced = state and _cannot_stay(problem, unit, t, first)
            if lasted_s < least_s - 1e-6 and not forced:
                word = "on" if state else "off"
                faults.append(
                    f"{unit.id}: {word} for {lasted_s} s until interval {t}; "
                    f"at least {least_s} s wanted"
                )
            if not state and not first and lasted_s < unit.start_delay_s - 0.5 * step_s - 1e-6:
                faults.append(f"{unit.id}: back on in interval {t}, sooner than it can start")
            if not state and first and t * step_s < unit.start_delay_s - 0.5 * step_s - 1e-6:
                faults.append(f"{unit.id}: on in interval {t}, before it can have started")
            state, lasted_s, first = bool(value), 0.0, False
        lasted_s += step_s
    return faults


def _cannot_stay(problem: PlanProblem, unit: PlanUnit, t: int, first: bool) -> bool:
    """Whether a unit that was on before the horizon has to stop in t whatever its least time."""
    if not first:
        return False
    step_h = problem.step_s / 3600.0
    hours = math.inf if unit.run_h_left is None else unit.run_h_left
    fuel = math.inf if unit.fuel_left is None else unit.fuel_left
    least = sum(_fuel_per_h(unit, unit.min_kw[k]) * step_h for k in range(t + 1))
    return unit.max_kw[t] <= 0.0 or (t + 1) * step_h > hours + 1e-6 or least > fuel + 1e-6


def _fuel_per_h(unit: PlanUnit, power_kw: float) -> float:
    rate, left = unit.no_load_fuel_per_h, power_kw
    for width, slope in zip(unit.segment_kw, unit.segment_fuel_per_kwh, strict=True):
        rate += slope * min(max(left, 0.0), width)
        left -= width
    return rate


def _ramps(
    problem: PlanProblem, unit: PlanUnit, on: list[int], power: list[float], named: Amounts
) -> list[str]:
    faults = []
    step = unit.ramp_kw_per_s * problem.step_s
    was_on = unit.initial_on
    before = max(0.0, unit.initial_kw) if was_on else 0.0
    base = unit.min_kw[0]
    for t in range(problem.count):
        excess = 0.0
        if on[t]:
            start = before if was_on else unit.min_kw[t]
            excess = power[t] - start - step
            if was_on:
                excess = max(excess, before - power[t] - step)
        elif was_on:
            excess = before - base - step
        if excess > named[ShortfallKind.RAMP, unit.id, t] + POWER_KW:
            faults.append(f"{unit.id}: {excess} kW faster than its ramp in interval {t}")
        was_on, before = bool(on[t]), power[t]
        base = unit.min_kw[t] if unit.max_kw[t] > 0.0 else 0.0
    return faults


def _budgets(problem: PlanProblem, unit: PlanUnit, on: list[int], power: list[float]) -> list[str]:
    faults = []
    step_h = problem.step_s / 3600.0
    hours = sum(on) * step_h
    if unit.run_h_left is not None and hours > unit.run_h_left + 1e-6:
        faults.append(f"{unit.id}: runs {hours} h; {unit.run_h_left} h are left")
    pairs = zip([int(unit.initial_on), *on], on, strict=False)
    starts = sum(now > before for before, now in pairs)
    if unit.starts_left is not None and starts > unit.starts_left:
        faults.append(f"{unit.id}: {starts} starts; {unit.starts_left} are left")
    if unit.fuel_left is not None:
        burnt = sum(
            _fuel_per_h(unit, kw) * step_h for kw, running in zip(power, on, strict=True) if running
        )
        if burnt > unit.fuel_left * (1.0 + 1e-5) + 1e-2:
            faults.append(f"{unit.id}: burns {burnt}; {unit.fuel_left} are left")
    return faults


def _store(
    problem: PlanProblem, solution: PlanSolution, store: PlanStore, named: Amounts
) -> list[str]:
    faults = []
    step_h = problem.step_s / 3600.0
    slack = ENERGY_KWH + ENERGY_SHARE * store.max_energy_kwh
    energy = untouched = min(store.initial_energy_kwh, store.max_energy_kwh)
    held = (1.0 - store.self_discharge_per_h) ** step_h
    for t, power in enumerate(solution.power_kw[store.id]):
        if not -store.charge_kw[t] - POWER_KW <= power <= store.discharge_kw[t] + POWER_KW:
            faults.append(f"{store.id}: {power} kW in interval {t} is beyond its limits")
        # Power has one sign in an answer: charging and discharging at once cannot be written.
        way = store.charge_efficiency if power < 0.0 else 1.0 / store.discharge_efficiency
        gain = -power * way
        energy = held * energy + gain * step_h
        untouched *= held
        said = solution.energy_kwh[store.id][t]
        if abs(said - energy) > slack:
            faults.append(f"{store.id}: says {said} kWh after interval {t}; adds up to {energy}")
        lowest = min(store.min_energy_kwh, untouched)
        missing = store.min_energy_kwh - said
        if said < lowest - slack or said > store.max_energy_kwh + slack:
            faults.append(f"{store.id}: {said} kWh after interval {t} is beyond its limits")
        if missing > named[ShortfallKind.STORE_FLOOR, store.id, t] + slack:
            faults.append(f"{store.id}: below its floor after interval {t} and not named")
        drawn = power > POWER_KW and missing > 0.011 * store.max_energy_kwh + slack
        if drawn and untouched < store.min_energy_kwh:
            faults.append(f"{store.id}: gives {power} kW in interval {t}, below its floor")
        energy = said
    missing = min(store.end_min_kwh, store.max_energy_kwh) - energy
    if missing > named[ShortfallKind.STORE_END, store.id, problem.count - 1] + slack:
        faults.append(f"{store.id}: ends {missing} kWh short and it is not named")
    return faults


def _balance(
    problem: PlanProblem, solution: PlanSolution, area: PlanArea, named: Amounts
) -> list[str]:
    faults = []
    devices = [unit.id for unit in problem.units if unit.area == area.id]
    devices += [store.id for store in problem.stores if store.area == area.id]
    devices += [one.id for one in problem.renewables if one.area == area.id]
    for t in range(problem.count):
        bought, sold = solution.import_kw[area.id][t], solution.export_kw[area.id][t]
        given = sum(solution.power_kw[device][t] for device in devices) + bought - sold
        given += named[ShortfallKind.UNSERVED, area.id, t]
        given -= named[ShortfallKind.SURPLUS, area.id, t]
        if abs(given - area.demand_kw[t]) > POWER_KW:
            faults.append(
                f"{area.id}: {given} kW against a demand of {area.demand_kw[t]} in interval {t}"
            )
        if not -POWER_KW <= bought <= area.import_limit_kw[t] + POWER_KW:
            faults.append(f"{area.id}: imports {bought} kW in interval {t}, beyond its limit")
        if not -POWER_KW <= sold <= area.export_limit_kw[t] + POWER_KW:
            faults.append(f"{area.id}: exports {sold} kW in interval {t}, beyond its limit")
        if min(bought, sold) > POWER_KW:
            faults.append(f"{area.id}: imports and exports at once in interval {t}")
    return faults


def _reserve(
    problem: PlanProblem, solution: PlanSolution, area: PlanArea, named: Amounts
) -> list[str]:
    faults = []
    for t in range(problem.count):
        largest = headroom = 0.0
        for unit in problem.units:
            if unit.area != area.id or not solution.commitment[unit.id][t]:
                continue
            largest = max(largest, unit.max_kw[t])
            if unit.gives_reserve:
                left = unit.max_kw[t] - solution.power_kw[unit.id][t]
                headroom += min(left, unit.ramp_kw_per_s * RESPONSE_S)
        for store in problem.stores:
            if store.area == area.id and store.gives_reserve:
                headroom += _store_reserve(solution, store, t)
        headroom += area.import_limit_kw[t]
        headroom += solution.export_kw[area.id][t] - solution.import_kw[area.id][t]
        missing = largest + area.reserve_kw[t] - headroom
        if missing > named[ShortfallKind.RESERVE, area.id, t] + POWER_KW:
            faults.append(f"{area.id}: {missing} kW of reserve missing in interval {t}, not named")
    return faults


def _store_reserve(solution: PlanSolution, store: PlanStore, t: int) -> float:
    energy = max(solution.energy_kwh[store.id][t] - store.min_energy_kwh, 0.0)
    lasting = energy * store.discharge_efficiency / HOLD_H
    return min(store.discharge_kw[t] - solution.power_kw[store.id][t], lasting)


def _proof(solution: PlanSolution) -> list[str]:
    above = solution.objective_usd - solution.lower_bound_usd
    faults = []
    if above < -1e-6 * max(1.0, abs(solution.objective_usd)):
        faults.append(f"the bound is {-above} USD above the plan's own cost")
    if not solution.gap >= 0.0:
        faults.append(f"the gap is {solution.gap}")
    return faults
