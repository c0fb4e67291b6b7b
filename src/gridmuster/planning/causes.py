"""Broken wishes of a plan, named: what, where, when, how much, and why in words."""

from __future__ import annotations

import numpy as np

from gridmuster.planning.linear import Floats
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanProblem, Shortfall, ShortfallKind
from gridmuster.planning.schedule import Schedule

#: Shortfalls below this are rounding, kW or kWh.
TOLERANCE = 1e-4


def shortfalls(
    problem: PlanProblem, groups: tuple[Group, ...] | list[Group], plan: Schedule
) -> list[Shortfall]:
    """Every wish the plan breaks, by interval, each with its cause."""
    found: list[Shortfall] = []
    for number, area in enumerate(problem.areas):
        for kind, amounts in (
            (ShortfallKind.UNSERVED, plan.unserved[number]),
            (ShortfallKind.SURPLUS, plan.surplus[number]),
            (ShortfallKind.RESERVE, plan.reserve_short[number]),
        ):
            for t in _where(amounts):
                cause = _AREA_CAUSES[kind](problem, groups, plan, number, t)
                found.append(Shortfall(kind, area.id, t, float(amounts[t]), cause))
    for number, unit in enumerate(problem.units):
        for t in _where(plan.ramp[number]):
            cause = (
                f"{unit.id} must move faster than its ramp of "
                f"{unit.ramp_kw_per_s * problem.step_s:.1f} kW an interval, or stop from more than "
                "it may, because its limits or its being on change"
            )
            amount = float(plan.ramp[number, t])
            found.append(Shortfall(ShortfallKind.RAMP, unit.id, t, amount, cause))
        for t in _where(plan.idle[number]):
            cause = f"{unit.id} must run but its hours, fuel, starts or least times forbid it"
            found.append(
                Shortfall(ShortfallKind.MUST_RUN, unit.id, t, float(unit.max_kw[t]), cause)
            )
    found.extend(_store_shortfalls(problem, plan))
    for number, cap in enumerate(problem.emission_caps):
        if plan.excess[number] > TOLERANCE:
            missing, last = float(plan.excess[number]), problem.count - 1
            cause = (
                f"{cap.pollutant} is {missing:.2f} kg above the {cap.limit_kg:.2f} kg of {cap.id}: "
                f"staying below costs more than {cap.excess_usd_per_kg:.2f} USD/kg, or least times "
                "and must-run do not let it"
            )
            found.append(Shortfall(ShortfallKind.EMISSION, cap.id, last, missing, cause))
    return sorted(found, key=lambda one: (one.interval, one.where, one.kind.value))


def _where(amounts: Floats) -> list[int]:
    return [int(t) for t in np.flatnonzero(amounts > TOLERANCE)]


def _store_shortfalls(problem: PlanProblem, plan: Schedule) -> list[Shortfall]:
    found = []
    for number, store in enumerate(problem.stores):
        for t in _where(plan.floor[number]):
            missing = float(plan.floor[number, t])
            cause = (
                f"{store.id} has {missing:.2f} kWh less than its floor of "
                f"{store.min_energy_kwh:.2f} kWh: it began at {store.initial_energy_kwh:.2f} kWh "
                "and cannot be charged sooner"
            )
            found.append(Shortfall(ShortfallKind.STORE_FLOOR, store.id, t, missing, cause))
        for t in _where(plan.hour[number]):
            missing, energy = float(plan.hour[number, t]), float(plan.energy[number, t])
            low = energy < (store.energy_low_kwh[t] if store.energy_low_kwh else 0.0)
            wish = (store.energy_low_kwh if low else store.energy_high_kwh)[t]
            cause = (
                f"{store.id} holds {energy:.2f} kWh after interval {t}, "
                f"{'less' if low else 'more'} than the {wish:.2f} kWh wished for that hour: "
                f"{'charging' if low else 'emptying'} it further by then is not possible or costs "
                "more than the wish is worth"
            )
            found.append(Shortfall(ShortfallKind.STORE_HOUR, store.id, t, missing, cause))
        if plan.end[number] > TOLERANCE:
            missing = float(plan.end[number])
            cause = (
                f"{store.id} ends {missing:.2f} kWh short of the {store.end_min_kwh:.2f} kWh "
                "wished: charging it further is not possible or would leave demand unserved"
            )
            last = problem.count - 1
            found.append(Shortfall(ShortfallKind.STORE_END, store.id, last, missing, cause))
    return found


class _Capability:
    """What an area could give at most in one interval, and what is held back."""

    def __init__(
        self,
        problem: PlanProblem,
        groups: tuple[Group, ...] | list[Group],
        plan: Schedule,
        area: int,
        t: int,
    ) -> None:
        one = problem.areas[area]
        self.import_kw = one.import_limit_kw[t]
        self.units_kw = self.on_kw = self.waiting_kw = 0.0
        self.idle: list[str] = []
        self.out: list[str] = []
        for group in groups:
            if group.area != area:
                continue
            for member in group.members:
                unit, high = problem.units[member], float(group.max_kw[t])
                if any(span.first <= t < span.end for span in unit.maintenance):
                    self.out.append(unit.id)
                self.units_kw += high
                if plan.on[member, t]:
                    self.on_kw += high
                elif high > 0.0:
                    self.waiting_kw += high
                    self.idle.append(f"{unit.id} ({_held_back(problem, group, plan, member, t)})")
        self.stores_kw = sum(
            store.discharge_kw[t] for store in problem.stores if store.area == one.id
        )
        self.links_kw = 0.0
        for number, link in enumerate(problem.links):
            sent = float(plan.link[number, t])
            if one.id in (link.from_area, link.to_area):
                here = -sent if link.from_area == one.id else sent
                self.links_kw += here * (1.0 - link.loss_fraction) if here > 0.0 else here
        self.renewables_kw = sum(
            renewable.available_kw[t]
            for renewable in problem.renewables
            if renewable.area == one.id
        )


