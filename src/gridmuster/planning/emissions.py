"""Caps on what units emit in some intervals; what is above a cap is priced and named.

sum over units  rate x (fuel burnt, starts included) - excess <= limit
"""

from __future__ import annotations

import numpy as np

from gridmuster.planning.commitment import CommitmentColumns
from gridmuster.planning.fuel import add_burnt
from gridmuster.planning.linear import INF, Floats, Ints, LinearModel
from gridmuster.planning.output import OutputColumns
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import EmissionCap, PlanProblem, PlanUnit
from gridmuster.planning.schedule import Schedule, along_segments, starts
from gridmuster.units import SECONDS_PER_HOUR


def counts(cap: EmissionCap, unit: PlanUnit) -> bool:
    """Whether a unit's emissions count towards a cap."""
    inside = not cap.areas or unit.area in cap.areas
    return inside and unit.emission_kg_per_fuel.get(cap.pollutant, 0.0) > 0.0


def window(cap: EmissionCap, count: int) -> tuple[int, int]:
    """First interval that counts towards a cap, and the one after the last."""
    return cap.first, count if cap.end is None else min(cap.end, count)


def add_cap(
    model: LinearModel,
    cap: EmissionCap,
    parts: list[tuple[Group, CommitmentColumns, OutputColumns]],
) -> Ints:
    """The row of one cap; returns the column of what is above it, kg."""
    excess = model.columns(1, 0.0, INF, cap.excess_usd_per_kg)
    row = model.rows(1, -INF, cap.limit_kg)
    model.entries(row, excess, -1.0)
    for group, commitment, output in parts:
        if counts(cap, group.unit):
            rate = group.unit.emission_kg_per_fuel[cap.pollutant]
            first, end = window(cap, len(commitment.on))
            add_burnt(model, row, group, commitment, output.above, end, factor=rate, first=first)
    return excess


def fuel_by_unit(problem: PlanProblem, plan: Schedule) -> list[Floats]:
    """What each unit burns in each interval of a schedule, starts included, l or m3."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    started = starts(problem, plan)
    found = []
    for number, unit in enumerate(problem.units):
        on = plan.on[number]
        fuel = np.asarray(unit.segment_fuel_per_kwh, dtype=float)
        hourly = unit.no_load_fuel_per_h * on
        hourly = hourly + along_segments(unit, fuel, plan.power[number] * on)
        found.append(hourly * step_h + unit.start_fuel * started[number])
    return found


def emitted_kg(problem: PlanProblem, plan: Schedule) -> tuple[dict[str, float], list[float]]:
    """(Emissions of all units by pollutant, emissions that count towards each cap), kg."""
    total: dict[str, float] = {}
    capped = [0.0] * len(problem.emission_caps)
    if not any(unit.emission_kg_per_fuel for unit in problem.units):
        return total, capped
    for unit, fuel in zip(problem.units, fuel_by_unit(problem, plan), strict=True):
        for pollutant, rate in unit.emission_kg_per_fuel.items():
            total[pollutant] = total.get(pollutant, 0.0) + rate * float(fuel.sum())
        for number, cap in enumerate(problem.emission_caps):
            if counts(cap, unit):
                first, end = window(cap, problem.count)
                burnt = float(fuel[first:end].sum())
                capped[number] += unit.emission_kg_per_fuel[cap.pollutant] * burnt
    return total, capped


def excess_kg(problem: PlanProblem, plan: Schedule) -> list[float]:
    """What a schedule emits above each cap, kg."""
    _, capped = emitted_kg(problem, plan)
    return [
        max(0.0, kg - cap.limit_kg) for kg, cap in zip(capped, problem.emission_caps, strict=True)
    ]
