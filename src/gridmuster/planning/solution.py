"""From a schedule to the answer: series by id, money in its parts, named shortfalls."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gridmuster.planning.causes import shortfalls
from gridmuster.planning.emissions import emitted_kg
from gridmuster.planning.linear import Floats
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanProblem, PlanSolution
from gridmuster.planning.schedule import Schedule, along_segments, starts
from gridmuster.planning.starting import start_usd as start_costs
from gridmuster.units import SECONDS_PER_HOUR

#: Decimals kept in kW and kWh: a tenth of a watt. Prices keep two more.
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Proof:
    """How a plan was found and how good it is known to be."""

    status: str
    method: str
    objective_usd: float
    lower_bound_usd: float
    seconds: float
    prices: dict[str, list[float]] = field(default_factory=dict)
    energy_values: dict[str, list[float]] = field(default_factory=dict)

    @property
    def gap(self) -> float:
        """Share of the objective by which it may be above the optimum."""
        return relative_gap(self.objective_usd, self.lower_bound_usd)


def relative_gap(objective_usd: float, bound_usd: float) -> float:
    """(objective - bound) / |objective|; 0 when they agree, even at nothing."""
    above = max(0.0, objective_usd - bound_usd)
    if above <= 1e-9:
        return 0.0
    return above / max(abs(objective_usd), 1e-9)


@dataclass(frozen=True, slots=True)
class Account:
    """Money and energy of a schedule at the prices given, whatever was optimised."""

    fuel_usd: float
    start_usd: float
    om_usd: float
    purchase_usd: float
    sale_usd: float
    produced_kwh: float
    fuel_lhv_kwh: float


def account(problem: PlanProblem, plan: Schedule) -> Account:
    """Add up what a schedule costs, earns, produces and burns."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    fuel_usd = start_usd = om_usd = produced = lhv = 0.0
    started = starts(problem, plan)
    for number, unit in enumerate(problem.units):
        on, power = plan.on[number], plan.power[number] * plan.on[number]
        kwh = float(power.sum()) * step_h
        usd = np.asarray(unit.segment_usd_per_kwh, dtype=float)
        burns = np.asarray(unit.segment_fuel_per_kwh, dtype=float)
        cost = unit.no_load_usd_per_h * on + along_segments(unit, usd, power)
        fuel = unit.no_load_fuel_per_h * on + along_segments(unit, burns, power)
        fuel_usd += float(cost.sum()) * step_h - unit.om_usd_per_kwh * kwh
        om_usd += unit.om_usd_per_kwh * kwh
        classes = [unit.start_cost_usd, *(one.cost_usd for one in unit.start_classes)]
        start_usd += float(start_costs(unit, classes, on, problem.step_s).sum())
        produced += float(plan.power[number].sum()) * step_h
        burnt = float(fuel.sum()) * step_h + unit.start_fuel * float(started[number].sum())
        lhv += burnt * unit.fuel_lhv_kwh_per_unit
    for number, store in enumerate(problem.stores):
        om_usd += store.cycle_cost_usd_per_kwh * float(plan.discharge[number].sum()) * step_h
    for number, renewable in enumerate(problem.renewables):
        kwh = float(plan.renewable[number].sum()) * step_h
        om_usd += renewable.cost_usd_per_kwh * kwh
        produced += kwh
    purchase = sale = 0.0
    for number, area in enumerate(problem.areas):
        purchase += float(np.dot(area.import_price_usd_per_kwh, plan.bought[number])) * step_h
        sale += float(np.dot(area.export_price_usd_per_kwh, plan.sold[number])) * step_h
    return Account(fuel_usd, start_usd, om_usd, purchase, sale, produced, lhv)


def _series(values: Floats) -> list[float]:
    rounded: list[float] = (np.round(values, DECIMALS) + 0.0).tolist()
    return rounded


def answer(
    problem: PlanProblem,
    groups: tuple[Group, ...] | list[Group],
    plan: Schedule,
    proof: Proof,
    risk: tuple[float, float] = (0.0, 0.0),
) -> PlanSolution:
    """Write a schedule down as the answer.

    Args:
        problem: the question.
        groups: its units as prepared (for the causes of shortfalls).
        plan: the schedule.
        proof: how it was found.
        risk: mean loss-of-load probability and expected energy not served, kWh.
    """
    units = [unit.id for unit in problem.units]
    stores = [store.id for store in problem.stores]
    renewables = [renewable.id for renewable in problem.renewables]
    areas = [area.id for area in problem.areas]
    power = {one: _series(plan.power[n]) for n, one in enumerate(units)}
    power |= {one: _series(plan.discharge[n] - plan.charge[n]) for n, one in enumerate(stores)}
    power |= {one: _series(plan.renewable[n]) for n, one in enumerate(renewables)}
    money = account(problem, plan)
    return PlanSolution(
        problem_id=problem.id,
        start_ms=problem.start_ms,
        step_s=problem.step_s,
        count=problem.count,
        status=proof.status,
        method=proof.method,
        objective_usd=proof.objective_usd,
        lower_bound_usd=proof.lower_bound_usd,
        gap=proof.gap,
        seconds=proof.seconds,
        commitment={one: plan.on[n].tolist() for n, one in enumerate(units)},
        power_kw=power,
        energy_kwh={one: _series(plan.energy[n]) for n, one in enumerate(stores)},
        import_kw={one: _series(plan.bought[n]) for n, one in enumerate(areas)},
        export_kw={one: _series(plan.sold[n]) for n, one in enumerate(areas)},
        price_usd_per_kwh=proof.prices,
        energy_value_usd_per_kwh=proof.energy_values,
        shortfalls=shortfalls(problem, groups, plan),
        fuel_usd=money.fuel_usd,
        start_usd=money.start_usd,
        om_usd=money.om_usd,
        purchase_usd=money.purchase_usd,
        sale_usd=money.sale_usd,
        produced_kwh=money.produced_kwh,
        fuel_lhv_kwh=money.fuel_lhv_kwh,
        lolp=risk[0],
        eens_kwh=risk[1],
        link_kw={one.id: _series(plan.link[n]) for n, one in enumerate(problem.links)},
        link_reserve_kw={
            one.id: _series(plan.link_reserve[n]) for n, one in enumerate(problem.links)
        },
        emission_kg=emitted_kg(problem, plan)[0],
    )
