"""The independent judge's walk along one device: no code of the solver, no arrays, no models."""

from __future__ import annotations

import math

from gridmuster.planning.problem import (
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
#: Times agree within this, s, and hours of budgets within this, h.
TIME_S = 1e-6
HOURS_H = 1e-6

Amounts = dict[tuple[ShortfallKind, str, int], float]


def check_unit(
    problem: PlanProblem, solution: PlanSolution, unit: PlanUnit, named: Amounts
) -> list[str]:
    """What a plan does to a generator that it may not, one line a fault.

    Args:
        problem: the question.
        solution: the answer.
        unit: the generator.
        named: amounts of the answer's shortfalls.
    """
    on, power = solution.commitment[unit.id], solution.power_kw[unit.id]
    faults = []
    for t in range(problem.count):
        if on[t] and not may_run(unit, t):
            faults.append(f"{unit.id}: on in interval {t}, in which it may not run")
        low, high = (unit.min_kw[t], unit.max_kw[t]) if on[t] else (0.0, 0.0)
        if not on[t]:
            low = high = _given_while_starting(unit, on, t)
        if not low - POWER_KW <= power[t] <= high + POWER_KW:
            faults.append(f"{unit.id}: {power[t]} kW in interval {t}; limits {low} to {high}")
        may = named[ShortfallKind.MUST_RUN, unit.id, t] > 0.0
        if unit.must_run and not on[t] and not may and may_run(unit, t):
            faults += _excused(problem, unit, t)
    faults += _least_times(problem, unit, on)
    faults += _ramps(problem, unit, on, power, named)
    faults += _budgets(problem, unit, on)
    faults += _fuel(problem, unit, on, power)
    return faults


def may_run(unit: PlanUnit, t: int) -> bool:
    """Whether limits and maintenance let a unit run in an interval."""
    out = any(span.first <= t < span.end for span in unit.maintenance)
    return unit.max_kw[t] > 0.0 and not out


def most_kw(unit: PlanUnit, on: list[int], t: int) -> float:
    """The most that a unit on in an interval could give there, kW."""
    most = unit.max_kw[t]
    was_on = bool(on[t - 1]) if t else unit.initial_on
    if unit.start_max_kw is not None and not was_on:
        most = min(most, max(unit.start_max_kw, unit.min_kw[t]))
    ends = t + 1 < len(on) and not on[t + 1]
    if unit.stop_max_kw is not None and ends:
        most = min(most, max(unit.stop_max_kw, unit.min_kw[t]))
    return most


def _given_while_starting(unit: PlanUnit, on: list[int], t: int) -> float:
    """What a unit that is off gives because it comes on soon, kW."""
    steps = len(unit.start_power_kw)
    for lag in range(1, steps + 1):
        if t + lag < len(on) and on[t + lag]:
            return unit.start_power_kw[steps - lag]
    return 0.0


def _earliest(problem: PlanProblem, unit: PlanUnit) -> tuple[int, int]:
    """(first interval in which a new start can be done, that in which one under way is, or -1)."""
    step_s = problem.step_s
    steps = len(unit.start_power_kw)
    new = 0
    while new < steps or new * step_s < unit.start_delay_s - 0.5 * step_s - TIME_S:
        new += 1
    if unit.starting_s is None:
        return new, -1
    left_s = max(unit.start_delay_s, steps * step_s) - unit.starting_s
    due = 0
    while due * step_s < left_s - 0.5 * step_s - TIME_S:
        due += 1
    return new, due


def _excused(problem: PlanProblem, unit: PlanUnit, t: int) -> list[str]:
    """Off against must-run without a word: only while resting from before, or still starting."""
    if not unit.initial_on:
        rest_s = max(unit.min_down_s - unit.initial_s, 0.0)
        new, due = _earliest(problem, unit)
        if t * problem.step_s < rest_s - TIME_S or t < (new if due < 0 else due):
            return []
    return [f"{unit.id}: must run, but is off in interval {t} and no shortfall says why"]


def _least_times(problem: PlanProblem, unit: PlanUnit, on: list[int]) -> list[str]:
    """Walk along the runs and rests, the first of which began before the horizon."""
    faults = []
    step_s = problem.step_s
    new, due = _earliest(problem, unit)
    state, lasted_s, since = unit.initial_on, unit.initial_s, 0
    first = True
    for t, value in enumerate([*on]):
        if bool(value) != state:
            least_s = unit.min_up_s if state else max(unit.min_down_s, 0.0)
            forced = state and _cannot_stay(problem, unit, t, first)
            if lasted_s < least_s - TIME_S and not forced:
                word = "on" if state else "off"
                faults.append(
                    f"{unit.id}: {word} for {lasted_s} s until interval {t}; "
                    f"at least {least_s} s wanted"
                )
            if not state and not first and t - since < new:
                faults.append(f"{unit.id}: back on in interval {t}, sooner than it can start")
            if not state and first and t < new and t != due:
                faults.append(f"{unit.id}: on in interval {t}, before it can have started")
            state, lasted_s, first, since = bool(value), 0.0, False, t
        lasted_s += step_s
    return faults


def _cannot_stay(problem: PlanProblem, unit: PlanUnit, t: int, first: bool) -> bool:
    """Whether a unit that was on before the horizon has to stop in t whatever its least time."""
    if not first:
        return False
    if not may_run(unit, t):
        return True
    step_h = problem.step_s / 3600.0
    if unit.run_h_left is not None and (t + 1) * step_h > unit.run_h_left + HOURS_H:
        return True
    for window in unit.windows:
        inside = window.first <= t < window.end
        hours = (t + 1 - window.first) * step_h
        if inside and window.run_h_left is not None and hours > window.run_h_left + HOURS_H:
            return True
    least = [fuel_per_h(unit, unit.min_kw[k]) * step_h for k in range(t + 1)]
    return _missing_fuel(unit, least) > 1e-6


def fuel_per_h(unit: PlanUnit, power_kw: float) -> float:
    """What a unit that is on burns an hour at an output, l or m3."""
    rate, left = unit.no_load_fuel_per_h, power_kw
    for width, slope in zip(unit.segment_kw, unit.segment_fuel_per_kwh, strict=True):
        rate += slope * min(max(left, 0.0), width)
        left -= width
    return rate


def _missing_fuel(unit: PlanUnit, burnt: list[float]) -> float:
    """By how much fuel burnt in the intervals is more than there was, l or m3; at its worst."""
    if unit.fuel_left is None:
        return 0.0
    level, worst = unit.fuel_left, 0.0
    room = math.inf if unit.fuel_room is None else max(unit.fuel_room, level)
    for t, amount in enumerate(burnt):
        for one in unit.fuel_deliveries:
            if one.interval == t:
                level = min(level + one.amount, room)
        level -= amount
        worst = max(worst, -level)
    return worst


def burnt_per_interval(
    problem: PlanProblem, unit: PlanUnit, on: list[int], power: list[float]
) -> list[float]:
    """What a unit burns in each interval, its starts in the intervals they are done, l or m3."""
    step_h = problem.step_s / 3600.0
    found = []
    was_on = unit.initial_on
    for running, kw in zip(on, power, strict=True):
        amount = fuel_per_h(unit, kw) * step_h if running else 0.0
        if running and not was_on:
            amount += unit.start_fuel
        found.append(amount)
        was_on = bool(running)
    return found


def _ramps(
    problem: PlanProblem, unit: PlanUnit, on: list[int], power: list[float], named: Amounts
) -> list[str]:
    faults = []
    rise = unit.ramp_kw_per_s * problem.step_s
    fall = rise if unit.ramp_down_kw_per_s is None else unit.ramp_down_kw_per_s * problem.step_s
    was_on = unit.initial_on
    before = max(0.0, unit.initial_kw) if was_on else 0.0
    base = unit.min_kw[0] if may_run(unit, 0) else 0.0
    stop = unit.stop_max_kw
    if stop is not None and (not may_run(unit, 0) or stop >= unit.max_kw[0]):
        stop = math.inf  # a trip
    for t in range(problem.count):
        excess = 0.0
        if on[t] and was_on:
            excess = max(power[t] - before - rise, before - power[t] - fall)
        elif on[t]:
            most = unit.min_kw[t] + rise
            if unit.start_max_kw is not None:
                most = max(unit.start_max_kw, unit.min_kw[t])
            excess = power[t] - most
        elif was_on:
            excess = before - (base + fall if stop is None else max(stop, base))
        if excess > named[ShortfallKind.RAMP, unit.id, t] + POWER_KW:
            faults.append(f"{unit.id}: {excess} kW faster than its ramp in interval {t}")
        was_on, before, stop = bool(on[t]), power[t], unit.stop_max_kw
        base = unit.min_kw[t] if may_run(unit, t) else 0.0
    return faults


def _budgets(problem: PlanProblem, unit: PlanUnit, on: list[int]) -> list[str]:
    faults = []
    step_h = problem.step_s / 3600.0
    starts = [
        int(now > before) for before, now in zip([int(unit.initial_on), *on], on, strict=False)
    ]
    budgets = [(0, problem.count, unit.run_h_left, unit.starts_left)]
    budgets += [(one.first, one.end, one.run_h_left, one.starts_left) for one in unit.windows]
    for first, end, hours_left, starts_left in budgets:
        hours, started = sum(on[first:end]) * step_h, sum(starts[first:end])
        where = f"intervals {first} to {end}"
        if hours_left is not None and hours > hours_left + HOURS_H:
            faults.append(f"{unit.id}: runs {hours} h in {where}; {hours_left} h are left")
        if starts_left is not None and started > starts_left:
            faults.append(f"{unit.id}: {started} starts in {where}; {starts_left} are left")
    return faults


def _fuel(problem: PlanProblem, unit: PlanUnit, on: list[int], power: list[float]) -> list[str]:
    if unit.fuel_left is None:
        return []
    burnt = burnt_per_interval(problem, unit, on, power)
    missing = _missing_fuel(unit, burnt)
    if missing > sum(burnt) * 1e-5 + 1e-2:
        return [
            f"{unit.id}: burns {sum(burnt)}, {missing} more than it has by then; {unit.fuel_left} "
            "are left, and what is delivered"
        ]
    return []


def check_store(
    problem: PlanProblem, solution: PlanSolution, store: PlanStore, named: Amounts
) -> list[str]:
    """What a plan does to a store that it may not, one line a fault.

    Args:
        problem: the question.
        solution: the answer.
        store: the store.
        named: amounts of the answer's shortfalls.
    """
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
        low = store.energy_low_kwh[t] if store.energy_low_kwh else 0.0
        high = store.energy_high_kwh[t] if store.energy_high_kwh else math.inf
        beyond = max(low - said, said - high)
        if beyond > named[ShortfallKind.STORE_HOUR, store.id, t] + slack:
            faults.append(
                f"{store.id}: {beyond} kWh beyond the hour's wish after interval {t}, not named"
            )
        energy = said
    missing = min(store.end_min_kwh, store.max_energy_kwh) - energy
    if missing > named[ShortfallKind.STORE_END, store.id, problem.count - 1] + slack:
        faults.append(f"{store.id}: ends {missing} kWh short and it is not named")
    return faults
