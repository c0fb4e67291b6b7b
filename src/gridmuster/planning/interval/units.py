"""Units that are on, as columns, and the convex pieces that one interval's search works on.

With reserve asked, a unit that may hold at most ``r`` of it bends where its headroom falls below
``r``: what it gives above ``high - r`` takes reserve away, kW for kW, and what it gives below takes
none. Cut there it is two pieces, `firm` and `spare`, and since its cost is convex no order
between them has to be enforced: the spare piece is the dearer one, the more so when reserve has a
price. The reserve held is then the headroom of the spare pieces alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.interval.kernels import STEEP, Column, Floats, Rows, count_wrong
from gridmuster.planning.interval.search import Crew, Part, chunks_of


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one group of units.

    Args:
        firm: pieces that take no reserve away.
        spare: pieces that take reserve away as they give power.
        constant_kw: what the units give beside the sum of both.
    """

    firm: Part | None
    spare: Part | None
    constant_kw: float


@dataclass(frozen=True, slots=True)
class QuadraticUnits:
    """Units with cost ``a + b p + c p^2`` an hour, one row each.

    Args:
        price_usd_per_kwh: ``b``, marginal cost at zero power, [n].
        gain: ``1 / (2 c)``, kW per USD/kWh; `STEEP` where ``c`` is nil, [n].
        low_kw: least power now, from ramps, limits and state of energy, [n].
        high_kw: most power now, [n].
        reserve_kw: most reserve each may hold, [n]; None: all its headroom.
    """

    price_usd_per_kwh: Column
    gain: Column
    low_kw: Column
    high_kw: Column
    reserve_kw: Column | None = None

    @classmethod
    def of_costs(
        cls, linear: Column, square: Column, low_kw: Column, high_kw: Column
    ) -> QuadraticUnits:
        """Units from their costs.

        Args:
            linear: ``b``, USD/kWh, [n]; its type, of 32 or 64 bits, is that of all columns.
            square: ``c``, USD/kWh per kW, [n].
            low_kw: least power now, [n].
            high_kw: most power now, [n].

        Raises:
            PlanningError: when a cost is no number or ``c`` is negative.
        """
        wrong = np.flatnonzero(~(np.isfinite(linear) & (square >= 0.0) & np.isfinite(square)))
        if wrong.size:
            row = int(wrong[0])
            raise PlanningError(
                f"unit {row}: cost {linear[row]} p + {square[row]} p^2; expected numbers, and a "
                "square of 0 or above: other costs are not convex"
            )
        twice = 2.0 * square.astype(np.float64)
        gain = np.minimum(1.0 / np.maximum(twice, 1.0 / STEEP), STEEP).astype(linear.dtype)
        return cls(linear, gain, low_kw, high_kw)

    def within(self, low_kw: Column, high_kw: Column) -> QuadraticUnits:
        """The same units with the next interval's windows, kW, [n] each."""
        return replace(self, low_kw=low_kw, high_kw=high_kw)

    @property
    def count(self) -> int:
        """Number of units."""
        return int(self.low_kw.shape[0])

    def pieces(self, *, reserve: bool) -> Pieces:
        """The units as pieces; cut where they begin to take reserve away if it is asked."""
        whole = Part(self.price_usd_per_kwh, self.gain, self.low_kw, self.high_kw)
        if not reserve:
            return Pieces(whole, None, 0.0)
        if self.reserve_kw is None:
            return Pieces(None, whole, 0.0)
        cut_kw = self._cut()
        return Pieces(
            replace(whole, high_kw=cut_kw),
            replace(whole, low_kw=cut_kw),
            -float(cut_kw.sum(dtype=np.float64)),
        )

    def power(self, firm_kw: Column | None, spare_kw: Column | None) -> Column:
        """Power of each unit from those of its pieces, kW, [n]."""
        if firm_kw is None or spare_kw is None:
            single = spare_kw if firm_kw is None else firm_kw
            assert single is not None, "every unit has a piece"
            return single
        return np.asarray(firm_kw + (spare_kw - self._cut()))

    def _cut(self) -> Column:
        assert self.reserve_kw is not None
        held = np.maximum(self.reserve_kw, 0.0)
        return np.asarray(np.clip(self.high_kw - held, self.low_kw, self.high_kw))