def _held_back(problem: PlanProblem, group: Group, plan: Schedule, member: int, t: int) -> str:
    """Why a unit that could run in t does not."""
    unit, on = problem.units[member], plan.on[member]
    step_h = problem.step_s / 3600.0
    for window in unit.windows:
        part = slice(window.first, window.end)
        inside = window.first <= t < window.end
        spent = float(on[part].sum()) * step_h
        if inside and window.run_h_left is not None and spent > window.run_h_left - step_h:
            return f"hours of intervals {window.first} to {window.end} used up"
        began = np.maximum(np.diff(on, prepend=int(unit.initial_on)), 0)[part].sum()
        if inside and window.starts_left is not None and began >= window.starts_left:
            return f"starts of intervals {window.first} to {window.end} used up"
    if not unit.initial_on and t < int(group.held_off.max(initial=0)) + group.down:
        first = int(group.held_off.sum()) if group.count == 1 else 0
        if t < first:
            return "still starting or resting"
    if unit.run_h_left is not None and float(on.sum()) * step_h > unit.run_h_left - step_h:
        return "hours used up"
    started = int(np.maximum(np.diff(on, prepend=int(unit.initial_on)), 0).sum())
    if unit.starts_left is not None and started >= unit.starts_left:
        return "starts used up"
    if unit.fuel_left is not None and group.fuel_left is not None:
        return "fuel kept back or used up"
    recent = on[max(0, t - group.down) : t]
    if recent.any() or (unit.initial_on and t < group.down):
        return "resting after a stop"
    return "running it would break another limit or cost more"


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _unserved(
    problem: PlanProblem,
    groups: tuple[Group, ...] | list[Group],
    plan: Schedule,
    area: int,
    t: int,
) -> str:
    can = _Capability(problem, groups, plan, area, t)
    demand = problem.areas[area].demand_kw[t]
    most = can.import_kw + can.units_kw + can.stores_kw + can.renewables_kw + can.links_kw
    parts = (
        f"units {can.units_kw:.1f}, connection {can.import_kw:.1f}, stores {can.stores_kw:.1f}, "
        f"sun and wind {can.renewables_kw:.1f} kW"
    )
    if problem.links:
        parts += f", links {can.links_kw:.1f} kW"
    if demand > most:
        out = f"; in maintenance: {_listed(can.out)}" if can.out else ""
        return f"demand of {demand:.1f} kW is above all there is: {parts}{out}"
    reasons = []
    if can.idle:
        reasons.append("not on: " + _listed(can.idle))
    if can.out:
        reasons.append("in maintenance: " + _listed(can.out))
    given = sum(
        float(plan.discharge[number, t] - plan.charge[number, t])
        for number, store in enumerate(problem.stores)
        if store.area == problem.areas[area].id
    )
    if can.stores_kw > given + TOLERANCE:
        reasons.append(f"stores give {given:.1f} of {can.stores_kw:.1f} kW for want of energy")
    if not reasons:
        reasons.append("units are held by ramps or fuel")
    return f"demand of {demand:.1f} kW against {parts}; " + "; ".join(reasons)


def _surplus(
    problem: PlanProblem,
    groups: tuple[Group, ...] | list[Group],
    plan: Schedule,
    area: int,
    t: int,
) -> str:
    one = problem.areas[area]
    held = [
        f"{problem.units[member].id} ({plan.power[member, t]:.1f} kW)"
        for group in groups
        if group.area == area
        for member in group.members
        if plan.power[member, t] > 0.0
    ]
    return (
        f"units that must stay on give more than the demand of {one.demand_kw[t]:.1f} kW, the "
        f"export limit of {one.export_limit_kw[t]:.1f} kW and what stores can take: "
        + _listed(held)
    )


def _reserve(
    problem: PlanProblem,
    groups: tuple[Group, ...] | list[Group],
    plan: Schedule,
    area: int,
    t: int,
) -> str:
    one = problem.areas[area]
    largest, name = 0.0, "none"
    for group in groups:
        if group.area != area:
            continue
        for member in group.members:
            if plan.on[member, t] and float(group.max_kw[t]) > largest:
                largest, name = float(group.max_kw[t]), problem.units[member].id
    can = _Capability(problem, groups, plan, area, t)
    text = (
        f"headroom does not cover the loss of {name} ({largest:.1f} kW) and "
        f"{one.reserve_kw[t]:.1f} kW more"
    )
    return text + (f"; not on: {_listed(can.idle)}" if can.idle else "; everything is on")


_AREA_CAUSES = {
    ShortfallKind.UNSERVED: _unserved,
    ShortfallKind.SURPLUS: _surplus,
    ShortfallKind.RESERVE: _reserve,
}
