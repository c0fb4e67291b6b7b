"""Economic dispatch of units whose cost ripples: a dynamic programme with a proven bound.

Between two valve points a unit's cost is concave but for slivers next to them, so that by hardly
lowering it a function is had that is concave there (`_lowered`). A sum of concave functions over a
box cut by one balance has its minimum where all units but one stand at the ends of their pieces:
all but one stand at valve points or limits, and one is free to close the balance. A dynamic
programme over the sums of such points, without each kind of unit in turn, finds the best of these.

Sums are kept in cells. Every cell's unknown rest is given to the free unit as slack, which can
only lower the cost: the least over all cells is a lower bound, less the lowering. The best cell's
points, with the free unit closing the balance exactly, are a dispatch. Cells are made finer until
both meet. Costs are taken less a price times power, the price of the Lagrangian's best bound, so
that slack is worth little, and what costs more than the best dispatch known is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import asin, inf, pi, sqrt

import numpy as np
import numpy.typing as npt

from gridmuster.compiled import compiled
from gridmuster.planning.cases.dispatch_case import DispatchUnit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Choices = npt.NDArray[np.int16]

#: Cells of the first pass; each further pass has `FINER` times as many, up to `MOST_CELLS`.
FIRST_CELLS, FINER, MOST_CELLS = 2**14, 8, 2**23
#: Share of the cost that lowering all units to concave pieces may take from the bound.
LOWERING = 2e-7
#: Points that a unit may have besides its valve points and limits.
MOST_POINTS = 600
#: Cells worked on at a time: their costs stay in the first cache.
_BLOCK = 2_048


@dataclass(frozen=True, slots=True)
class Kind:
    """Units that differ in nothing but their names.

    Args:
        unit: one of them.
        members: where they stand in the question.
        points_mw: valve points, limits and points between, rising, MW.
        lowered_usd: how far its cost lies above concave pieces between the points, USD/h.
    """

    unit: DispatchUnit
    members: tuple[int, ...]
    points_mw: Floats
    lowered_usd: float

    @property
    def costs_usd(self) -> Floats:
        """Cost at the points, USD/h."""
        return costs(self.unit, self.points_mw)


@dataclass(frozen=True, slots=True)
class ValveAnswer:
    """The best dispatch found and what no dispatch can beat.

    Args:
        power_mw: of each unit, MW.
        cost: of that, USD/h.
        lower_bound: proven, USD/h.
        price_usd_per_mwh: price of the Lagrangian's best bound.
        cells: of the last pass; 0 without one.
    """

    power_mw: tuple[float, ...]
    cost: float
    lower_bound: float
    price_usd_per_mwh: float
    cells: int


def costs(unit: DispatchUnit, power_mw: Floats) -> Floats:
    """Cost of an hour at each power, USD/h."""
    smooth = unit.constant + (unit.linear + unit.square * power_mw) * power_mw
    ripple = unit.ripple * np.sin(unit.ripple_per_mw * (unit.min_mw - power_mw))
    return np.asarray(smooth + np.abs(ripple))


def _lowered(unit: DispatchUnit, width_mw: float) -> float:
    """By how much a cost exceeds some concave function below it on a piece so wide, USD/h.

    With second derivative at most ``k = 2 c`` and above 0 only within ``d`` of the piece's ends,
    subtract the convex function that collects the rise of the slope and add its chord: the result
    is concave, and above the cost by at most ``k d^2``; by ``k w^2 / 8`` for any ``d``.
    """
    square = max(unit.square, 0.0)
    whole = 0.25 * square * width_mw**2
    bend = unit.ripple * unit.ripple_per_mw**2
    if bend <= 2.0 * square:
        return whole
    near_mw = asin(2.0 * square / bend) / unit.ripple_per_mw
    return min(2.0 * square * near_mw**2, whole)


def kinds_of(units: Sequence[DispatchUnit], lowering_usd: float) -> list[Kind]:
    """Alike units together, with their points.

    Args:
        units: of a question.
        lowering_usd: how much lowering all of them may cost together, USD/h.
    """
    found: dict[DispatchUnit, list[int]] = {}
    for number, unit in enumerate(units):
        found.setdefault(replace(unit, name=""), []).append(number)
    each = lowering_usd / len(units)
    return [_kind(unit, tuple(members), each) for unit, members in found.items()]


def _kind(unit: DispatchUnit, members: tuple[int, ...], lowering_usd: float) -> Kind:
    ends = [unit.min_mw, unit.max_mw]
    if unit.ripple * unit.ripple_per_mw > 0.0:
        apart_mw = pi / unit.ripple_per_mw
        valves = int((unit.max_mw - unit.min_mw) / apart_mw)
        ends[1:1] = [unit.min_mw + k * apart_mw for k in range(1, valves + 1)]
    ends = sorted({min(end, unit.max_mw) for end in ends})
    points, lowered = [ends[0]], 0.0
    for left, right in pairwise(ends):
        parts = 1
        if _lowered(unit, right - left) > lowering_usd:
            fine_mw = sqrt(4.0 * lowering_usd / max(unit.square, 1e-300))
            most = max(MOST_POINTS // len(ends), 1)
            parts = int(min(max((right - left) / fine_mw, 1.0) + 1.0, most))
        lowered = max(lowered, _lowered(unit, (right - left) / parts))
        points += [left + (right - left) * k / parts for k in range(1, parts)] + [right]
    return Kind(unit, members, np.array(points), lowered)


def best_price(kinds: Sequence[Kind], demand_mw: float) -> tuple[float, float]:
    """Price and value of the Lagrangian's best bound over the points, USD/MWh and USD/h."""

    def bound(price: float) -> tuple[float, float]:
        value, given = price * demand_mw, 0.0
        for kind in kinds:
            less = kind.costs_usd - price * kind.points_mw
            at = int(less.argmin())
            value += len(kind.members) * float(less[at])
            given += len(kind.members) * float(kind.points_mw[at])
        return value, given

    steepest = max(
        float(np.abs(np.diff(kind.costs_usd) / np.diff(kind.points_mw)).max(initial=0.0))
        for kind in kinds
    )
    low, high = -steepest - 1.0, steepest + 1.0
    best = max((bound(low)[0], low), (bound(high)[0], high))
    for _ in range(80):
        price = 0.5 * (low + high)
        value, given = bound(price)
        best = max(best, (value, price))
        low, high = (price, high) if given < demand_mw else (low, price)
    return best[1], best[0]


