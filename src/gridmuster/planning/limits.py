"""Which limits a device and its area are at in an interval of a plan, in numbers and words."""

from __future__ import annotations

import numpy as np

from gridmuster.planning.merit import TINY, AreaPicture
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanUnit
from gridmuster.planning.reasons import Limit, LimitKind
from gridmuster.planning.runs import span
from gridmuster.units import SECONDS_PER_HOUR

#: A budget is used up when less than this share of another interval is left of it.
WHOLE = 1e-6


def unit_limits(picture: AreaPicture, group: Group, number: int, t: int) -> list[Limit]:
    """Limits that a generator is at."""
    unit, row = picture.problem.units[number], picture.row[number]
    on = picture.on[row].astype(np.int64)
    found = _times(group, unit, on, t)
    found += _budgets(picture, group, number, on)
    if on[t]:
        found += _outputs(picture, group, row, t)
        if group.must_run[t]:
            found.append(Limit(LimitKind.MUST_RUN, 1.0, "", "it must run by the fleet file"))
        found += _reserve(picture, number, t)
    return found


def _outputs(picture: AreaPicture, group: Group, row: int, t: int) -> list[Limit]:
    power, low, high = float(picture.power[row, t]), group.min_kw[t], group.max_kw[t]
    found = []
    if high - low <= TINY:
        text = f"it gives {high:,.1f} kW or nothing: exactly its site's own load"
        found.append(Limit(LimitKind.OWN_LOAD, float(high), "kW", text))
    elif power <= low + TINY:
        text = f"it is at its least output, {low:,.1f} kW"
        found.append(Limit(LimitKind.LEAST_OUTPUT, float(low), "kW", text))
    elif power >= high - TINY:
        text = f"it is at the most it can give, {high:,.1f} kW"
        found.append(Limit(LimitKind.MOST_OUTPUT, float(high), "kW", text))
    if t and picture.on[row, t - 1] and np.isfinite(group.ramp_kw):
        moved = abs(power - float(picture.power[row, t - 1]))
        if moved >= group.ramp_kw - TINY:
            text = f"it moves by {moved:,.1f} kW, as fast as its ramp allows"
            found.append(Limit(LimitKind.RAMP, float(group.ramp_kw), "kW", text))
    return found


def _times(group: Group, unit: PlanUnit, on: np.ndarray, t: int) -> list[Limit]:
    first, end = span(on, t)
    step_s = group.step_h * SECONDS_PER_HOUR
    if on[t]:
        held = bool(group.held_on[t])
        started = first > 0 or not unit.initial_on
        if held or (started and end < len(on) and end - first <= group.up and group.up > 1):
            text = f"it runs no longer than it must: at least {unit.min_up_s / 60:,.0f} min"
            if held:
                text = f"it was on already and must stay on {unit.min_up_s / 60:,.0f} min"
            return [Limit(LimitKind.MIN_UP, unit.min_up_s / 60.0, "min", text)]
        return []
    if group.held_off[t]:
        left_s = float(group.held_off.sum()) * step_s
        text = (
            f"it cannot be on within {left_s / 60:,.0f} min of the plan's start: it rests "
            f"{unit.min_down_s / 60:,.0f} min and needs {unit.start_delay_s:,.0f} s to start"
        )
        return [Limit(LimitKind.MIN_DOWN, unit.min_down_s / 60.0, "min", text)]
    if first > 0 and end < len(on) and end - first <= group.down and group.down > 1:
        text = f"between two runs it must rest at least {unit.min_down_s / 60:,.0f} min"
        return [Limit(LimitKind.MIN_DOWN, unit.min_down_s / 60.0, "min", text)]
    return []


def _budgets(picture: AreaPicture, group: Group, number: int, on: np.ndarray) -> list[Limit]:
    unit, step_h = picture.problem.units[number], picture.step_h
    found = []
    used_h = float(on.sum()) * step_h
    if unit.run_h_left is not None and used_h > unit.run_h_left - step_h * (1.0 - WHOLE):
        text = f"the plan uses {used_h:,.2f} h of the {unit.run_h_left:,.2f} h its permit has left"
        found.append(Limit(LimitKind.HOURS, unit.run_h_left, "h", text))
    if unit.fuel_left is not None:
        used, least = _fuel(picture, group, number, on)
        coming = sum(one.amount for one in unit.fuel_deliveries)
        if used > unit.fuel_left + coming - least * (1.0 - WHOLE):
            may = unit.fuel_left + coming
            text = f"the plan burns {used:,.1f} of the {may:,.1f} l or m3 it may use"
            found.append(Limit(LimitKind.FUEL, may, "l or m3", text))
    started = int(np.maximum(np.diff(on, prepend=int(unit.initial_on)), 0).sum())
    if unit.starts_left is not None and started >= unit.starts_left:
        text = f"the plan starts it {started} times; {unit.starts_left} are left today"
        found.append(Limit(LimitKind.STARTS, float(unit.starts_left), "starts", text))
    return found


