"""Rows that every plan with whole numbers keeps, found when a relaxation breaks them.

**Largest loss.** For units i1, i2, ... of falling capacity c,

    largest >= floor + sum_k (c_ik - c_i(k+1)) u_ik ,   c after the last = floor

(if the largest of them that is on is i_r, the terms from r on add up to no more than c_ir). These
are all there are to say about a maximum over binaries (the greedy algorithm of Edmonds for
polymatroids finds the most violated), and whole plans need no other rows to get it right.

**Capacity.** What is on must cover demand, reserve and the loss of any unit i:

    sum_{j != i} c_j u_j + y >= need ,   y >= 0: stores, sun and wind, unserved, missing reserve

Mixed-integer rounding (Nemhauser, Wolsey 1988, II.1.7): divided by some capacity d, with f the
fractional part of need / d,

    sum_j (floor(c_j/d) + min(frac(c_j/d) / f, 1)) u_j + y / (d f) >= ceil(need / d)

Units nearly on and stores nearly full are counted from their upper end (1 - u, limit - y), a store
then dropping out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridmuster.planning.highs import Cut
from gridmuster.planning.linear import Floats, Ints
from gridmuster.planning.links import LinkEnd, ends
from gridmuster.planning.milp import Built
from gridmuster.planning.problem import PlanProblem

#: Least violation that is worth a row: largest loss as a share of it; capacity as a distance.
LEAST_LARGEST = 1e-3
LEAST_CAPACITY = 1e-4
#: Fractional parts of need / d outside of these make rows of bad numbers.
FRACTION = (0.02, 0.999)
#: A unit this fractional is worth trying as divisor, this far on as the one that is lost.
TRY_DIVISOR = 1e-3
TRY_LOST = 0.3


@dataclass(frozen=True, slots=True)
class _Terms:
    """A capacity row's continuous part in each interval, counted from the nearer end."""

    need: Floats
    rest: Floats
    kept: tuple[tuple[Ints, NDArray[np.bool_]], ...]


class CapacityCuts:
    """Finds violated rows for a model (built `lazy`), area by area.

    Args:
        problem: the problem.
        built: its model.
    """

    def __init__(self, problem: PlanProblem, built: Built) -> None:
        self._areas = [_AreaCuts(problem, built, number) for number in range(len(problem.areas))]

    def find(self, values: Floats, most: int = 2) -> list[Cut]:
        """Violated rows at a point.

        Args:
            values: the point.
            most: most capacity rows an interval and area.
        """
        return [cut for area in self._areas for cut in area.find(values, most)]