@compiled
def _with_one_more(before: Floats, steps: Ints, usd: Floats, cut: float, after: Floats) -> None:
    """Least cost by sum with one more unit: ``after[s] = min before[s - steps[j]] + usd[j]``."""
    count = before.shape[0]
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        after[start:stop] = np.inf
        for j in range(steps.shape[0]):
            first = max(start, steps[j])
            if first >= stop:
                continue
            into, source = after[first:stop], before[first - steps[j] : stop - steps[j]]
            add = usd[j]
            for k in range(into.shape[0]):
                there = source[k] + add
                into[k] = there if there < into[k] else into[k]
        for k in range(start, stop):
            if after[k] > cut:
                after[k] = np.inf


@compiled
def _chosen(before: Floats, steps: Ints, usd: Floats, after: Floats, chosen: Choices) -> None:
    """The same, without a cut, with the point chosen by sum."""
    for s in range(before.shape[0]):
        best, at = np.inf, 0
        for j in range(steps.shape[0]):
            if steps[j] <= s and before[s - steps[j]] + usd[j] < best:
                best, at = before[s - steps[j]] + usd[j], j
        after[s] = best
        chosen[s] = at


@compiled
def _least_with_free(
    others: Floats,
    slack: tuple[float, float, float, float],
    unit: tuple[float, float, float, float, float, float, float],
    cut: float,
) -> tuple[float, float, int]:
    """The least cost of a cell and a free unit: as a bound, and with the cell's rest left out.

    Args:
        others: least cost of all others by cell, USD/h less the price times power.
        slack: what is left for the free unit at cell 0, MW, a cell's width, and least and most of
            the cells' unknown rests, MW.
        unit: the free unit's limits, cost and ripple (`DispatchUnit`'s order), less the price.
        cut: cells above it are out.
    """
    left, width, least, most = slack
    low, high, constant, linear, square, ripple, rate = unit
    bound, best, at = np.inf, np.inf, -1
    for s in range(others.shape[0]):
        if not others[s] <= cut:
            continue
        near, far = left - s * width - most, left - s * width - least
        if far < low or near > high:
            continue
        near, far = max(near, low), min(far, high)
        middle = min(max(left - s * width, low), high)
        for part in range(3):
            p = near if part == 0 else (far if part == 1 else middle)
            usd = others[s] + constant + (linear + square * p) * p
            usd += abs(ripple * np.sin(rate * (low - p)))
            if part < 2 and usd < bound:
                bound = usd
            if part == 2 and usd < best:
                best, at = usd, s
    return bound, best, at


