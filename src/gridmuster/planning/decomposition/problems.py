"""From an area's planning problem to a fleet, and from the fleet's plan back to a schedule.

What the decomposition does not model is named by `unmodelled`; such a problem is never planned here
as if it were not there. Where the model is looser than the exact one the bound stays valid: the
largest unit whose loss the reserve covers is left out of the bound (unless it must run anyway), as
is the energy behind a store's headroom. The plan is priced with both.
"""

from __future__ import annotations

import numpy as np

from gridmuster.planning.areawise import AreaTask
from gridmuster.planning.commitment import MUST_RUN_SHARE
from gridmuster.planning.decomposition.fleet import (
    UNLIMITED,
    EngineArrays,
    Fleet,
    StoreArrays,
    System,
)
from gridmuster.planning.decomposition.plan import FleetPlan
from gridmuster.planning.linear import Floats
from gridmuster.planning.objectives import STORE_END_SHARE
from gridmuster.planning.prepare import Group, loosen, singles
from gridmuster.planning.problem import PlanStore
from gridmuster.planning.reserve import RESPONSE_S
from gridmuster.planning.schedule import Schedule, empty
from gridmuster.planning.starting import WHOLE
from gridmuster.planning.storage import held_share, lowest_kwh
from gridmuster.units import SECONDS_PER_HOUR

#: Most reasons named at once.
NAMED = 5


def members(task: AreaTask) -> list[Group]:
    """Every unit of a task as a group of its own, without budgets that cannot bind."""
    return [loosen(one) for one in singles(task.problem, task.costs)]


def unmodelled(task: AreaTask) -> list[str]:
    """What of a problem the decomposition does not model, the first few in words."""
    problem, found = task.problem, []
    if problem.links:
        found.append(f"link {problem.links[0].id}: areas that are tied together")
    if problem.emission_caps:
        found.append("an emission cap")
    for area, costs in zip(problem.areas, task.costs.areas, strict=True):
        if costs.headroom_kw:
            found.append(f"{area.id}: headroom that is worth something of its own (reliability)")
    for group in members(task):
        found += [f"{group.unit.id}: {what}" for what in _of_unit(group, problem.count)]
        if len(found) >= NAMED:
            break
    step_h = problem.step_s / SECONDS_PER_HOUR
    for store in problem.stores:
        found += [f"{store.id}: {what}" for what in _of_store(store, problem.count, step_h)]
        if len(found) >= NAMED:
            break
    return found[:NAMED]


def _of_unit(group: Group, count: int) -> list[str]:
    unit = group.unit
    found = []
    if not group.starts.plain:
        found.append("starts that differ by rest, give power, burn fuel or are under way")
    if group.ramps:
        found.append("ramps that bind between intervals")
    if group.windows:
        found.append("budgets of parts of the horizon")
    if group.starts_left is not None:
        found.append("a budget of starts that can bind")
    if group.fuel_left is not None and any(one.interval < count for one in unit.fuel_deliveries):
        found.append("fuel deliveries within the horizon")
    if any(span.end > count for span in unit.maintenance):
        found.append("maintenance beyond the horizon")
    return found


def _of_store(store: PlanStore, count: int, step_h: float) -> list[str]:
    found = []
    if (lowest_kwh(store, count, step_h) < store.min_energy_kwh).any():
        found.append("less energy than its floor, now or if left alone")
    if store.energy_low_kwh or store.energy_high_kwh:
        found.append("wished energies by the hour")
    return found


def fleet_of(task: AreaTask) -> tuple[Fleet, float]:
    """The fleet of a one-area problem, and a cost that every plan of it has on top, USD.

    Args:
        task: one area of which `unmodelled` names nothing.
    """
    problem, costs = task.problem, task.costs.areas[0]
    area = problem.areas[0]
    step_h = problem.step_s / SECONDS_PER_HOUR
    groups = members(task)
    engines, constant = _engines(task, groups, step_h)
    count = problem.count
    fixed = [group.max_kw for group in groups if group.must_run_hard]
    floor = np.max(fixed, axis=0) if fixed else np.zeros(count)
    prices = sorted({usd for usd in task.costs.renewables})
    available = np.zeros((len(prices), count))
    for one, usd in zip(problem.renewables, task.costs.renewables, strict=True):
        available[prices.index(usd)] += np.asarray(one.available_kw, dtype=float)
    system = System(
        demand_kw=np.asarray(area.demand_kw, dtype=float),
        import_limit_kw=np.asarray(area.import_limit_kw, dtype=float),
        export_limit_kw=np.asarray(area.export_limit_kw, dtype=float),
        import_usd=np.asarray(costs.import_usd_per_kwh, dtype=float),
        export_usd=np.asarray(costs.export_usd_per_kwh, dtype=float),
        reserve_kw=np.asarray(area.reserve_kw, dtype=float),
        renewable_kw=available,
        renewable_usd=np.asarray(prices, dtype=float),
        unserved_usd=costs.unserved_usd_per_kwh,
        surplus_usd=costs.surplus_usd_per_kwh,
        reserve_usd=costs.reserve_usd_per_kwh,
        largest_kw=floor,
        secures_largest=True,
    )
    return Fleet(engines, _stores(task, step_h), system, step_h), constant


