"""Small planning problems, and a brute-force judge that shares nothing with the planner."""

from __future__ import annotations

import itertools
import math

import numpy as np

from gridmuster.planning.problem import PlanArea, PlanProblem, PlanRenewable, PlanStore, PlanUnit

STEP_S = 900
STEP_H = 0.25


def area(count: int, demand: float | list[float], **changes: object) -> PlanArea:
    """An area with one demand for all intervals (or a list), islanded unless told otherwise."""
    fields: dict[str, object] = {
        "id": "area",
        "demand_kw": demand if isinstance(demand, list) else [demand] * count,
        "import_limit_kw": 0.0,
        "export_limit_kw": 0.0,
        "import_price_usd_per_kwh": 0.1,
        "export_price_usd_per_kwh": 0.05,
        "reserve_kw": 0.0,
        "unserved_cost_usd_per_kwh": 10.0,
    }
    fields |= changes
    return PlanArea(
        **{
            name: [value] * count if isinstance(value, float) and name in SERIES else value
            for name, value in fields.items()
        }
    )


SERIES = {
    "import_limit_kw",
    "export_limit_kw",
    "import_price_usd_per_kwh",
    "export_price_usd_per_kwh",
    "reserve_kw",
    "min_kw",
    "max_kw",
    "charge_kw",
    "discharge_kw",
    "available_kw",
}


def unit(name: str, count: int, **changes: object) -> PlanUnit:
    """A 100 kW set, off and rested, that gives no reserve and has two cost segments."""
    fields: dict[str, object] = {
        "id": name,
        "area": "area",
        "device_type": "engine",
        "min_kw": 30.0,
        "max_kw": 100.0,
        "no_load_usd_per_h": 4.0,
        "segment_kw": [60.0, 40.0],
        "segment_usd_per_kwh": [0.2, 0.3],
        "no_load_fuel_per_h": 3.0,
        "segment_fuel_per_kwh": [0.2, 0.3],
        "fuel_lhv_kwh_per_unit": 9.95,
        "start_cost_usd": 2.0,
        "min_up_s": 900.0,
        "min_down_s": 900.0,
        "initial_on": False,
        "initial_s": 1e6,
        "initial_kw": 0.0,
        "ramp_kw_per_s": 10.0,
        "start_delay_s": 0.0,
    }
    fields |= changes
    return PlanUnit(
        **{
            key: [value] * count if isinstance(value, float) and key in SERIES else value
            for key, value in fields.items()
        }
    )


def store(name: str, count: int, **changes: object) -> PlanStore:
    """A 50 kW, 100 kWh battery, half full."""
    fields: dict[str, object] = {
        "id": name,
        "area": "area",
        "device_type": "battery",
        "charge_kw": 50.0,
        "discharge_kw": 50.0,
        "charge_efficiency": 0.9,
        "discharge_efficiency": 0.9,
        "self_discharge_per_h": 0.0,
        "min_energy_kwh": 0.0,
        "max_energy_kwh": 100.0,
        "initial_energy_kwh": 50.0,
        "cycle_cost_usd_per_kwh": 0.0,
        "end_value_usd_per_kwh": 0.0,
    }
    fields |= changes
    return PlanStore(
        **{
            key: [value] * count if isinstance(value, float) and key in SERIES else value
            for key, value in fields.items()
        }
    )


def sun(name: str, available: list[float], cost: float = 0.0) -> PlanRenewable:
    """Panels."""
    return PlanRenewable(name, "area", "photovoltaic", available, cost)


def problem(
    areas: PlanArea | list[PlanArea],
    units: list[PlanUnit] | None = None,
    stores: list[PlanStore] | None = None,
    renewables: list[PlanRenewable] | None = None,
    **changes: object,
) -> PlanProblem:
    """A problem of quarter hours."""
    found = areas if isinstance(areas, list) else [areas]
    return PlanProblem(
        id="case",
        start_ms=0,
        step_s=int(changes.pop("step_s", STEP_S)),
        count=len(found[0].demand_kw),
        areas=found,
        units=units or [],
        stores=stores or [],
        renewables=renewables or [],
        **changes,
    )


# --- brute force -------------------------------------------------------------------------------


def sequences(one: PlanUnit, count: int, step_s: float) -> list[tuple[int, ...]]:
    """Every on-off sequence of one unit that keeps its least times, limits and budgets."""
    return [on for on in itertools.product((0, 1), repeat=count) if _allowed(one, on, step_s)]


