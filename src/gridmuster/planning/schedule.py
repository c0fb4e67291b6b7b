"""A plan as plain arrays, whoever made it, and what it costs under the problem's weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.linear import Floats, Ints
from gridmuster.planning.objectives import RAMP_SHARE, STORE_END_SHARE, STORE_FLOOR_SHARE, Costs
from gridmuster.planning.problem import PlanProblem, PlanUnit
from gridmuster.planning.starting import start_usd
from gridmuster.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Schedule:
    """One row a thing in the order of the problem's lists, one column an interval; kW and kWh.

    ``ramp`` is power beyond ramp limits, ``floor`` energy missing to a store's floor, ``end``
    energy missing to its wished end, ``hour`` energy beyond its wished bounds of the hour, ``idle``
    1 where a must-run unit is off against the wish. ``link`` and ``link_reserve`` are signed as in
    `PlanSolution`; ``excess`` is what is emitted above each cap, kg.
    """

    on: Ints
    power: Floats
    ramp: Floats
    idle: Floats
    charge: Floats
    discharge: Floats
    energy: Floats
    floor: Floats
    end: Floats
    hour: Floats
    renewable: Floats
    bought: Floats
    sold: Floats
    unserved: Floats
    surplus: Floats
    reserve_short: Floats
    link: Floats
    link_reserve: Floats
    excess: Floats


def empty(problem: PlanProblem) -> Schedule:
    """A schedule of zeros, to be filled."""
    count = problem.count
    units, stores, areas = len(problem.units), len(problem.stores), len(problem.areas)
    return Schedule(
        on=np.zeros((units, count), dtype=np.int64),
        power=np.zeros((units, count)),
        ramp=np.zeros((units, count)),
        idle=np.zeros((units, count)),
        charge=np.zeros((stores, count)),
        discharge=np.zeros((stores, count)),
        energy=np.zeros((stores, count)),
        floor=np.zeros((stores, count)),
        end=np.zeros(stores),
        hour=np.zeros((stores, count)),
        renewable=np.zeros((len(problem.renewables), count)),
        bought=np.zeros((areas, count)),
        sold=np.zeros((areas, count)),
        unserved=np.zeros((areas, count)),
        surplus=np.zeros((areas, count)),
        reserve_short=np.zeros((areas, count)),
        link=np.zeros((len(problem.links), count)),
        link_reserve=np.zeros((len(problem.links), count)),
        excess=np.zeros(len(problem.emission_caps)),
    )


def starts(problem: PlanProblem, schedule: Schedule) -> Ints:
    """1 in the intervals in which a unit starts."""
    before = np.array([[int(unit.initial_on)] for unit in problem.units], dtype=np.int64)
    before = before.reshape(len(problem.units), 1)
    return np.asarray(np.maximum(np.diff(schedule.on, prepend=before, axis=1), 0))


def along_segments(unit: PlanUnit, per_kwh: Floats, power_kw: Floats) -> Floats:
    """What convex segments add up to at each power, per hour."""
    edges = np.concatenate(([0.0], np.cumsum(np.asarray(unit.segment_kw, dtype=float))))
    total = np.zeros(len(power_kw))
    for number, slope in enumerate(per_kwh):
        high = np.inf if number == len(per_kwh) - 1 else edges[number + 1]
        total += slope * (np.clip(power_kw, edges[number], high) - edges[number])
    return total


def weighted_usd(problem: PlanProblem, costs: Costs, schedule: Schedule) -> float:
    """The objective's value of a schedule, without the worth of headroom."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    total = 0.0
    unserved = {
        area.id: one.unserved_usd_per_kwh
        for area, one in zip(problem.areas, costs.areas, strict=True)
    }
    for number, (unit, one) in enumerate(zip(problem.units, costs.units, strict=True)):
        on = schedule.on[number]
        # What it gives while it starts is paid for with the start.
        power = schedule.power[number] * on
        hourly = one.hourly_usd * on + along_segments(unit, one.segment_usd_per_kwh, power)
        total += float(hourly.sum()) * step_h
        total += float(start_usd(unit, one.class_usd, on, problem.step_s).sum())
        penalty = RAMP_SHARE * schedule.ramp[number]
        penalty = penalty + 0.5 * schedule.idle[number] * np.asarray(unit.max_kw, dtype=float)
        total += float(penalty.sum()) * step_h * unserved[unit.area]
    for number, (store, store_costs) in enumerate(zip(problem.stores, costs.stores, strict=True)):
        total += store_costs.charge_usd_per_kwh * float(schedule.charge[number].sum()) * step_h
        total += (
            store_costs.discharge_usd_per_kwh * float(schedule.discharge[number].sum()) * step_h
        )
        total -= store_costs.end_value_usd_per_kwh * float(schedule.energy[number, -1])
        wishes = STORE_FLOOR_SHARE * float(schedule.floor[number].mean())
        wishes += STORE_END_SHARE * float(schedule.end[number])
        wishes += STORE_END_SHARE * float(schedule.hour[number].max(initial=0.0))
        wishes += STORE_FLOOR_SHARE * float(schedule.hour[number].mean())
        total += wishes * unserved[store.area]
    for number, usd in enumerate(costs.renewables):
        total += usd * float(schedule.renewable[number].sum()) * step_h
    for number, usd in enumerate(costs.links):
        total += usd * float(np.abs(schedule.link[number]).sum()) * step_h
    for cap, kg in zip(problem.emission_caps, schedule.excess, strict=True):
        total += cap.excess_usd_per_kg * float(kg)
    for number, area in enumerate(costs.areas):
        flow = (
            area.import_usd_per_kwh * schedule.bought[number]
            - area.export_usd_per_kwh * schedule.sold[number]
            + area.unserved_usd_per_kwh * schedule.unserved[number]
            + area.surplus_usd_per_kwh * schedule.surplus[number]
            + area.reserve_usd_per_kwh * schedule.reserve_short[number]
        )
        total += float(flow.sum()) * step_h
    return total
