"""What a plan leaves behind after some of its intervals: the state the next plan begins with.

For plans made one after the other without telemetry between them (studies, tests, another planner's
schedule carried on). The center reads the same state from its devices instead.
"""

from __future__ import annotations

from msgspec import structs

from gridmuster.planning.problem import (
    Delivery,
    PlanProblem,
    PlanSolution,
    PlanStore,
    PlanUnit,
    RunWindow,
    Span,
)
from gridmuster.units import SECONDS_PER_HOUR

#: Budgets are kept to this many digits, so that sums of intervals do not leave crumbs.
DIGITS = 9


def unit_after(
    unit: PlanUnit, on: list[int], power_kw: list[float], done: int, step_s: float
) -> PlanUnit:
    """A unit after the first intervals of its plan, its series and intervals counted from there.

    Args:
        unit: as the plan began.
        on: the plan's on and off, over the whole plan.
        power_kw: the plan's power.
        done: how many intervals are over, at least 1.
        step_s: length of an interval, s.
    """
    step_h = step_s / SECONDS_PER_HOUR
    running = bool(on[done - 1])
    edge = done
    while edge > 0 and bool(on[edge - 1]) == running:
        edge -= 1
    lasted_s = (done - edge) * step_s
    if edge == 0 and running == unit.initial_on:
        lasted_s += unit.initial_s
    before = [int(unit.initial_on), *on]
    starts = [int(not was and now) for was, now in zip(before, on, strict=False)]
    return structs.replace(
        unit,
        min_kw=unit.min_kw[done:],
        max_kw=unit.max_kw[done:],
        initial_on=running,
        initial_s=lasted_s,
        initial_kw=power_kw[done - 1] if running else 0.0,
        starting_s=None if running else _starting_s(unit, on, done, step_s),
        run_h_left=_left(unit.run_h_left, sum(on[:done]) * step_h),
        starts_left=_starts_left(unit.starts_left, sum(starts[:done])),
        fuel_left=_fuel_left(unit, on, power_kw, starts, done, step_h),
        fuel_deliveries=[
            Delivery(one.interval - done, one.amount)
            for one in unit.fuel_deliveries
            if one.interval >= done
        ],
        windows=[
            RunWindow(
                max(0, one.first - done),
                one.end - done,
                _left(one.run_h_left, sum(on[one.first : min(one.end, done)]) * step_h),
                _starts_left(one.starts_left, sum(starts[one.first : min(one.end, done)])),
            )
            for one in unit.windows
            if one.end > done
        ],
        maintenance=[
            Span(max(0, one.first - done), one.end - done)
            for one in unit.maintenance
            if one.end > done
        ],
    )


def store_after(store: PlanStore, energy_kwh: list[float], done: int) -> PlanStore:
    """A store after the first intervals of its plan.

    Args:
        store: as the plan began.
        energy_kwh: the plan's energy at the end of each interval.
        done: how many intervals are over, at least 1.
    """
    return structs.replace(
        store,
        charge_kw=store.charge_kw[done:],
        discharge_kw=store.discharge_kw[done:],
        energy_low_kwh=store.energy_low_kwh[done:],
        energy_high_kwh=store.energy_high_kwh[done:],
        initial_energy_kwh=max(energy_kwh[done - 1], 0.0),
    )


def units_after(problem: PlanProblem, solution: PlanSolution, done: int) -> list[PlanUnit]:
    """All units of a problem after the first intervals of its plan."""
    return [
        unit_after(
            unit, solution.commitment[unit.id], solution.power_kw[unit.id], done, problem.step_s
        )
        for unit in problem.units
    ]


def _left(budget: float | None, used: float) -> float | None:
    return None if budget is None else max(0.0, round(budget - used, DIGITS))


def _starts_left(budget: int | None, used: int) -> int | None:
    return None if budget is None else max(0, budget - used)


def _starting_s(unit: PlanUnit, on: list[int], done: int, step_s: float) -> float | None:
    """How long ago the start was ordered that the plan goes on with, or None."""
    comes = next((t for t in range(done, len(on)) if on[t]), None)
    if comes is None:
        return None
    if unit.starting_s is not None and not unit.initial_on and not any(on[:comes]):
        lead_s = max(unit.start_delay_s, len(unit.start_power_kw) * step_s)
        if comes * step_s < lead_s:
            return unit.starting_s + done * step_s
    ordered_s = comes * step_s - max(unit.start_delay_s, len(unit.start_power_kw) * step_s)
    ago_s = done * step_s - ordered_s
    return ago_s if ago_s > 0.0 else None


def _fuel_left(
    unit: PlanUnit,
    on: list[int],
    power_kw: list[float],
    starts: list[int],
    done: int,
    step_h: float,
) -> float | None:
    if unit.fuel_left is None:
        return None
    level = unit.fuel_left
    room = None if unit.fuel_room is None else max(unit.fuel_room, level)
    for t in range(done):
        level += sum(one.amount for one in unit.fuel_deliveries if one.interval == t)
        level = level if room is None else min(level, room)
        if on[t]:
            level -= _fuel_per_h(unit, power_kw[t]) * step_h + starts[t] * unit.start_fuel
    return max(0.0, level)


def _fuel_per_h(unit: PlanUnit, power_kw: float) -> float:
    rate, left = unit.no_load_fuel_per_h, power_kw
    for width, slope in zip(unit.segment_kw, unit.segment_fuel_per_kwh, strict=True):
        rate += slope * min(max(left, 0.0), width)
        left -= width
    return rate
