"""One area's balance: what is made, bought and drawn from stores equals demand with losses.

    sum p + sum (d - c) + sum renewables + import - export + unserved - surplus = demand

Buying and selling at once only pays where the selling price is above the buying price; there a
binary forbids it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.linear import INF, Floats, Ints, LinearModel
from gridmuster.planning.objectives import AreaCosts
from gridmuster.planning.problem import PlanArea


@dataclass(frozen=True, slots=True)
class AreaColumns:
    """Columns of one area's connection and shortfalls, and its balance rows."""

    bought: Ints
    sold: Ints
    unserved: Ints
    surplus: Ints
    rows: Ints


def add_area(model: LinearModel, area: PlanArea, costs: AreaCosts, step_h: float) -> AreaColumns:
    """Columns of an area and its balance rows, for devices to be put in."""
    count = len(area.demand_kw)
    demand = np.asarray(area.demand_kw, dtype=float)
    import_kw = np.asarray(area.import_limit_kw, dtype=float)
    export_kw = np.asarray(area.export_limit_kw, dtype=float)
    bought = model.columns(count, 0.0, import_kw, costs.import_usd_per_kwh * step_h)
    sold = model.columns(count, 0.0, export_kw, -costs.export_usd_per_kwh * step_h)
    unserved = model.columns(
        count, 0.0, np.maximum(demand, 0.0), costs.unserved_usd_per_kwh * step_h
    )
    surplus = model.columns(count, 0.0, INF, costs.surplus_usd_per_kwh * step_h)
    rows = model.rows(count, demand, demand)
    model.entries(rows, bought, 1.0)
    model.entries(rows, sold, -1.0)
    model.entries(rows, unserved, 1.0)
    model.entries(rows, surplus, -1.0)
    _exclude_round_trips(model, bought, sold, import_kw, export_kw, costs)
    return AreaColumns(bought, sold, unserved, surplus, rows)


def _exclude_round_trips(
    model: LinearModel,
    bought: Ints,
    sold: Ints,
    import_kw: Floats,
    export_kw: Floats,
    costs: AreaCosts,
) -> None:
    pays = costs.export_usd_per_kwh > costs.import_usd_per_kwh
    where = np.flatnonzero(pays & (import_kw > 0.0) & (export_kw > 0.0))
    if not where.size:
        return
    buying = model.columns(len(where), 0.0, 1.0, 0.0, integer=True)
    rows = model.rows(len(where), -INF, 0.0)
    model.entries(rows, bought[where], 1.0)
    model.entries(rows, buying, -import_kw[where])
    rows = model.rows(len(where), -INF, export_kw[where])
    model.entries(rows, sold[where], 1.0)
    model.entries(rows, buying, export_kw[where])


def add_renewables(
    model: LinearModel, rows: Ints, available_kw: Floats, usd_per_kwh: float, step_h: float
) -> Ints:
    """Curtailable output of all renewables of one area and cost, put in the balance rows."""
    columns = model.columns(len(rows), 0.0, available_kw, usd_per_kwh * step_h)
    model.entries(rows, columns, 1.0)
    return columns