@dataclass(frozen=True, slots=True)
class SteppedUnits:
    """Units with piecewise-linear cost: steps of constant marginal cost, rising within a unit.

    Args:
        unit: whose step it is, [s].
        from_kw: where the step begins, [s].
        to_kw: where it ends, [s].
        price_usd_per_kwh: its marginal cost, [s].
        low_kw: least power now, [n]; the unit's steps cover the window without gap or overlap.
        high_kw: most power now, [n].
        reserve_kw: most reserve each may hold, [n]; None: all its headroom.
    """

    unit: Rows
    from_kw: Floats
    to_kw: Floats
    price_usd_per_kwh: Floats
    low_kw: Floats
    high_kw: Floats
    reserve_kw: Floats | None = None

    @property
    def count(self) -> int:
        """Number of units."""
        return int(self.low_kw.shape[0])

    def pieces(self, *, reserve: bool) -> Pieces:
        """The steps inside the windows as pieces, cut where they begin to take reserve away."""
        low, high = self.low_kw[self.unit], self.high_kw[self.unit]
        start, end = np.clip(self.from_kw, low, high), np.clip(self.to_kw, low, high)
        covered = np.bincount(self.unit, end - start, self.count)
        gaps = np.abs(covered - (self.high_kw - self.low_kw))
        wrong = np.flatnonzero(gaps > 1e-9 * np.maximum(np.abs(self.high_kw), 1.0))
        if wrong.size:
            row = int(wrong[0])
            raise PlanningError(
                f"unit {row}: its cost steps cover {covered[row]:g} kW of its window "
                f"{self.low_kw[row]:g} to {self.high_kw[row]:g} kW; expected all of it, once"
            )
        constant_kw = float(self.low_kw.sum())
        if not reserve:
            return Pieces(self._part(end - start), None, constant_kw)
        if self.reserve_kw is None:
            return Pieces(None, self._part(end - start), constant_kw)
        held = np.maximum(self.reserve_kw, 0.0)
        cut = np.clip(self.high_kw - held, self.low_kw, self.high_kw)[self.unit]
        below = np.maximum(np.minimum(end, cut) - start, 0.0)
        return Pieces(self._part(below), self._part(end - start - below), constant_kw)

    def power(self, firm_kw: Column | None, spare_kw: Column | None) -> Column:
        """Power of each unit from those of its pieces, kW, [n]."""
        taken = np.zeros(self.unit.shape[0])
        for part in (firm_kw, spare_kw):
            if part is not None:
                taken += part
        return np.asarray(self.low_kw + np.bincount(self.unit, taken, self.count))

    def _part(self, width_kw: Floats) -> Part:
        steep = np.full(width_kw.shape, STEEP)
        return Part(self.price_usd_per_kwh, steep, np.zeros_like(width_kw), width_kw)


Units = QuadraticUnits | SteppedUnits


def check_windows(units: Units, crew: Crew) -> None:
    """Refuse windows that are empty or no numbers.

    Raises:
        PlanningError: naming the first such unit.
    """
    low_kw, high_kw = units.low_kw, units.high_kw
    sums = np.zeros((chunks_of(units.count), 1))
    crew.run(len(sums), lambda chunks: count_wrong(low_kw, high_kw, chunks, sums))
    if sums.any():
        with np.errstate(invalid="ignore"):
            good = np.isfinite(low_kw) & np.isfinite(high_kw) & (low_kw <= high_kw)
        row = int(np.flatnonzero(~good)[0])
        raise PlanningError(
            f"unit {row}: window {low_kw[row]} to {high_kw[row]} kW; expected numbers, the lower "
            "one first"
        )
