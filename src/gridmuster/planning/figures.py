"""What each objective looks at, as one figure of a plan: to compare plans of different objectives.

Each figure counts the energy left in stores at the end, so that a plan does not look better for
having emptied them, and each is least in the plan made for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridmuster.planning.objectives import GRID_PRIMARY_FACTOR, reference_usd_per_kwh
from gridmuster.planning.problem import PlanProblem, PlanSolution, ShortfallKind
from gridmuster.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Figures:
    """The four figures of a plan.

    Args:
        operating_expense_usd: fuel, starts, wear, O&M, purchases less sales, unserved energy at
            its value, less stored energy at its end value, USD.
        production_cost_usd: fuel, starts, wear, O&M, purchases at the mean price, unserved energy
            at its value, less stored energy at the mean price, USD.
        primary_kwh: fuel at its lower heating value, energy lost in stores, the grid's primary
            energy for what was bought less sold, less what stored energy stands for, kWh.
        expected_unserved_kwh: planned and by outages, kWh.
        delivered_kwh: demand served, kWh.
    """

    operating_expense_usd: float
    production_cost_usd: float
    primary_kwh: float
    expected_unserved_kwh: float
    delivered_kwh: float

    @property
    def production_cost_usd_per_kwh(self) -> float:
        """Production cost of a kWh served, USD/kWh."""
        return self.production_cost_usd / max(self.delivered_kwh, 1e-9)

    @property
    def primary_kwh_per_kwh(self) -> float:
        """Primary energy of a kWh served."""
        return self.primary_kwh / max(self.delivered_kwh, 1e-9)


def figures(problem: PlanProblem, solution: PlanSolution) -> Figures:
    """The four figures of an answer.

    Args:
        problem: the question.
        solution: the answer.
    """
    step_h = problem.step_s / SECONDS_PER_HOUR
    reference = reference_usd_per_kwh(problem)
    values = {area.id: area.unserved_cost_usd_per_kwh for area in problem.areas}
    unserved_kwh = unserved_usd = 0.0
    for one in solution.shortfalls:
        if one.kind in (ShortfallKind.UNSERVED, ShortfallKind.SURPLUS):
            unserved_usd += one.amount_kw * step_h * values[one.where]
        if one.kind is ShortfallKind.UNSERVED:
            unserved_kwh += one.amount_kw * step_h
    bought = sum(sum(series) for series in solution.import_kw.values()) * step_h
    sold = sum(sum(series) for series in solution.export_kw.values()) * step_h
    made_usd = solution.fuel_usd + solution.start_usd + solution.om_usd + unserved_usd
    kept_usd = kept_kwh = lost_kwh = 0.0
    for store in problem.stores:
        left = solution.energy_kwh[store.id][-1]
        kept_usd += store.end_value_usd_per_kwh * left
        kept_kwh += store.discharge_efficiency * left
        for power in solution.power_kw[store.id]:
            way = 1.0 - store.charge_efficiency
            if power > 0.0:
                way = 1.0 / store.discharge_efficiency - 1.0
            lost_kwh += abs(power) * way * step_h
    demand_kwh = sum(sum(area.demand_kw) for area in problem.areas) * step_h
    return Figures(
        operating_expense_usd=made_usd + solution.purchase_usd - solution.sale_usd - kept_usd,
        production_cost_usd=made_usd + reference * (bought - kept_kwh),
        primary_kwh=solution.fuel_lhv_kwh
        + lost_kwh
        + GRID_PRIMARY_FACTOR * (bought - sold - kept_kwh),
        expected_unserved_kwh=unserved_kwh + solution.eens_kwh,
        delivered_kwh=demand_kwh - unserved_kwh,
    )
