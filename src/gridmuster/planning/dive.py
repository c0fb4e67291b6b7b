"""Plans from a relaxation: round a few numbers, solve again, until all are whole.

Each step rounds the most telling fractional numbers, fixes what is on, and lets the warm solver
and new cuts answer; in a few dozen cheap steps that ends in a plan near the relaxation's value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridmuster.planning.cuts import CapacityCuts
from gridmuster.planning.highs import Cut, Point, Relaxation
from gridmuster.planning.linear import INF, Floats, Ints

#: Distance from a whole number below which a value is one.
WHOLE = 1e-5
#: Fractional parts below and above these are rounded at once.
NEARLY = (0.1, 0.9)
#: Most steps of one dive; each fixes something or adds a row, and a few dozen are usual.
MOST_STEPS = 500
#: Rounds of cuts at one node, and the rise of the bound (a share) below which they stop.
NODE_ROUNDS = 2
NODE_RISE = 1e-5


@dataclass(frozen=True, slots=True)
class Style:
    """How to dive.

    ``nearest``: towards the nearer whole number, else upwards. ``share``: one in so many of the
    fractional numbers is rounded in a step.
    """

    nearest: bool
    share: int


class Diver:
    """Dives from one relaxation.

    Args:
        relaxation: the warm relaxation.
        cuts: finds violated rows.
        left_s: how much time is left, s.
    """

    def __init__(
        self, relaxation: Relaxation, cuts: CapacityCuts, left_s: Callable[[], float]
    ) -> None:
        self.relaxation = relaxation
        self.whole = np.flatnonzero(relaxation.arrays.integer)
        self.kept: list[Cut] = []
        self._cuts = cuts
        self._left_s = left_s

    def solve(self) -> Point | None:
        """The relaxation at its present bounds."""
        left_s = self._left_s()
        return self.relaxation.solve(left_s) if left_s > 0.0 else None

    def tighten(self, point: Point, rounds: int, rise: float, most: int = 2) -> Point | None:
        """Add violated rows and solve again, until little comes of it."""
        for _ in range(rounds):
            cuts = self._cuts.find(point.values, most)
            if not cuts:
                return point
            self.relaxation.add(cuts)
            self.kept += cuts
            better = self.solve()
            if better is None:
                return None
            small = better.objective - point.objective <= rise * abs(better.objective)
            point = better
            if small:
                return point
        return point

    def dive(self, style: Style, cutoff: float, free: Ints | None = None) -> Point | None:
        """Dive from the present bounds; these are put back afterwards.

        Args:
            style: how.
            cutoff: give up once the relaxation is no better than this.
            free: columns with whole numbers that are not fixed; None: all.

        Returns:
            A point with whole numbers that breaks no row, or None.
        """
        columns = self.whole if free is None else free
        before = self.relaxation.lower[columns].copy(), self.relaxation.upper[columns].copy()
        try:
            point = self.solve()
            for _ in range(MOST_STEPS):
                if point is None or point.objective >= cutoff:
                    break
                point = self.tighten(point, NODE_ROUNDS, NODE_RISE, most=1)
                if point is None or not self._round(point, columns, style):
                    if point is None or not self._cuts.find(point.values, 1):
                        return point
                    point = self.tighten(point, 1, 0.0, most=1)
                    continue
                point = self.solve()
            return None
        finally:
            self.relaxation.bound(columns, *before)

    def _round(self, point: Point, columns: Ints, style: Style) -> bool:
        """Round some numbers and fix what is on; False when all were whole."""
        values = point.values[columns]
        floor = np.floor(values + WHOLE)
        part = values - floor
        fractional = np.flatnonzero(part > WHOLE)
        if not fractional.size:
            return False
        lower, upper = self.relaxation.lower[columns], self.relaxation.upper[columns]
        parts = part[fractional]
        closeness = np.maximum(parts, 1.0 - parts) if style.nearest else parts
        count = max(1, len(fractional) // style.share)
        chosen = np.zeros(len(fractional), dtype=bool)
        chosen[np.argsort(-closeness, kind="stable")[:count]] = True
        up = (chosen & (parts >= 0.5)) if style.nearest else chosen.copy()
        up |= ~chosen & (parts > NEARLY[1])
        down = ~up & (chosen | (parts < NEARLY[0]))
        lower[fractional[up]] = floor[fractional[up]] + 1.0
        upper[fractional[down]] = floor[fractional[down]]
        running = np.flatnonzero((part <= WHOLE) & (floor > 0.5))
        lower[running] = floor[running]
        moved = np.unique(np.concatenate([fractional[up | down], running]))
        self.relaxation.bound(columns[moved], lower[moved], upper[moved])
        return True

    def at(self, values: Floats) -> Point | None:
        """The best point with the whole numbers of ``values``, or None if there is none."""
        columns = self.whole
        before = self.relaxation.lower[columns].copy(), self.relaxation.upper[columns].copy()
        try:
            fixed = np.clip(np.rint(values[columns]), before[0], before[1])
            self.relaxation.bound(columns, fixed, fixed)
            point = self.solve()
            return None if point is None else self.tighten(point, MOST_STEPS, -INF, most=1)
        finally:
            self.relaxation.bound(columns, *before)

    def around(self, values: Floats, free: Ints, style: Style, cutoff: float) -> Point | None:
        """Dive with all whole numbers but some fixed at those of a plan."""
        fixed = np.setdiff1d(self.whole, free, assume_unique=True)
        kept = np.rint(values[fixed])
        self.relaxation.bound(fixed, kept, kept)
        try:
            return self.dive(style, cutoff, free)
        finally:
            self.relaxation.reset(fixed)


def better(one: Point | None, other: Point | None) -> Point | None:
    """The cheaper of two points."""
    costs = [INF if point is None else point.objective for point in (one, other)]
    return one if costs[0] <= costs[1] else other
