"""A bound from windows of time: each is solved with whole numbers, what joins them has a price.

The relaxation of a unit-commitment model is loose around each peak for reasons of its own, and one
tree of branch and bound must pay for all peaks at once. Here the rows that reach over a border
between two windows are given a price, their duals in the relaxation. What is left falls apart into
the windows, and for any prices of the right sign the sum of the windows' own lower bounds, with
the rows' right-hand sides at their prices, is no more than the cost of any plan (Lagrange). Each
window so solved also is a cut, "this window costs no less than that at these prices", that holds
for every plan; the relaxation with these cuts gives the next prices (Kelley, "The cutting-plane
method for solving convex programs", J. SIAM 8(4), 1960).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.planning.cases.lane import RunLimits, WatchedRun
from gridmuster.planning.cases.plans import Mask
from gridmuster.planning.highs import Cut, Point, Start, relaxed, with_cuts
from gridmuster.planning.linear import INF, Floats, Ints, LinearArrays

#: A window is solved to this share of the best plan's cost.
WINDOW_GAP = 2e-5
#: Rounds in a row that may raise the bound by less than this share of what is open.
VAIN_ROUNDS, VAIN_SHARE = 3, 0.01
#: Rounding taken off a room that fixes columns, as a share of the best plan's cost.
SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Part:
    """One window's model.

    Args:
        arrays: the model, its costs less the worth of its columns in rows between windows.
        columns: its columns' numbers in the whole model.
    """

    arrays: LinearArrays
    columns: Ints


@dataclass(frozen=True, slots=True)
class Parted:
    """A model that has fallen apart: no point of it costs less than constant and all parts."""

    parts: tuple[Part, ...]
    constant: float


def parted(arrays: LinearArrays, window: Ints, duals: Floats) -> Parted:
    """Let a model fall apart into windows.

    A row between windows also stays in each of them as far as it follows from the least and the
    most that the other columns can contribute.

    Args:
        arrays: the model.
        window: the window of each column, from 0.
        duals: a price of each row; of a sign that its sides do not bear it counts as nothing.
    """
    rows = len(arrays.row_lower)
    row_of = np.repeat(np.arange(rows), np.diff(arrays.start))
    first, last = np.full(rows, len(window) + 1), np.full(rows, -1)
    np.minimum.at(first, row_of, window[arrays.index])
    np.maximum.at(last, row_of, window[arrays.index])
    price = np.where(first < last, duals, 0.0)
    side = np.where(price > 0.0, arrays.row_lower, arrays.row_upper)
    price = np.where(np.isfinite(side), price, 0.0)
    constant = float(price @ np.where(np.isfinite(side), side, 0.0))
    worth = np.bincount(
        arrays.index, weights=arrays.value * price[row_of], minlength=len(arrays.cost)
    )
    at_low = arrays.value * arrays.lower[arrays.index]
    at_high = arrays.value * arrays.upper[arrays.index]
    least, most = np.minimum(at_low, at_high), np.maximum(at_low, at_high)
    priced = replace(arrays, cost=arrays.cost - worth)
    number = int(window.max(initial=0)) + 1
    parts = tuple(_part(priced, row_of, (least, most), window, k) for k in range(number))
    return Parted(parts, constant)


def _part(
    arrays: LinearArrays, row_of: Ints, reach: tuple[Floats, Floats], window: Ints, number: int
) -> Part:
    rows = len(arrays.row_lower)
    inside = window[arrays.index] == number

    def total(weights: Floats, mask: Mask) -> Floats:
        kept = np.where(mask, weights, 0.0)
        return np.asarray(np.bincount(row_of, weights=kept, minlength=rows))

    least, most = reach
    lower = arrays.row_lower - total(most, ~inside)
    upper = arrays.row_upper - total(least, ~inside)
    tells = (lower > total(least, inside) + 1e-9) | (upper < total(most, inside) - 1e-9)
    used = (np.bincount(row_of[inside], minlength=rows) > 0) & tells
    columns = np.flatnonzero(window == number)
    renumbered = np.full(len(window), -1, dtype=np.int64)
    renumbered[columns] = np.arange(len(columns))
    kept = inside & used[row_of]
    sizes = np.bincount(row_of[kept], minlength=rows)[used]
    part = LinearArrays(
        cost=arrays.cost[columns],
        lower=arrays.lower[columns],
        upper=arrays.upper[columns],
        integer=arrays.integer[columns],
        row_lower=lower[used],
        row_upper=upper[used],
        start=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        index=renumbered[arrays.index[kept]],
        value=arrays.value[kept],
    )
    return Part(part, columns)


def fixed_by_cost(arrays: LinearArrays, point: Point, room: float) -> LinearArrays:
    """The model without whole numbers that reduced costs show to be too dear.

    Args:
        arrays: the model.
        point: an optimum of its relaxation, of more rows if need be.
        room: cost of the best plan less the relaxation's.
    """
    rows = np.repeat(np.arange(len(arrays.row_lower)), np.diff(arrays.start))
    duals = point.row_duals[: len(arrays.row_lower)]
    reduced = arrays.cost - np.bincount(
        arrays.index, weights=arrays.value * duals[rows], minlength=len(arrays.cost)
    )
    steps = np.floor(max(room, 0.0) / np.maximum(np.abs(reduced), 1e-9) + SLACK)
    open_ = arrays.integer & (arrays.lower < arrays.upper)
    low = open_ & (reduced > 0.0) & (point.values < arrays.lower + SLACK)
    high = open_ & (reduced < 0.0) & (point.values > arrays.upper - SLACK)
    return replace(
        arrays,
        lower=np.where(high, np.maximum(arrays.lower, arrays.upper - steps), arrays.lower),
        upper=np.where(low, np.minimum(arrays.upper, arrays.lower + steps), arrays.upper),
    )


@dataclass(slots=True)
class _Round:
    """Prices, and what the windows came to at them."""

    parted: Parted
    runs: list[WatchedRun]
    next: int = 0
    ended: int = 0

    def bound(self) -> float:
        """No plan costs less; -inf until every window has a bound."""
        return self.parted.constant + sum(run.bound() for run in self.runs)


class WindowBound:
    """Raises a bound by windows, round after round; several threads may work on it.

    Args:
        arrays: the model.
        window: the window of each column, from 0.
        cost: cost of the best plan known, at the time of asking.
        left_s: time left, s.
    """

    def __init__(
        self,
        arrays: LinearArrays,
        window: Ints,
        cost: Callable[[], float],
        left_s: Callable[[], float],
    ) -> None:
        self._arrays = arrays
        self._window = window
        self._cost = cost
        self._left_s = left_s
        self._lock = threading.Lock()
        self._round: _Round | None = None
        self._cuts: list[Cut] = []
        self._known: list[Floats | None] = [None] * (int(window.max(initial=0)) + 1)
        self._best = self._judged = -INF
        self._vain = 0
        self._busy = False
        self._ended = False

    def bound(self) -> float:
        """No plan better than the best one known costs less than this."""
        with self._lock:
            now = -INF if self._round is None else self._round.bound()
            self._best = max(self._best, now)
            return self._best

    def finished(self) -> bool:
        """Whether more rounds would be in vain, or it was stopped."""
        with self._lock:
            return self._ended

    def stop(self) -> None:
        """Have all who work on it stop."""
        with self._lock:
            self._ended = True
            for run in [] if self._round is None else self._round.runs:
                run.stop()

    def work(self) -> bool:
        """Solve one window, or make the next round; False when others must end first."""
        with self._lock:
            now = self._round
            if self._ended or self._busy:
                return False
            if now is not None and now.next < len(now.runs):
                number = now.next
                now.next += 1
            elif now is not None and now.ended < len(now.runs):
                return False
            else:
                number = -1
                self._busy = True
        if number < 0:
            self._turn()
            return True
        assert now is not None
        self._solve(now, number)
        return True

    def _turn(self) -> None:
        """Prices for the next round from the relaxation with all cuts so far."""
        made = None
        point = relaxed(with_cuts(self._arrays, self._cuts), 1, self._left_s())
        if point is not None:
            cost = self._cost()
            if cost < INF:
                room = cost + SLACK * abs(cost) - point.objective
                self._arrays = fixed_by_cost(self._arrays, point, room)
            # Each cut is of one window's columns alone: it needs no price.
            own = point.row_duals[: len(self._arrays.row_lower)]
            apart = parted(self._arrays, self._window, own)
            gap = WINDOW_GAP * abs(cost if cost < INF else point.objective)
            runs = [
                WatchedRun(part.arrays, _start(part, known), RunLimits(self._left_s(), 1, gap))
                for part, known in zip(apart.parts, self._known, strict=True)
            ]
            made = _Round(apart, runs)
        with self._lock:
            self._busy = False
            self._ended = self._ended or made is None or self._vain >= VAIN_ROUNDS
            if not self._ended:
                self._round = made

    def _solve(self, now: _Round, number: int) -> None:
        run, part = now.runs[number], now.parted.parts[number]
        run.run()
        values, bound = run.take(), run.bound()
        if values is not None:
            self._known[number] = values
        costs = np.flatnonzero(part.arrays.cost)
        scale = float(np.abs(part.arrays.cost).max(initial=0.0))
        with self._lock:
            now.ended += 1
            if np.isfinite(bound) and scale > 0.0:
                weights = part.arrays.cost[costs] / scale
                self._cuts.append(Cut(part.columns[costs], weights, bound / scale))
            else:
                self._ended = True
            if now.ended == len(now.runs):
                self._judge(now.bound())

    def _judge(self, bound: float) -> None:
        gained, left = bound - self._judged, self._cost() - self._judged
        self._best, self._judged = max(self._best, bound), max(self._judged, bound)
        self._vain = 0 if gained > VAIN_SHARE * left else self._vain + 1


def _start(part: Part, known: Floats | None) -> Start | None:
    """What the window did last time, as far as it still may."""
    if known is None:
        return None
    numbers = np.flatnonzero(part.arrays.integer)
    lower, upper = part.arrays.lower[numbers], part.arrays.upper[numbers]
    return Start(numbers, np.clip(np.round(known[numbers]), lower, upper))