def _fuel(picture: AreaPicture, group: Group, number: int, on: np.ndarray) -> tuple[float, float]:
    """Fuel the plan burns, and the least that one more interval would, l or m3."""
    unit, power = picture.problem.units[number], picture.power[picture.row[number]]
    total = lower = 0.0
    last = len(unit.segment_kw) - 1
    for j, width in enumerate(unit.segment_kw):
        upper = np.inf if j == last else lower + width
        part = np.clip(power, lower, upper) - lower
        total += unit.segment_fuel_per_kwh[j] * float(part.sum())
        lower = upper
    used = (total + unit.no_load_fuel_per_h * float(on.sum())) * picture.step_h
    idle = group.min_fuel_per_h[group.allowed & (on == 0)]
    least = float(idle.min()) * picture.step_h if idle.size else 0.0
    return used, least


def _reserve(picture: AreaPicture, number: int, t: int) -> list[Limit]:
    had = float(picture.reserve_missing_without(None)[t])
    missing = float(picture.reserve_missing_without(number)[t]) - had
    if missing <= TINY:
        return []
    text = f"without it the reserve of {picture.area.id} would be {missing:,.1f} kW short"
    return [Limit(LimitKind.RESERVE, missing, "kW", text)]


def store_limits(picture: AreaPicture, number: int, t: int) -> list[Limit]:
    """Limits that a store is at."""
    store = picture.problem.stores[number]
    power = float(picture.solution.power_kw[store.id][t])
    energy = float(picture.solution.energy_kwh[store.id][t])
    found = []
    if power > TINY and power >= store.discharge_kw[t] - TINY:
        text = f"it gives all it can, {power:,.1f} kW"
        found.append(Limit(LimitKind.MOST_OUTPUT, store.discharge_kw[t], "kW", text))
    if power < -TINY and -power >= store.charge_kw[t] - TINY:
        text = f"it takes all it can, {-power:,.1f} kW"
        found.append(Limit(LimitKind.MOST_OUTPUT, store.charge_kw[t], "kW", text))
    if energy <= store.min_energy_kwh + TINY:
        text = f"it ends the interval at its floor, {store.min_energy_kwh:,.1f} kWh"
        found.append(Limit(LimitKind.EMPTY, store.min_energy_kwh, "kWh", text))
    if energy >= store.max_energy_kwh - TINY:
        text = f"it ends the interval full, {store.max_energy_kwh:,.1f} kWh"
        found.append(Limit(LimitKind.FULL, store.max_energy_kwh, "kWh", text))
    last = picture.solution.energy_kwh[store.id][-1]
    if store.end_min_kwh > 0.0 and last <= store.end_min_kwh + TINY:
        text = f"the plan may leave it no less than {store.end_min_kwh:,.1f} kWh at its end"
        found.append(Limit(LimitKind.END_WISH, store.end_min_kwh, "kWh", text))
    return found


def area_limits(picture: AreaPicture, t: int) -> list[Limit]:
    """Limits that an area's connection is at."""
    name, limit = picture.area.id, float(picture.import_limit[t])
    if limit <= TINY and float(picture.export_limit[t]) <= TINY and not picture.links:
        text = f"{name} has no connection: its own sources only"
        return [Limit(LimitKind.ISLANDED, 0.0, "kW", text)]
    found = []
    if limit > TINY and picture.bought[t] >= limit - TINY:
        text = f"{name} imports all it may, {limit:,.0f} kW"
        found.append(Limit(LimitKind.IMPORT, limit, "kW", text))
    most = float(picture.export_limit[t])
    if picture.sold[t] > TINY and picture.sold[t] >= most - TINY:
        found.append(
            Limit(LimitKind.EXPORT, most, "kW", f"{name} exports all it may, {most:,.0f} kW")
        )
    for link in picture.links:
        sent = picture.solution.link_kw[link.id][t]
        most = (link.limit_kw if sent > 0.0 else link.back_limit_kw)[t]
        if abs(sent) > TINY and abs(sent) >= most - TINY:
            source, sink = link.from_area, link.to_area
            if sent < 0.0:
                source, sink = sink, source
            kind = LimitKind.IMPORT if sink == name else LimitKind.EXPORT
            text = f"{link.id} carries all it may from {source} to {sink}, {most:,.0f} kW"
            found.append(Limit(kind, most, "kW", text))
    return found
