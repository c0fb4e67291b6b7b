"""When units are there: hours of maintenance taken out, and time cut where the fleet changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.reliability.outages import Floats, Ints


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A unit that is not there for a while.

    Args:
        unit: row of the unit.
        start: first hour without it.
        stop: first hour with it again.
    """

    unit: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Presence:
    """Stretches of time in which units are there.

    Args:
        unit: row of the unit, shape (stretches,).
        start: first period with it, shape (stretches,).
        stop: first period without it, shape (stretches,).
        periods: how many periods there are.
    """

    unit: Ints
    start: Ints
    stop: Ints
    periods: int

    def summed(self, by_unit: Floats) -> Floats:
        """Sum over the units that are there, by period.

        Args:
            by_unit: one number for each unit.
        """
        value = by_unit[self.unit]
        risen = np.bincount(self.start, value, self.periods + 1)
        fallen = np.bincount(self.stop, value, self.periods + 1)
        return np.cumsum(risen - fallen)[:-1]

    def within(self, begin: int, end: int) -> Presence:
        """The same from one period to another, counted from the first."""
        inside = (self.start < end) & (self.stop > begin)
        start = np.maximum(self.start[inside], begin) - begin
        stop = np.minimum(self.stop[inside], end) - begin
        return Presence(self.unit[inside], start, stop, end - begin)

    def segments(self) -> tuple[Presence, Ints]:
        """Time cut where the fleet changes.

        Returns:
            The same stretches over segments, and where each segment begins, with the end.
        """
        ends = np.concatenate([[0, self.periods], self.start, self.stop])
        edges = np.unique(ends).astype(np.int64)
        start = np.searchsorted(edges, self.start).astype(np.int64)
        stop = np.searchsorted(edges, self.stop).astype(np.int64)
        return Presence(self.unit, start, stop, len(edges) - 1), edges


def always(units: int, periods: int) -> Presence:
    """All units there all the time."""
    numbers = np.arange(units, dtype=np.int64)
    return Presence(numbers, np.zeros_like(numbers), np.full_like(numbers, periods), periods)


def but_for(units: int, periods: int, maintenance: Iterable[Maintenance]) -> Presence:
    """All units there but for their maintenance.

    Args:
        units: number of units.
        periods: number of periods.
        maintenance: in any order; stretches of one unit may overlap.

    Raises:
        PlanningError: for a unit that does not exist, or hours out of order.
    """
    work: dict[int, list[tuple[int, int]]] = {}
    for one in maintenance:
        if not 0 <= one.unit < units:
            raise PlanningError(f"maintenance of unit {one.unit}; there are units 0 to {units - 1}")
        if not one.start <= one.stop:
            raise PlanningError(
                f"maintenance of unit {one.unit} from {one.start} to {one.stop}; "
                "expected start before stop"
            )
        work.setdefault(one.unit, []).append((max(one.start, 0), min(one.stop, periods)))
    rows: list[tuple[int, int, int]] = []
    for unit in range(units):
        free = 0
        for start, stop in sorted(work.get(unit, ())):
            if start > free:
                rows.append((unit, free, start))
            free = max(free, stop)
        if free < periods:
            rows.append((unit, free, periods))
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Presence(table[:, 0], table[:, 1], table[:, 2], periods)
