"""Is a planning problem well posed? Every fault names the thing, the index, the value, the rule.

A problem that passes always has a plan: what cannot be met is priced, never infeasible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gridmuster.errors import PlanningError
from gridmuster.planning.problem import (
    PlanArea,
    PlanLimits,
    PlanProblem,
    PlanRenewable,
    PlanStore,
    PlanUnit,
    Weights,
)

#: Slack allowed where two numbers of one input should agree, as a share and in kW.
AGREEMENT = 1e-6


def check(problem: PlanProblem) -> None:
    """Check a whole problem.

    Args:
        problem: the question as asked.

    Raises:
        PlanningError: for the first thing that is wrong.
    """
    if problem.step_s <= 0:
        raise PlanningError(f"step_s is {problem.step_s}; it must be above 0 s")
    if problem.count <= 0:
        raise PlanningError(f"count is {problem.count}; a plan needs at least 1 interval")
    if not problem.areas:
        raise PlanningError("areas is empty; a plan needs at least one area")
    _unique("area", [area.id for area in problem.areas])
    devices: list[PlanUnit | PlanStore | PlanRenewable] = []
    devices += problem.units
    devices += problem.stores
    devices += problem.renewables
    _unique("device", [device.id for device in devices])
    known = {area.id for area in problem.areas}
    for device in devices:
        if device.area not in known:
            raise PlanningError(
                f"device {device.id}: area {device.area!r} is not in the problem; "
                f"known are {', '.join(sorted(known))}"
            )
    for area in problem.areas:
        _check_area(area, problem.count)
    for unit in problem.units:
        _check_unit(unit, problem.count)
    for store in problem.stores:
        _check_store(store, problem.count)
    for renewable in problem.renewables:
        _check_renewable(renewable, problem.count)
    _check_weights("weights", problem.weights)
    for key, weights in problem.objectives.items():
        _check_weights(f"objectives[{key}]", weights)


def check_limits(limits: PlanLimits) -> None:
    """Check how long and how well to solve.

    Raises:
        PlanningError: for a limit that means nothing.
    """
    _number("limits", "gap", limits.gap, at_least=0.0)
    _number("limits", "time_limit_s", limits.time_limit_s, at_least=0.0)
    if limits.threads < 1:
        raise PlanningError(f"limits: threads is {limits.threads}; it must be at least 1")
    if limits.node_limit is not None and limits.node_limit < 0:
        raise PlanningError(f"limits: node_limit is {limits.node_limit}; it must be at least 0")


def _unique(kind: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for number, one in enumerate(ids):
        if one in seen:
            raise PlanningError(f"{kind} {number}: id {one!r} is used twice; ids must be unique")
        seen.add(one)


def _number(
    who: str,
    name: str,
    value: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    if not math.isfinite(value):
        raise PlanningError(f"{who}: {name} is {value}; it must be a finite number")
    if at_least is not None and value < at_least:
        raise PlanningError(f"{who}: {name} is {value}; it must be at least {at_least:g}")
    if at_most is not None and value > at_most:
        raise PlanningError(f"{who}: {name} is {value}; it must be at most {at_most:g}")


def _series(
    who: str, name: str, values: Sequence[float], count: int, at_least: float | None = None
) -> None:
    if len(values) != count:
        raise PlanningError(f"{who}: {name} has {len(values)} values; the plan has {count}")
    for index, value in enumerate(values):
        _number(who, f"{name}[{index}]", value, at_least=at_least)


def _check_area(area: PlanArea, count: int) -> None:
    who = f"area {area.id}"
    _series(who, "demand_kw", area.demand_kw, count)
    _series(who, "import_limit_kw", area.import_limit_kw, count, 0.0)
    _series(who, "export_limit_kw", area.export_limit_kw, count, 0.0)
    _series(who, "import_price_usd_per_kwh", area.import_price_usd_per_kwh, count)
    _series(who, "export_price_usd_per_kwh", area.export_price_usd_per_kwh, count)
    _series(who, "reserve_kw", area.reserve_kw, count, 0.0)
    _number(who, "unserved_cost_usd_per_kwh", area.unserved_cost_usd_per_kwh, at_least=0.0)
    if area.unserved_cost_usd_per_kwh == 0.0:
        raise PlanningError(f"{who}: unserved_cost_usd_per_kwh is 0; it must be above 0")


def _check_unit(unit: PlanUnit, count: int) -> None:
    who = f"unit {unit.id}"
    _series(who, "min_kw", unit.min_kw, count, 0.0)
    _series(who, "max_kw", unit.max_kw, count, 0.0)
    segments = len(unit.segment_kw)
    _series(who, "segment_kw", unit.segment_kw, segments, 0.0)
    _series(who, "segment_usd_per_kwh", unit.segment_usd_per_kwh, segments)
    _series(who, "segment_fuel_per_kwh", unit.segment_fuel_per_kwh, segments, 0.0)
    _rising(who, "segment_usd_per_kwh", unit.segment_usd_per_kwh)
    _rising(who, "segment_fuel_per_kwh", unit.segment_fuel_per_kwh)
    reach_kw = sum(unit.segment_kw) * (1.0 + AGREEMENT) + AGREEMENT
    for index, (low, high) in enumerate(zip(unit.min_kw, unit.max_kw, strict=True)):
        if high > 0.0 and low > high * (1.0 + AGREEMENT):
            raise PlanningError(
                f"{who}: min_kw[{index}] is {low}; it must be at most max_kw[{index}], {high}"
            )
        if high > reach_kw:
            raise PlanningError(
                f"{who}: max_kw[{index}] is {high}; its cost segments end at "
                f"{sum(unit.segment_kw)} kW and must reach it"
            )
    _number(who, "no_load_usd_per_h", unit.no_load_usd_per_h)
    for name in ("no_load_fuel_per_h", "fuel_lhv_kwh_per_unit", "start_cost_usd"):
        _number(who, name, getattr(unit, name), at_least=0.0)
    for name in ("min_up_s", "min_down_s", "initial_s", "start_delay_s", "ramp_kw_per_s"):
        _number(who, name, getattr(unit, name), at_least=0.0)
    _number(who, "initial_kw", unit.initial_kw)
    for name in ("run_h_left", "fuel_left", "starts_left"):
        value = getattr(unit, name)
        if value is not None:
            _number(who, name, value, at_least=0.0)
    _number(who, "availability", unit.availability, at_least=0.0, at_most=1.0)
    _number(who, "fail_to_start", unit.fail_to_start, at_least=0.0, at_most=1.0)
    _number(who, "mttf_h", unit.mttf_h, at_least=0.0)


def _rising(who: str, name: str, values: Sequence[float]) -> None:
    for index in range(1, len(values)):
        before, value = values[index - 1], values[index]
        if value < before - AGREEMENT * max(1.0, abs(before)):
            raise PlanningError(
                f"{who}: {name}[{index}] is {value}; it must not fall below "
                f"{name}[{index - 1}], {before} (see fleet.economics.fuel_line)"
            )


def _check_store(store: PlanStore, count: int) -> None:
    who = f"store {store.id}"
    _series(who, "charge_kw", store.charge_kw, count, 0.0)
    _series(who, "discharge_kw", store.discharge_kw, count, 0.0)
    for name in ("charge_efficiency", "discharge_efficiency"):
        _number(who, name, getattr(store, name), at_least=1e-3, at_most=1.0)
    _number(who, "self_discharge_per_h", store.self_discharge_per_h, at_least=0.0, at_most=1.0)
    _number(who, "min_energy_kwh", store.min_energy_kwh, at_least=0.0)
    _number(who, "max_energy_kwh", store.max_energy_kwh, at_least=store.min_energy_kwh)
    _number(who, "initial_energy_kwh", store.initial_energy_kwh, at_least=0.0)
    _number(who, "cycle_cost_usd_per_kwh", store.cycle_cost_usd_per_kwh, at_least=0.0)
    _number(who, "end_value_usd_per_kwh", store.end_value_usd_per_kwh)
    _number(who, "end_min_kwh", store.end_min_kwh, at_least=0.0)
    _number(who, "availability", store.availability, at_least=0.0, at_most=1.0)


def _check_renewable(renewable: PlanRenewable, count: int) -> None:
    who = f"renewable {renewable.id}"
    _series(who, "available_kw", renewable.available_kw, count, 0.0)
    _number(who, "cost_usd_per_kwh", renewable.cost_usd_per_kwh)


def _check_weights(who: str, weights: Weights) -> None:
    total = 0.0
    for name in weights.__struct_fields__:
        value = getattr(weights, name)
        _number(who, name, value, at_least=0.0)
        total += value
    if total <= 0.0:
        raise PlanningError(f"{who}: all weights are 0; at least one must be above 0")
