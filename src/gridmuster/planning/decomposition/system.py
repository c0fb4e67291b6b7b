"""What the connection, sun and wind, and broken wishes answer to prices: closed forms.

Rows of interval t, with prices lambda (energy) and mu >= 0 (headroom):

    sum p + renewables + bought - sold + unserved - surplus = demand
    sum headroom - bought + sold + short >= reserve - import limit (+ largest engine on)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.decomposition.fleet import System
from gridmuster.planning.linear import Floats


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by interval, USD/kWh of energy and of headroom."""

    energy: Floats
    reserve: Floats


@dataclass(frozen=True, slots=True)
class FlowColumn:
    """A flow that is no device's, as a programme's columns: arrays over the intervals.

    ``usd`` is the cost of a kWh, ``limit_kw`` the most; ``power`` and ``headroom`` are what a kW of
    it puts into the two rows.
    """

    usd: Floats
    limit_kw: Floats
    power: Floats
    headroom: Floats


def flow_columns(system: System) -> list[FlowColumn]:
    """Bought, sold, unserved, surplus, missing headroom; then sun and wind; then offers."""
    one, none = np.ones(system.count), np.zeros(system.count)
    open_ = np.full(system.count, np.inf)
    found = [
        FlowColumn(system.import_usd, system.import_limit_kw, one, -one),
        FlowColumn(-system.export_usd, system.export_limit_kw, -one, one),
        FlowColumn(one * system.unserved_usd, np.maximum(system.demand_kw, 0.0), one, none),
        FlowColumn(one * system.surplus_usd, open_, -one, none),
        FlowColumn(one * system.reserve_usd, open_, none, one),
    ]
    for available, usd in zip(system.renewable_kw, system.renewable_usd, strict=True):
        found.append(FlowColumn(one * usd, available, one, none))
    if system.offers is not None:
        offers = system.offers
        for kw, usd, room in zip(offers.kw, offers.usd, offers.headroom, strict=True):
            found.append(FlowColumn(usd, kw, one, -room))
    return found


def clipped(system: System, prices: Prices) -> Prices:
    """The nearest prices at which the system's answer is finite and none is senseless."""
    return Prices(
        np.clip(prices.energy, -system.surplus_usd, system.unserved_usd),
        np.clip(prices.reserve, 0.0, system.reserve_usd),
    )


def system_bound(system: System, prices: Prices, step_h: float) -> tuple[float, float]:
    """Least cost less earnings of all that is no device, with the right-hand sides, USD.

    Args:
        system: the system.
        prices: within `clipped`.
        step_h: length of an interval, h.

    Returns:
        The bound, and the sum of the absolute terms behind it.
    """
    energy, reserve = prices.energy, prices.reserve
    need = system.headroom_need_kw
    terms = [
        energy * system.demand_kw,
        reserve * need,
        system.import_limit_kw * np.minimum(0.0, system.import_usd - energy + reserve),
        system.export_limit_kw * np.minimum(0.0, energy - system.export_usd - reserve),
        np.maximum(system.demand_kw, 0.0) * np.minimum(0.0, system.unserved_usd - energy),
    ]
    for available, usd in zip(system.renewable_kw, system.renewable_usd, strict=True):
        terms.append(available * np.minimum(0.0, usd - energy))
    if system.offers is not None:
        offers = system.offers
        terms.append(offers.kw * np.minimum(0.0, offers.usd - energy + offers.headroom * reserve))
    size = sum(float(np.abs(term).sum()) for term in terms)
    return float(sum(float(term.sum()) for term in terms)) * step_h, size * step_h
