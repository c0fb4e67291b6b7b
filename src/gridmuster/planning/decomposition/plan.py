"""A fleet's schedule, device by device, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridmuster.planning.decomposition.fleet import Flags
from gridmuster.planning.decomposition.pricing import Ordered
from gridmuster.planning.decomposition.system import Prices
from gridmuster.planning.linear import Floats, Ints


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """A schedule: one row a device (or pool of renewables), one column an interval; kW and kWh.

    ``prices`` are those of the dispatch with on and off fixed; ``short_kw`` is missing reserve.
    ``cost_usd`` is the price of exactly this schedule.
    """

    on: Flags
    engine_kw: Floats
    store_kw: Floats
    store_kwh: Floats
    renewable_kw: Floats
    bought_kw: Floats
    sold_kw: Floats
    unserved_kw: Floats
    surplus_kw: Floats
    short_kw: Floats
    prices: Prices
    cost_usd: float


def as_given(plan: FleetPlan, order: Ordered) -> FleetPlan:
    """The same plan with devices in the order of the fleet as given."""
    engines, stores = inverse(order.engine_rows), inverse(order.store_rows)
    return replace(
        plan,
        on=plan.on[engines],
        engine_kw=plan.engine_kw[engines],
        store_kw=plan.store_kw[stores],
        store_kwh=plan.store_kwh[stores],
    )


def inverse(rows: Ints) -> Ints:
    """Where each number stands in a permutation."""
    places = np.empty(len(rows), dtype=np.int64)
    places[rows] = np.arange(len(rows))
    return places