def _engines(task: AreaTask, groups: list[Group], step_h: float) -> tuple[EngineArrays, float]:
    problem, count, size = task.problem, task.problem.count, len(groups)
    segments = max([len(group.unit.segment_kw) for group in groups], default=1) or 1
    width = np.zeros((size, segments))
    usd, fuel = np.zeros((size, segments)), np.zeros((size, segments))
    bonus, constant = np.zeros((size, count)), 0.0
    unserved = task.costs.areas[0].unserved_usd_per_kwh
    for row, group in enumerate(groups):
        own = len(group.unit.segment_kw)
        width[row, :own] = group.unit.segment_kw
        usd[row, :own] = task.costs.units[row].segment_usd_per_kwh
        fuel[row, :own] = group.unit.segment_fuel_per_kwh
        if own:
            usd[row, own:], fuel[row, own:] = usd[row, own - 1], fuel[row, own - 1]
        if group.must_run.any() and not group.must_run_hard:
            bonus[row] = MUST_RUN_SHARE * unserved * group.max_kw * step_h * group.must_run
            constant += float(bonus[row].sum())
    high = _rows([np.where(g.allowed, g.max_kw, 0.0) for g in groups], count)
    low = _rows([g.min_kw for g in groups], count)
    units = problem.units
    return (
        EngineArrays(
            low_kw=low,
            high_kw=high,
            bonus_usd=bonus,
            width_kw=width,
            slope_usd=usd,
            slope_fuel=fuel,
            hourly_usd=np.array([one.hourly_usd for one in task.costs.units], dtype=float),
            hourly_fuel=np.array([unit.no_load_fuel_per_h for unit in units], dtype=float),
            start_usd=np.array([group.start_usd for group in groups], dtype=float),
            fuel=np.array([_tank(group) for group in groups], dtype=float),
            reach_kw=np.array(
                [unit.ramp_kw_per_s * RESPONSE_S * unit.gives_reserve for unit in units], float
            ),
            up=np.array([group.up for group in groups], dtype=np.int32),
            down=np.array([group.down for group in groups], dtype=np.int32),
            held=np.array([_held(group, count) for group in groups], dtype=np.int32),
            hours=np.array([_hours(group, step_h) for group in groups], dtype=np.int32),
            starts=np.full(size, UNLIMITED, dtype=np.int32),
            on_before=np.array([group.on_before for group in groups], dtype=np.uint8),
        ),
        constant,
    )


def _rows(rows: list[Floats], count: int) -> Floats:
    return np.ascontiguousarray(np.array(rows, dtype=float).reshape(len(rows), count))


def _tank(group: Group) -> float:
    return np.inf if group.fuel_left is None else group.fuel_left - group.kept_fuel


def _held(group: Group, count: int) -> int:
    if group.must_run_hard:
        return count
    return int((group.held_on if group.on_before else group.held_off).sum())


def _hours(group: Group, step_h: float) -> int:
    if group.run_h_left is None:
        return int(UNLIMITED)
    return int(min(np.floor(group.run_h_left / step_h + WHOLE), UNLIMITED - 1))


def _stores(task: AreaTask, step_h: float) -> StoreArrays:
    stores, count = task.problem.stores, task.problem.count
    unserved = task.costs.areas[0].unserved_usd_per_kwh
    of = task.costs.stores

    def each(values: list[float]) -> Floats:
        return np.array(values, dtype=float)

    return StoreArrays(
        charge_kw=_rows([np.asarray(one.charge_kw) for one in stores], count),
        discharge_kw=_rows([np.asarray(one.discharge_kw) for one in stores], count),
        charge_efficiency=each([one.charge_efficiency for one in stores]),
        discharge_efficiency=each([one.discharge_efficiency for one in stores]),
        keep=each([held_share(one, step_h) for one in stores]),
        min_kwh=each([one.min_energy_kwh for one in stores]),
        max_kwh=each([one.max_energy_kwh for one in stores]),
        initial_kwh=each([one.initial_energy_kwh for one in stores]),
        charge_usd=each([one.charge_usd_per_kwh for one in of]),
        discharge_usd=each([one.discharge_usd_per_kwh for one in of]),
        end_usd=each([one.end_value_usd_per_kwh for one in of]),
        end_min_kwh=each([one.end_min_kwh for one in stores]),
        end_penalty_usd=each([STORE_END_SHARE * unserved for _ in stores]),
        reserve=np.array([one.gives_reserve for one in stores], dtype=np.uint8),
    )


def schedule_of(task: AreaTask, plan: FleetPlan) -> Schedule:
    """The plan of `fleet_of`'s fleet as the planner's schedule."""
    problem = task.problem
    made = empty(problem)
    made.on[:] = plan.on
    made.power[:] = plan.engine_kw
    for row, group in enumerate(members(task)):
        made.idle[row] = group.must_run * (1.0 - plan.on[row])
    made.charge[:] = np.maximum(-plan.store_kw, 0.0)
    made.discharge[:] = np.maximum(plan.store_kw, 0.0)
    made.energy[:] = plan.store_kwh
    for row, store in enumerate(problem.stores):
        wish = min(store.end_min_kwh, store.max_energy_kwh)
        made.end[row] = max(0.0, wish - float(plan.store_kwh[row, -1]))
    prices = sorted({usd for usd in task.costs.renewables})
    total = np.zeros((len(prices), problem.count))
    for one, usd in zip(problem.renewables, task.costs.renewables, strict=True):
        total[prices.index(usd)] += np.asarray(one.available_kw, dtype=float)
    share = plan.renewable_kw / np.where(total > 0.0, total, 1.0)
    for row, (one, usd) in enumerate(zip(problem.renewables, task.costs.renewables, strict=True)):
        made.renewable[row] = share[prices.index(usd)] * np.asarray(one.available_kw, dtype=float)
    made.bought[0], made.sold[0] = plan.bought_kw, plan.sold_kw
    made.unserved[0], made.surplus[0] = plan.unserved_kw, plan.surplus_kw
    made.reserve_short[0] = plan.short_kw
    return made