def _allowed(one: PlanUnit, on: tuple[int, ...], step_s: float) -> bool:
    state, lasted, starts, before = one.initial_on, one.initial_s, 0, True
    for t, value in enumerate(on):
        if value and one.max_kw[t] <= 0.0:
            return False
        if bool(value) != state:
            least = one.min_up_s if state else one.min_down_s
            stopped_by_force = state and before and one.max_kw[t] <= 0.0
            if lasted < least - 1e-6 and not stopped_by_force:
                return False
            if value and t * step_s < one.start_delay_s - 0.5 * step_s and before:
                return False
            starts += value
            state, lasted, before = bool(value), 0.0, False
        lasted += step_s
    if one.must_run and not all(on):
        return False
    if one.starts_left is not None and starts > one.starts_left:
        return False
    # A run begun near the end goes on beyond it for its least time.
    up = max(1, math.ceil(one.min_up_s / step_s - 1e-9))
    begun = [t for t in range(len(on)) if on[t] and not (on[t - 1] if t else one.initial_on)]
    tail = max((t + up - len(on) for t in begun), default=0)
    hours = (sum(on) + max(tail, 0)) * step_s / 3600.0
    return one.run_h_left is None or hours <= one.run_h_left + 1e-9


def interval_usd(case: PlanProblem, on: tuple[int, ...], t: int) -> float:
    """Cheapest dispatch of one interval with these units on, by merit order, with penalties.

    Selling must not pay more than buying costs, the sun is free, and every unit with a range gives
    reserve (one without has none to give); then the headroom follows from who is on.
    """
    one = case.areas[0]
    hours = case.step_s / 3600.0
    value = one.unserved_cost_usd_per_kwh
    offers = [(one.import_price_usd_per_kwh[t], one.import_limit_kw[t])]
    offers.append((one.export_price_usd_per_kwh[t], one.export_limit_kw[t]))
    sunny = {(r.cost_usd_per_kwh, r.available_kw[t]) for r in case.renewables}
    offers += sorted(sunny)
    fixed_usd = -one.export_price_usd_per_kwh[t] * one.export_limit_kw[t]
    needed = one.demand_kw[t] + one.export_limit_kw[t]
    capacity = largest = 0.0
    for unit_, running in zip(case.units, on, strict=True):
        if not running:
            continue
        low, high, lower = unit_.min_kw[t], unit_.max_kw[t], 0.0
        fixed_usd += unit_.no_load_usd_per_h
        needed -= low
        capacity += high
        largest = max(largest, high)
        for width, usd in zip(unit_.segment_kw, unit_.segment_usd_per_kwh, strict=True):
            upper = lower + width
            fixed_usd += usd * (min(upper, low) - min(lower, low))
            offers.append((usd, min(max(upper, low), high) - min(max(lower, low), high)))
            lower = upper
    surplus = max(0.0, -needed)
    usd = fixed_usd + value * surplus
    left = max(0.0, needed)
    for price, width in sorted(offers):
        used = min(width, left)
        usd += price * used
        left -= used
        if (price, width) in sunny:
            capacity += used
    usd += value * left
    spare = capacity + one.import_limit_kw[t] + left - surplus - one.demand_kw[t]
    return (usd + 0.2 * value * max(0.0, largest + one.reserve_kw[t] - spare)) * hours


def brute_force_usd(case: PlanProblem) -> float:
    """The optimum by trying everything (one area, no stores, no binding ramps or fuel)."""
    count = case.count
    choices = [sequences(one, count, case.step_s) for one in case.units]
    if any(not options for options in choices):
        return math.inf
    table = np.array(
        [
            [interval_usd(case, on, t) for on in itertools.product((0, 1), repeat=len(case.units))]
            for t in range(count)
        ]
    )
    total = np.zeros(1)
    code = np.zeros((1, count), dtype=np.int64)
    for one, options in zip(case.units, choices, strict=True):
        on = np.array(options)
        starts = np.maximum(np.diff(on, prepend=int(one.initial_on), axis=1), 0).sum(axis=1)
        total = (total[:, None] + one.start_cost_usd * starts[None, :]).ravel()
        code = (2 * code[:, None, :] + on[None, :, :]).reshape(-1, count)
    return float((total + table[np.arange(count), code].sum(axis=1)).min())