class _AreaCuts:
    """Finds violated rows of one area."""

    def __init__(self, problem: PlanProblem, built: Built, number: int) -> None:
        reserve = built.reserve[number]
        where, area = reserve.where, problem.areas[number]
        members = [n for n, group in enumerate(built.groups) if group.area == number]
        groups = [built.groups[n] for n in members]
        stores = [n for n, store in enumerate(problem.stores) if store.area == area.id]
        shape = (len(groups), len(where))
        self._size = len(where)
        self._largest = reserve.largest
        self._floor = reserve.largest_floor
        self._some = np.array(reserve.some, dtype=np.int64).reshape(shape)
        on = [built.commitment[n].on[where] for n in members]
        self._on = np.array(on, dtype=np.int64).reshape(shape)
        self._capacity = np.array([g.max_kw[where] for g in groups]).reshape(shape)
        self._open = np.array([g.open[where] for g in groups], dtype=bool).reshape(shape)
        self._single = np.array([group.count == 1 for group in groups], dtype=bool)
        self._order = np.argsort(-self._capacity, axis=0, kind="stable")
        self._need = (
            np.asarray(area.demand_kw, dtype=float)
            + np.asarray(area.reserve_kw, dtype=float)
            - np.asarray(area.import_limit_kw, dtype=float)
        )[where]
        # What units give while they start counts as if all of them always did.
        self._need = self._need - sum(g.count * g.starts.power_kw.max(initial=0.0) for g in groups)
        self._free: tuple[Ints, ...] = (built.areas[number].unserved[where], reserve.short)
        self._bounded = [
            (columns, np.asarray(problem.stores[n].discharge_kw, dtype=float)[where])
            for n, columns in zip(stores, reserve.able, strict=True)
        ]
        self._bounded += [
            (columns[where], pool.available_kw[where])
            for pool, columns in zip(built.pools, built.pool_columns, strict=True)
            if pool.area == number
        ]
        for end in _ends(problem, built, area.id):
            # Losses, and what is sent out or lent, only make the need greater.
            limit_kw = end.most_kw[where]
            self._bounded.append((end.into[where], limit_kw))
            self._free += (end.borrowed[where],)

    def find(self, values: Floats, most: int) -> list[Cut]:
        """Violated rows at a point, at most so many capacity rows an interval."""
        if not self._size or not len(self._on):
            return []
        return self._largest_losses(values) + self._capacities(values, most)

    def _largest_losses(self, values: Floats) -> list[Cut]:
        # Units in the order of falling capacity; above the floor only, the others count as it.
        share = np.minimum(values[self._some], 1.0) * self._open
        share = np.take_along_axis(share, self._order, axis=0)
        height = np.maximum(np.take_along_axis(self._capacity, self._order, axis=0), self._floor)
        highest = np.maximum.accumulate(share, axis=0)
        steps = height - np.vstack([height[1:], self._floor])
        least = self._floor + (steps * highest).sum(axis=0)
        missing = least - values[self._largest]
        found = []
        for t in np.flatnonzero(missing > LEAST_LARGEST * np.maximum(1.0, least)):
            before = np.concatenate(([0.0], highest[:-1, t]))
            chain = np.flatnonzero(
                (highest[:, t] > before + 1e-9) & (height[:, t] > self._floor[t])
            )
            heights = height[chain, t]
            weights = heights - np.append(heights[1:], self._floor[t])
            columns = np.append(self._some[self._order[chain, t], t], self._largest[t])
            found.append(Cut(columns, np.append(-weights, 1.0), float(self._floor[t])))
        return found

    def _terms(self, values: Floats, hot: Ints) -> _Terms:
        everywhere = np.ones(len(hot), dtype=bool)
        kept = [(columns[hot], everywhere) for columns in self._free]
        rest = sum((values[columns[hot]] for columns in self._free), np.zeros(len(hot)))
        need = self._need[hot]
        for columns, limit in self._bounded:
            now = values[columns[hot]]
            full = now > 0.5 * limit[hot]
            need = need - np.where(full, limit[hot], 0.0)
            rest = rest + np.where(full, 0.0, now)
            kept.append((columns[hot], ~full))
        return _Terms(need, rest, tuple(kept))

    def _capacities(self, values: Floats, most: int) -> list[Cut]:
        on = values[self._on]
        fractional = on - np.floor(on) > TRY_DIVISOR
        # Where every number is whole there is nothing to round.
        hot = np.flatnonzero(fractional.any(axis=0))
        if not hot.size:
            return []
        on = on[:, hot]
        terms = self._terms(values, hot)
        capacity = self._capacity[:, hot]
        divisors = _unlike(capacity, np.flatnonzero(fractional.any(axis=1)))
        likely = np.argsort(-on.sum(axis=1), kind="stable")
        likely = likely[self._single[likely] & (on[likely] > TRY_LOST).any(axis=1)]
        found: list[tuple[float, int, Cut]] = []
        for unit in (-1, *_unlike(capacity, likely)):
            rows = np.flatnonzero(np.arange(len(on)) != unit)
            columns = self._on[np.ix_(rows, hot)]
            share, single = on[rows], self._single[rows, None]
            for full in (np.zeros(share.shape, dtype=bool), (share > 0.5) & single):
                row = _Row(capacity[rows], columns, share, full)
                for divisor in divisors:
                    _round(found, terms, row, capacity[divisor])
        found.sort(key=lambda one: -one[0])
        taken = [0] * len(hot)
        cuts = []
        for _, t, cut in found:
            if taken[t] < most:
                taken[t] += 1
                cuts.append(cut)
        return cuts


def _ends(problem: PlanProblem, built: Built, area: str) -> list[LinkEnd]:
    """The links of an area as it sees them."""
    found = []
    for link, columns in zip(problem.links, built.links, strict=True):
        one, other = ends(link, columns)
        if link.from_area == area:
            found.append(one)
        if link.to_area == area:
            found.append(other)
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    """The whole-number part of a capacity row; ``full`` units are counted from their upper end."""

    capacity: Floats
    columns: Ints
    share: Floats
    full: NDArray[np.bool_]


def _unlike(capacity: Floats, units: Ints) -> list[int]:
    """The first of each kind of units with equal capacities."""
    kinds: dict[bytes, int] = {}
    for unit in units.tolist():
        kinds.setdefault(capacity[unit].tobytes(), unit)
    return list(kinds.values())


def _round(found: list[tuple[float, int, Cut]], terms: _Terms, row: _Row, height: Floats) -> None:
    """Round with one divisor in all intervals; note what is violated."""
    need = terms.need - (row.capacity * row.full).sum(axis=0)
    safe = np.where(height > 0.0, height, 1.0)
    ratio = need / safe
    part = ratio - np.floor(ratio)
    usable = (height > 0.0) & (ratio > 0.0) & (part > FRACTION[0]) & (part < FRACTION[1])
    if not usable.any():
        return
    part = np.where(usable, part, 1.0)
    scaled = np.where(row.full, -row.capacity, row.capacity) / safe
    whole = np.floor(scaled)
    rounded = whole + np.minimum((scaled - whole) / part, 1.0)
    share = np.where(row.full, 1.0 - row.share, row.share)
    violation = np.ceil(ratio) - (rounded * share).sum(axis=0) - terms.rest / (safe * part)
    distance = np.where(usable, violation, -1.0) / np.sqrt((rounded**2).sum(axis=0) + 1.0)
    for t in np.flatnonzero(distance > LEAST_CAPACITY):
        full = row.full[:, t]
        extra = [columns[t] for columns, kept in terms.kept if kept[t]]
        weight = np.full(len(extra), 1.0 / (safe[t] * part[t]))
        cut = Cut(
            np.concatenate([row.columns[:, t], np.array(extra, dtype=np.int64)]),
            np.concatenate([np.where(full, -1.0, 1.0) * rounded[:, t], weight]),
            float(np.ceil(ratio[t]) - rounded[full, t].sum()),
        )
        found.append((float(distance[t]), int(t), cut))
