"""Is a planning problem well posed? Every fault names the thing, the index, the value, the rule.

A problem that passes always has a plan: what cannot be met is priced, never infeasible.

Numbers that cannot be what their unit says are refused too, because a plan made of them would be
nonsense with a proof: prices no energy ever had (USD/MWh given as USD/kWh), more energy made than
the fuel holds, times of years (ms given as s), powers beyond any grid (W given as kW).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gridmuster.errors import PlanningError
from gridmuster.planning.problem import (
    EmissionCap,
    PlanArea,
    PlanLimits,
    PlanLink,
    PlanProblem,
    PlanRenewable,
    PlanStore,
    PlanUnit,
    RunWindow,
    Span,
    Weights,
)

#: Slack allowed where two numbers of one input should agree, as a share and in kW.
AGREEMENT = 1e-6
#: Energy has never been valued higher, USD/kWh: values of lost load are below 100, offer caps below
#: 10, and the same numbers in USD/MWh are above this from a few dozen on.
MOST_USD_PER_KWH = 1e4
#: No grid is larger, kW: the world's installed capacity is about 1e10.
MOST_KW = 1e11
#: No least time or start takes longer, s: a year.
MOST_TIME_S = 366.0 * 86400.0
#: No generator turns more than all of its fuel's lower heating value into power; a little is left
#: for rounding.
MOST_EFFICIENCY = 1.05


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
    _unique("link", [link.id for link in problem.links])
    for link in problem.links:
        _check_link(link, known, problem.count)
    _unique("emission cap", [cap.id for cap in problem.emission_caps])
    for cap in problem.emission_caps:
        _check_cap(cap, known)
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
    price = name.endswith("usd_per_kwh")
    most = MOST_USD_PER_KWH if price else MOST_KW
    for index, value in enumerate(values):
        _number(who, f"{name}[{index}]", value, at_least=at_least)
        if abs(value) > most:
            _too_much(who, f"{name}[{index}]", value, most, price=price)


def _price(who: str, name: str, value: float, at_least: float | None = None) -> None:
    _number(who, name, value, at_least=at_least)
    if abs(value) > MOST_USD_PER_KWH:
        _too_much(who, name, value, MOST_USD_PER_KWH, price=True)


def _too_much(who: str, name: str, value: float, most: float, *, price: bool) -> None:
    units = ("USD/kWh", "USD/MWh") if price else ("kW", "W")
    raise PlanningError(
        f"{who}: {name} is {value:g} {units[0]}; no more than {most:g} is believed (was it given "
        f"in {units[1]}?)"
    )


def _time(who: str, name: str, value: float) -> None:
    _number(who, name, value, at_least=0.0)
    if value > MOST_TIME_S:
        raise PlanningError(
            f"{who}: {name} is {value:g} s; no more than a year is believed (was it given in ms?)"
        )


def _spans(who: str, name: str, spans: Sequence[Span | RunWindow]) -> None:
    for index, one in enumerate(spans):
        if not 0 <= one.first < one.end:
            raise PlanningError(
                f"{who}: {name}[{index}] is intervals {one.first} to {one.end}; the first must be "
                "at least 0 and below the end"
            )


def _check_area(area: PlanArea, count: int) -> None:
    who = f"area {area.id}"
    _series(who, "demand_kw", area.demand_kw, count)
    _series(who, "import_limit_kw", area.import_limit_kw, count, 0.0)
    _series(who, "export_limit_kw", area.export_limit_kw, count, 0.0)
    _series(who, "import_price_usd_per_kwh", area.import_price_usd_per_kwh, count)
    _series(who, "export_price_usd_per_kwh", area.export_price_usd_per_kwh, count)
    _series(who, "reserve_kw", area.reserve_kw, count, 0.0)
    _price(who, "unserved_cost_usd_per_kwh", area.unserved_cost_usd_per_kwh, at_least=0.0)
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
    for name in ("min_up_s", "min_down_s", "start_delay_s"):
        _time(who, name, getattr(unit, name))
    for name in ("initial_s", "ramp_kw_per_s", "start_fuel", "run_h_value_usd_per_h"):
        _number(who, name, getattr(unit, name), at_least=0.0)
    _number(who, "initial_kw", unit.initial_kw)
    for name in (
        "run_h_left",
        "fuel_left",
        "fuel_room",
        "starts_left",
        "starting_s",
        "start_max_kw",
        "stop_max_kw",
        "ramp_down_kw_per_s",
    ):
        value = getattr(unit, name)
        if value is not None:
            _number(who, name, value, at_least=0.0)
    _check_efficiency(who, unit)
    _check_starting(who, unit)
    _check_budgets(who, unit, count)
    _number(who, "availability", unit.availability, at_least=0.0, at_most=1.0)
    _number(who, "fail_to_start", unit.fail_to_start, at_least=0.0, at_most=1.0)
    _number(who, "mttf_h", unit.mttf_h, at_least=0.0)


def _check_efficiency(who: str, unit: PlanUnit) -> None:
    """A unit at the end of its segments gives no more than its fuel holds."""
    output_kw = sum(unit.segment_kw)
    fuel = unit.no_load_fuel_per_h + sum(
        width * rate for width, rate in zip(unit.segment_kw, unit.segment_fuel_per_kwh, strict=True)
    )
    heat_kw = fuel * unit.fuel_lhv_kwh_per_unit
    if 0.0 < heat_kw * MOST_EFFICIENCY < output_kw:
        raise PlanningError(
            f"{who}: at {output_kw:g} kW it burns {fuel:g} l or m3 an hour, which hold "
            f"{heat_kw:g} kWh; it cannot give more than it burns: check fuel_lhv_kwh_per_unit "
            f"({unit.fuel_lhv_kwh_per_unit:g}) and segment_fuel_per_kwh"
        )


def _check_starting(who: str, unit: PlanUnit) -> None:
    off_s, usd = 0.0, unit.start_cost_usd
    for index, one in enumerate(unit.start_classes):
        name = f"start_classes[{index}]"
        _time(who, f"{name}.off_s", one.off_s)
        _number(who, f"{name}.cost_usd", one.cost_usd, at_least=0.0)
        if one.off_s <= off_s:
            raise PlanningError(f"{who}: {name}.off_s is {one.off_s}; it must be above {off_s}")
        if one.cost_usd < usd:
            raise PlanningError(
                f"{who}: {name}.cost_usd is {one.cost_usd}; after a longer rest a start must not "
                f"cost less than after a shorter one, {usd}"
            )
        off_s, usd = one.off_s, one.cost_usd
    for index, kw in enumerate(unit.start_power_kw):
        _number(who, f"start_power_kw[{index}]", kw, at_least=0.0)
        most = max(unit.max_kw, default=0.0)
        if kw > most * (1.0 + AGREEMENT):
            raise PlanningError(
                f"{who}: start_power_kw[{index}] is {kw}; while it starts it must not give more "
                f"than its most, {most}"
            )
    if unit.starting_s is not None and unit.initial_on:
        raise PlanningError(f"{who}: starting_s is {unit.starting_s}, but it is on (initial_on)")


def _check_budgets(who: str, unit: PlanUnit, count: int) -> None:
    for index, one in enumerate(unit.fuel_deliveries):
        _number(who, f"fuel_deliveries[{index}].amount", one.amount, at_least=0.0)
        if not 0 <= one.interval < count:
            raise PlanningError(
                f"{who}: fuel_deliveries[{index}] comes in interval {one.interval}; the plan has "
                f"intervals 0 to {count - 1}"
            )
    if unit.fuel_deliveries and unit.fuel_left is None:
        raise PlanningError(f"{who}: fuel_deliveries without fuel_left; say how much there is")
    _spans(who, "maintenance", unit.maintenance)
    _spans(who, "windows", unit.windows)
    for index, window in enumerate(unit.windows):
        for name in ("run_h_left", "starts_left"):
            value = getattr(window, name)
            if value is not None:
                _number(who, f"windows[{index}].{name}", value, at_least=0.0)
    for pollutant, rate in unit.emission_kg_per_fuel.items():
        _number(who, f"emission_kg_per_fuel[{pollutant}]", rate, at_least=0.0)


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
    _price(who, "cycle_cost_usd_per_kwh", store.cycle_cost_usd_per_kwh, at_least=0.0)
    _price(who, "end_value_usd_per_kwh", store.end_value_usd_per_kwh)
    for name in ("energy_low_kwh", "energy_high_kwh"):
        if getattr(store, name):
            _series(who, name, getattr(store, name), count, 0.0)
    if store.energy_low_kwh and store.energy_high_kwh:
        for t, (low, high) in enumerate(
            zip(store.energy_low_kwh, store.energy_high_kwh, strict=True)
        ):
            if low > high:
                raise PlanningError(
                    f"{who}: energy_low_kwh[{t}] is {low}; it must be at most "
                    f"energy_high_kwh[{t}], {high}"
                )
    _number(who, "end_min_kwh", store.end_min_kwh, at_least=0.0)
    _number(who, "availability", store.availability, at_least=0.0, at_most=1.0)


def _check_renewable(renewable: PlanRenewable, count: int) -> None:
    who = f"renewable {renewable.id}"
    _series(who, "available_kw", renewable.available_kw, count, 0.0)
    _price(who, "cost_usd_per_kwh", renewable.cost_usd_per_kwh)


def _check_link(link: PlanLink, areas: set[str], count: int) -> None:
    who = f"link {link.id}"
    for name in ("from_area", "to_area"):
        if getattr(link, name) not in areas:
            raise PlanningError(
                f"{who}: {name} {getattr(link, name)!r} is not in the problem; known are "
                f"{', '.join(sorted(areas))}"
            )
    if link.from_area == link.to_area:
        raise PlanningError(f"{who}: from_area and to_area are both {link.to_area!r}")
    _series(who, "limit_kw", link.limit_kw, count, 0.0)
    _series(who, "back_limit_kw", link.back_limit_kw, count, 0.0)
    _number(who, "loss_fraction", link.loss_fraction, at_least=0.0, at_most=0.99)
    _price(who, "usd_per_kwh", link.usd_per_kwh, at_least=0.0)


def _check_cap(cap: EmissionCap, areas: set[str]) -> None:
    who = f"emission cap {cap.id}"
    _number(who, "limit_kg", cap.limit_kg, at_least=0.0)
    _number(who, "excess_usd_per_kg", cap.excess_usd_per_kg, at_least=0.0)
    if cap.excess_usd_per_kg == 0.0:
        raise PlanningError(f"{who}: excess_usd_per_kg is 0; it must be above 0")
    if cap.first < 0 or (cap.end is not None and cap.end <= cap.first):
        raise PlanningError(
            f"{who}: counts intervals {cap.first} to {cap.end}; first must be at least 0 and end "
            "after it"
        )
    for area in cap.areas:
        if area not in areas:
            raise PlanningError(f"{who}: area {area!r} is not in the problem")


def _check_weights(who: str, weights: Weights) -> None:
    total = 0.0
    for name in weights.__struct_fields__:
        value = getattr(weights, name)
        _number(who, name, value, at_least=0.0)
        total += value
    if total <= 0.0:
        raise PlanningError(f"{who}: all weights are 0; at least one must be above 0")