@dataclass(frozen=True, slots=True)
class _Steps:
    """A kind's points as whole cells, what that rounds away, and their costs above the least."""

    kind: Kind
    cells: Ints
    usd: Floats
    least_mw: float
    most_mw: float


class ValveSearch:
    """Dispatches units with valve points.

    Args:
        units: all of them on.
        demand_mw: to be met exactly, within what they can give, MW.
    """

    def __init__(self, units: Sequence[DispatchUnit], demand_mw: float) -> None:
        self._units = units
        self._demand_mw = demand_mw
        scale = sum(abs(unit.price(unit.max_mw)) for unit in units)
        self._kinds = kinds_of(units, LOWERING * max(scale, 1e-6))
        self.lowered_usd = sum(kind.lowered_usd * len(kind.members) for kind in self._kinds)
        self.price, self._base = best_price(self._kinds, demand_mw)
        self.lower_bound = self._base - self.lowered_usd
        self.cost = inf
        self.power_mw: tuple[float, ...] = ()
        self._take(self._by_merit())

    def run(self, gap: float, allowed: Callable[[float], bool]) -> ValveAnswer:
        """Make cells finer until the gap is met or no more is allowed.

        Args:
            gap: relative gap at which to stop.
            allowed: whether a pass of so many operations may be made.
        """
        cells, done = FIRST_CELLS, 0
        while self.cost - self.lower_bound > gap * abs(self.cost) and cells <= MOST_CELLS:
            points = sum(len(kind.members) * len(kind.points_mw) for kind in self._kinds)
            if not allowed(float(cells) * points * (len(self._kinds).bit_length() + 1)):
                break
            self._pass(cells)
            cells, done = cells * FINER, cells
        return ValveAnswer(
            self.power_mw, self.cost, min(self.lower_bound, self.cost), self.price, done
        )

    def _pass(self, cells: int) -> None:
        least_mw = sum(unit.min_mw for unit in self._units)
        width = max(self._demand_mw - least_mw, 1e-9) / (cells - 1)
        steps = [self._steps(kind, width) for kind in self._kinds]
        # All but the free unit cost at least nil above the price's least, and that one at most
        # the lowering less: what is beyond both together is no cheaper than the best one known.
        known = self.cost - self._base
        cut = known + self.lowered_usd + 1e-9 * abs(self.cost)
        start = np.full(cells + 1, inf)
        start[0] = 0.0
        bound = known
        found: list[tuple[float, int, int]] = []
        for number, others in _without_each(steps, start, cut):
            low, best, at = self._free(steps, number, others, width, cut)
            bound = min(bound, low)
            found.append((best, number, at))
        self.lower_bound = max(self.lower_bound, self._base + bound - self.lowered_usd)
        for best, number, at in sorted(found)[:2]:
            if at >= 0 and best < known:
                self._take(self._traced(steps, number, at, cells + 1))

    def _steps(self, kind: Kind, width: float) -> _Steps:
        above = kind.points_mw - kind.points_mw[0]
        cells = np.rint(above / width).astype(np.int64)
        rest = above - cells * width
        usd = kind.costs_usd - self.price * kind.points_mw
        return _Steps(kind, cells, usd - usd.min(), float(rest.min()), float(rest.max()))

    def _free(
        self, steps: list[_Steps], number: int, others: Floats, width: float, cut: float
    ) -> tuple[float, float, int]:
        """Bound and best cell with one unit of a kind free and all others at their points."""
        kind = steps[number].kind
        unit = kind.unit
        rows = [(one, len(one.kind.members) - (k == number)) for k, one in enumerate(steps)]
        left = self._demand_mw - sum(count * one.kind.unit.min_mw for one, count in rows)
        least = sum(count * one.least_mw for one, count in rows)
        most = sum(count * one.most_mw for one, count in rows)
        less = float((kind.costs_usd - self.price * kind.points_mw).min())
        cost = (unit.constant - less, unit.linear - self.price, unit.square)
        bound, best, at = _least_with_free(
            others,
            (left, width, least, most),
            (unit.min_mw, unit.max_mw, *cost, unit.ripple, unit.ripple_per_mw),
            cut,
        )
        # The free unit's own points inside a cell's slack are its lowest there.
        for point_mw, usd in zip(kind.points_mw, steps[number].usd, strict=True):
            first = max(int((left - most - point_mw) / width) - 1, 0)
            last = min(int((left - least - point_mw) / width) + 2, others.shape[0])
            if first < last:
                bound = min(bound, float(others[first:last].min()) + float(usd))
        return bound, best, at

    def _traced(self, steps: list[_Steps], number: int, at: int, cells: int) -> Floats:
        """Powers of the best dispatch of a cell, one unit of a kind free."""
        order = [
            (one, member)
            for k, one in enumerate(steps)
            for member in one.kind.members[1 if k == number else 0 :]
        ]
        before = np.full(cells, inf)
        before[0] = 0.0
        choices = []
        for one, _ in order:
            after, chosen = np.empty(cells), np.empty(cells, dtype=np.int16)
            _chosen(before, one.cells, one.usd, after, chosen)
            choices.append(chosen)
            before = after
        power = np.zeros(len(self._units))
        for (one, member), chosen in zip(reversed(order), reversed(choices), strict=True):
            point = int(chosen[at])
            power[member] = one.kind.points_mw[point]
            at -= int(one.cells[point])
        power[steps[number].kind.members[0]] = self._demand_mw - power.sum()
        return power

    def _by_merit(self) -> Floats:
        """A dispatch to begin with: the points of the best price, made to balance one by one."""
        power = np.empty(len(self._units))
        for kind in self._kinds:
            less = kind.costs_usd - self.price * kind.points_mw
            power[list(kind.members)] = kind.points_mw[int(less.argmin())]
        return power

    def _take(self, power: Floats) -> None:
        """Keep a dispatch if it is cheaper; what is left to balance goes to who has room."""
        for number, unit in enumerate(self._units):
            power[number] = min(max(power[number], unit.min_mw), unit.max_mw)
        for number, unit in enumerate(self._units):
            wish = power[number] + self._demand_mw - power.sum()
            power[number] = min(max(wish, unit.min_mw), unit.max_mw)
        cost = sum(unit.price(float(mw)) for unit, mw in zip(self._units, power, strict=True))
        if cost < self.cost:
            self.cost = cost
            self.power_mw = tuple(float(mw) for mw in power)


def _without_each(steps: list[_Steps], start: Floats, cut: float) -> Iterator[tuple[int, Floats]]:
    """Least cost by sum of all units but one of each kind in turn, by halving the kinds."""

    def added(before: Floats, one: _Steps, count: int) -> Floats:
        for _ in range(count):
            after = np.empty_like(before)
            _with_one_more(before, one.cells, one.usd, cut, after)
            before = after
        return before

    def halves(first: int, last: int, before: Floats) -> Iterator[tuple[int, Floats]]:
        if last - first == 1:
            one = steps[first]
            yield first, added(before, one, len(one.kind.members) - 1)
            return
        middle = (first + last) // 2
        for mine, other in (((first, middle), (middle, last)), ((middle, last), (first, middle))):
            half = before
            for number in range(*other):
                half = added(half, steps[number], len(steps[number].kind.members))
            yield from halves(*mine, half)

    yield from halves(0, len(steps), start)
