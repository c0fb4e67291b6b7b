"""An independent judge of plans: reads only the question and the answer, shares no solver code.

It walks along every device interval by interval in plain Python and writes down every limit that
the answer breaks without naming it. An empty list is a feasible plan.
"""

from __future__ import annotations

import math
from collections import defaultdict

from gridmuster.planning.checker_devices import (
    POWER_KW,
    Amounts,
    burnt_per_interval,
    check_store,
    check_unit,
    most_kw,
)
from gridmuster.planning.problem import (
    PlanArea,
    PlanLink,
    PlanProblem,
    PlanSolution,
    PlanStore,
    ShortfallKind,
)

#: Energy behind a store's reserve lasts this long, h; a unit's comes within this time, s.
HOLD_H = 0.25
RESPONSE_S = 600.0


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
        faults += check_unit(problem, solution, unit, named)
    for store in problem.stores:
        faults += check_store(problem, solution, store, named)
    for renewable in problem.renewables:
        for t, power in enumerate(solution.power_kw[renewable.id]):
            if not -POWER_KW <= power <= renewable.available_kw[t] + POWER_KW:
                faults.append(
                    f"{renewable.id}: gives {power} kW in interval {t}; "
                    f"0 to {renewable.available_kw[t]} are there"
                )
    for link in problem.links:
        faults += _link(problem, solution, link)
    faults += _emissions(problem, solution, named)
    for area in problem.areas:
        faults += _balance(problem, solution, area, named)
        faults += _reserve(problem, solution, area, named)
    return faults + _proof(solution)


def _shape(problem: PlanProblem, solution: PlanSolution) -> list[str]:
    faults = []
    devices = [unit.id for unit in problem.units] + [store.id for store in problem.stores]
    devices += [renewable.id for renewable in problem.renewables]
    areas = [area.id for area in problem.areas]
    links = [link.id for link in problem.links]
    stores = [store.id for store in problem.stores]
    wanted: list[tuple[str, dict[str, list[float]], list[str]]] = [
        ("power_kw", solution.power_kw, devices),
        ("energy_kwh", solution.energy_kwh, stores),
        ("energy_value_usd_per_kwh", solution.energy_value_usd_per_kwh, stores),
        ("import_kw", solution.import_kw, areas),
        ("export_kw", solution.export_kw, areas),
        ("price_usd_per_kwh", solution.price_usd_per_kwh, areas),
        ("link_kw", solution.link_kw, links),
        ("link_reserve_kw", solution.link_reserve_kw, links),
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
        given += _arrives(problem, solution.link_kw, area, t)
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


def _arrives(problem: PlanProblem, sent: dict[str, list[float]], area: PlanArea, t: int) -> float:
    """What an area gets over its links, less what it sends, kW."""
    total = 0.0
    for link in problem.links:
        kw = sent[link.id][t]
        arriving = abs(kw) * (1.0 - link.loss_fraction)
        source, sink = link.from_area, link.to_area
        if kw < 0.0:
            source, sink = sink, source
        if area.id == source:
            total -= abs(kw)
        if area.id == sink:
            total += arriving
    return total


def _link(problem: PlanProblem, solution: PlanSolution, link: PlanLink) -> list[str]:
    faults = []
    for t in range(problem.count):
        sent, lent = solution.link_kw[link.id][t], solution.link_reserve_kw[link.id][t]
        for what, kw in (("sends", sent), ("sends and lends", sent + lent)):
            if not -link.back_limit_kw[t] - POWER_KW <= kw <= link.limit_kw[t] + POWER_KW:
                faults.append(f"{link.id}: {what} {kw} kW in interval {t}, beyond its limits")
    return faults


def _emissions(problem: PlanProblem, solution: PlanSolution, named: Amounts) -> list[str]:
    faults = []
    for cap in problem.emission_caps:
        emitted = 0.0
        for unit in problem.units:
            if not cap.areas or unit.area in cap.areas:
                on, power = solution.commitment[unit.id], solution.power_kw[unit.id]
                fuel = sum(burnt_per_interval(problem, unit, on, power)[cap.first : cap.end])
                emitted += fuel * unit.emission_kg_per_fuel.get(cap.pollutant, 0.0)
        above = emitted - cap.limit_kg - named[ShortfallKind.EMISSION, cap.id, problem.count - 1]
        if above > 1e-4 * emitted + 1e-2:
            faults.append(f"{cap.id}: {above} kg of {cap.pollutant} above the cap, not named")
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
                most = most_kw(unit, solution.commitment[unit.id], t)
                left = max(most - solution.power_kw[unit.id][t], 0.0)
                headroom += min(left, unit.ramp_kw_per_s * RESPONSE_S)
        for store in problem.stores:
            if store.area == area.id and store.gives_reserve:
                headroom += _store_reserve(solution, store, t)
        headroom += area.import_limit_kw[t]
        headroom += solution.export_kw[area.id][t] - solution.import_kw[area.id][t]
        headroom += _arrives(problem, solution.link_reserve_kw, area, t)
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
