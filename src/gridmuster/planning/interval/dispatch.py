"""Dispatch of one interval: the cheapest powers of what is on, exact, for up to millions of units.

Minimise the units' convex costs, purchases less sales, and what is unserved, spilled or missing in
reserve at their prices, such that power balances and units, connection and reserve keep their
limits. Equal incremental cost is the condition of an optimum (Wood and Wollenberg, Power
Generation, Operation and Control, chapter 3), so one price is searched (`search`).

Reserve needs no search in two dimensions. Let B be the pieces that take reserve away as they give
power (`units`), A all others. Reserve is kept if and only if the B together give at most
``cap = (sum of their highest powers) - requirement``. The least cost of the B giving ``b`` and of
the A giving ``need - b`` are both convex in ``b``, hence:

1. one price for all; if the B give at most ``cap``, that is the optimum and reserve has no price;
2. otherwise they give exactly ``cap``, and the problem falls in two that share nothing: the B give
   ``cap`` at one price, the A the rest at another; the difference is the price of reserve;
3. unless that exceeds what missing reserve costs: then it costs just that, the B stand so much
   under the price of the A, and one price is searched again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.interval.kernels import STEEP, Column
from gridmuster.planning.interval.search import Crew, Found, Part, PriceSearch
from gridmuster.planning.interval.units import Units, check_windows


@dataclass(frozen=True, slots=True)
class Exchange:
    """A connection to the grid.

    Args:
        import_limit_kw: most that may be drawn, kW.
        export_limit_kw: most that may be sent out, kW.
        import_usd_per_kwh: price of a kWh drawn.
        export_usd_per_kwh: price of a kWh sent out; not above the import price.
        holds_reserve: whether what it could draw more counts as reserve.
    """

    import_limit_kw: float
    export_limit_kw: float
    import_usd_per_kwh: float
    export_usd_per_kwh: float
    holds_reserve: bool = False


@dataclass(frozen=True, slots=True)
class IntervalNeed:
    """What one interval asks for, and what failing costs.

    Args:
        need_kw: demand with losses, kW.
        exchange: the connection; None when islanded.
        reserve_kw: least headroom to be kept, kW.
        unserved_usd_per_kwh: cost of demand that is not met; dearer units are not used.
        surplus_usd_per_kwh: cost of power that nobody takes.
        reserve_short_usd_per_kwh: cost of a kW of reserve that is missing, for an hour.
    """

    need_kw: float
    exchange: Exchange | None = None
    reserve_kw: float = 0.0
    unserved_usd_per_kwh: float = 10.0
    surplus_usd_per_kwh: float = 10.0
    reserve_short_usd_per_kwh: float = 5.0


@dataclass(frozen=True, slots=True)
class Unmet:
    """A wish that is not met.

    Args:
        wish: ``demand``, ``surplus`` or ``reserve``.
        amount_kw: by how much, kW.
        usd_per_kwh: what that costs.
    """

    wish: str
    amount_kw: float
    usd_per_kwh: float


@dataclass(frozen=True, slots=True)
class IntervalAnswer:
    """The cheapest powers.

    Args:
        power_kw: one column a group of units, in their order, kW.
        import_kw: net import, kW (negative: export).
        price_usd_per_kwh: what one more kW of need costs.
        reserve_usd_per_kwh: what one more kW of reserve costs.
        held_kw: reserve held, kW; nil when none is asked.
        unmet: wishes not met, with their amounts.
        balance_error_kw: need less all that meets it, as written in the columns: rounding.
        passes: passes of the searches over all rows.
    """

    power_kw: tuple[Column, ...]
    import_kw: float
    price_usd_per_kwh: float
    reserve_usd_per_kwh: float
    held_kw: float
    unmet: tuple[Unmet, ...]
    balance_error_kw: float
    passes: int


def dispatch_interval(
    groups: Sequence[Units], need: IntervalNeed, crew: Crew | None = None
) -> IntervalAnswer:
    """Dispatch one interval.

    Units that tie share what is left in proportion to their windows, whatever their order.

    Args:
        groups: the units that are on.
        need: what is asked.
        crew: threads for fleets from some hundred thousand units on; the answer is the same bit
            for bit without.

    Raises:
        PlanningError: when a window or a price makes no sense; the message names it. Needs that
            cannot be met are no error: see ``unmet``.
    """
    _check(need)
    crew = Crew() if crew is None else crew
    for units in groups:
        check_windows(units, crew)
    return _Interval(groups, need, crew).answer()


def _check(need: IntervalNeed) -> None:
    numbers = (need.need_kw, need.reserve_kw, need.unserved_usd_per_kwh, need.surplus_usd_per_kwh)
    if not np.isfinite(numbers).all() or not need.reserve_short_usd_per_kwh >= 0.0:
        raise PlanningError(f"{need}: expected numbers, and a price of missing reserve from 0 on")
    if need.unserved_usd_per_kwh <= -need.surplus_usd_per_kwh:
        raise PlanningError(
            f"unserved at {need.unserved_usd_per_kwh} and surplus at {need.surplus_usd_per_kwh} "
            "USD/kWh: failing both ways would earn; expected a sum above 0"
        )
    grid = need.exchange
    if grid is None:
        return
    if not (grid.import_limit_kw >= 0.0 and grid.export_limit_kw >= 0.0):
        raise PlanningError(f"{grid}: limits must be 0 or above")
    if not grid.export_usd_per_kwh <= grid.import_usd_per_kwh:
        raise PlanningError(
            f"export at {grid.export_usd_per_kwh} and import at {grid.import_usd_per_kwh} "
            "USD/kWh: buying to sell would earn; expected an export price not above"
        )


@dataclass(frozen=True, slots=True)
class _Placed:
    """Parts under one price, where their search ended, and what was written."""

    parts: list[Part]
    found: Found
    powers: list[Column]
    totals: list[tuple[float, float]]


class _Interval:
    """One interval's dispatch.

    Args:
        groups: the units.
        need: what is asked.
        crew: threads.
    """

    def __init__(self, groups: Sequence[Units], need: IntervalNeed, crew: Crew) -> None:
        self._groups = groups
        self._need = need
        self._crew = crew
        asked = need.reserve_kw > 0.0
        self._pieces = [units.pieces(reserve=asked) for units in groups]
        self._firm = [one.firm for one in self._pieces if one.firm is not None]
        self._spare = [one.spare for one in self._pieces if one.spare is not None]
        grid = need.exchange
        self._grid_spare = asked and grid is not None and grid.holds_reserve
        if grid is not None:
            (self._spare if self._grid_spare else self._firm).append(_exchange_part(grid))
        self._target_kw = need.need_kw - sum(one.constant_kw for one in self._pieces)
        self._passes = 0

    def answer(self) -> IntervalAnswer:
        """Search, place, and see to the reserve."""
        need = self._need
        ends = -need.surplus_usd_per_kwh, need.unserved_usd_per_kwh
        placed = self._together(0.0)
        price = placed.found.price_usd_per_kwh
        firms = len(self._firm)
        held_kw = sum(high - given for given, high in placed.totals[firms:])
        if need.reserve_kw <= 0.0:
            return self._told(placed, price, 0.0, 0.0)
        if held_kw >= need.reserve_kw * (1.0 - 1e-12):
            return self._told(placed, price, 0.0, held_kw)
        short_usd = need.reserve_short_usd_per_kwh
        cap_kw = sum(high for _, high in placed.totals[firms:]) - need.reserve_kw
        spare = self._search(self._spare, (ends[0] - short_usd, ends[1]), cap_kw)
        firm = self._search(self._firm, ends, self._target_kw - cap_kw)
        over = firm.price_usd_per_kwh - spare.price_usd_per_kwh
        if spare.given_kw <= cap_kw + 1e-9 * max(abs(cap_kw), 1.0) and over <= short_usd:
            one, other = self._place(self._firm, firm), self._place(self._spare, spare)
            both = replace(one, powers=one.powers + other.powers, totals=one.totals + other.totals)
            held_kw = sum(high - given for given, high in other.totals)
            return self._told(both, firm.price_usd_per_kwh, max(over, 0.0), held_kw)
        placed = self._together(short_usd)
        held_kw = sum(high - given for given, high in placed.totals[firms:])
        return self._told(placed, placed.found.price_usd_per_kwh, short_usd, held_kw)

    def _together(self, under_usd_per_kwh: float) -> _Placed:
        """All parts at one price, the spare ones so much under it."""
        spare = [replace(part, below_usd_per_kwh=under_usd_per_kwh) for part in self._spare]
        parts = self._firm + spare
        ends = -self._need.surplus_usd_per_kwh, self._need.unserved_usd_per_kwh
        return self._place(parts, self._search(parts, ends, self._target_kw))

    def _search(self, parts: list[Part], ends: tuple[float, float], target_kw: float) -> Found:
        found = PriceSearch(parts, ends, self._crew).find(target_kw)
        self._passes += found.passes
        return found

    def _place(self, parts: list[Part], found: Found) -> _Placed:
        powers: list[Column] = [np.empty_like(part.low_kw) for part in parts]
        ends = found.low_usd_per_kwh, found.high_usd_per_kwh
        totals = PriceSearch(parts, ends, self._crew).place(found, powers)
        return _Placed(parts, found, powers, totals)

    def _told(
        self, placed: _Placed, price: float, reserve_price: float, held_kw: float
    ) -> IntervalAnswer:
        need = self._need
        powers = self._shared_out(placed.powers)
        given_kw = need.need_kw - self._target_kw + sum(given for given, _ in placed.totals)
        missing_kw = need.need_kw - given_kw
        unmet = []
        # Beyond the ends of the price, and beyond rounding, what is missing is a wish not met.
        small_kw = 1e-9 * max(abs(need.need_kw), 1.0)
        if price >= need.unserved_usd_per_kwh and missing_kw > small_kw:
            unmet.append(Unmet("demand", missing_kw, need.unserved_usd_per_kwh))
        if price <= -need.surplus_usd_per_kwh and missing_kw < -small_kw:
            unmet.append(Unmet("surplus", -missing_kw, need.surplus_usd_per_kwh))
        error_kw = 0.0 if unmet else missing_kw
        short_kw = need.reserve_kw - held_kw
        if short_kw > 1e-9 * max(need.reserve_kw, 1.0):
            unmet.append(Unmet("reserve", short_kw, need.reserve_short_usd_per_kwh))
        import_kw = 0.0
        if need.exchange is not None:
            at = -1 if self._grid_spare else len(self._firm) - 1
            import_kw = float(placed.powers[at].sum())
        return IntervalAnswer(
            powers, import_kw, price, reserve_price, held_kw, tuple(unmet), error_kw, self._passes
        )

    def _shared_out(self, powers: list[Column]) -> tuple[Column, ...]:
        """Powers of pieces as powers of units."""
        firm, spare = iter(powers), iter(powers[len(self._firm) :])
        return tuple(
            units.power(
                None if pieces.firm is None else next(firm),
                None if pieces.spare is None else next(spare),
            )
            for units, pieces in zip(self._groups, self._pieces, strict=True)
        )


def _exchange_part(grid: Exchange) -> Part:
    """Export less, then import more: the export price first, since it is not above the other."""
    return Part(
        np.array([grid.export_usd_per_kwh, grid.import_usd_per_kwh]),
        np.array([STEEP, STEEP]),
        np.array([-grid.export_limit_kw, 0.0]),
        np.array([0.0, grid.import_limit_kw]),
    )
