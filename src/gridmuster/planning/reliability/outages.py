"""Units that may fail, column by column: what each loses in each of its states, and how likely.

All units are independent. Powers may be in any one unit as long as it is the same throughout; names
say kW.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridmuster.errors import PlanningError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Probabilities of a unit's states may miss 1 by this much before they are scaled to 1.
SUM_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class State:
    """One state of a unit.

    Args:
        available_kw: what it can give in this state, kW; derated states lie between.
        probability: of the state.
    """

    available_kw: float
    probability: float


@dataclass(frozen=True, slots=True)
class OutageUnits:
    """Units that may fail; states of unit ``i`` are ``first[i]:first[i + 1]``.

    Args:
        first: where each unit's states begin, and the end, shape (units + 1,).
        lost_kw: capacity lost in each state, kW, shape (states,).
        probability: of each state, shape (states,); adds up to 1 by unit.
        capacity_kw: of one unit with nothing lost, kW, shape (units,).
        count: how many such units there are, shape (units,).
    """

    first: Ints
    lost_kw: Floats
    probability: Floats
    capacity_kw: Floats
    count: Ints

    @property
    def size(self) -> int:
        """Number of rows; each stands for ``count`` units."""
        return len(self.capacity_kw)

    @property
    def total_kw(self) -> float:
        """Capacity of all units together, kW."""
        return float(np.dot(self.capacity_kw, self.count))

    def owner(self) -> Ints:
        """The unit of each state, shape (states,)."""
        return np.repeat(np.arange(self.size), np.diff(self.first))

    def expected_lost_kw(self) -> Floats:
        """Mean of what one unit loses, kW, shape (units,)."""
        mean_kw = np.bincount(self.owner(), self.probability * self.lost_kw, self.size)
        return np.asarray(mean_kw, dtype=np.float64)

    def chosen(self, rows: Ints) -> OutageUnits:
        """Some of the units, in the order asked for.

        Args:
            rows: numbers of units.
        """
        sizes = np.diff(self.first)[rows]
        first = np.concatenate([[0], np.cumsum(sizes)])
        take = np.arange(first[-1]) + np.repeat(self.first[:-1][rows] - first[:-1], sizes)
        return OutageUnits(
            first,
            self.lost_kw[take],
            self.probability[take],
            self.capacity_kw[rows],
            self.count[rows],
        )


def two_state(
    capacity_kw: ArrayLike, availability: ArrayLike, count: ArrayLike | None = None
) -> OutageUnits:
    """Units that are there with their whole capacity or not at all.

    Args:
        capacity_kw: of each unit, kW, shape (units,).
        availability: probability that it is there, shape (units,) or one for all.
        count: how many identical ones each row stands for, shape (units,); None: one.

    Raises:
        PlanningError: for a negative or not finite capacity, a probability outside 0 to 1, or a
            negative count.
    """
    capacity = np.atleast_1d(np.asarray(capacity_kw, dtype=np.float64))
    there = np.broadcast_to(np.asarray(availability, dtype=np.float64), capacity.shape)
    size = len(capacity)
    lost = np.column_stack([np.zeros(size), capacity]).ravel()
    odds = np.column_stack([there, 1.0 - there]).ravel()
    first = np.arange(0, 2 * size + 1, 2, dtype=np.int64)
    return _checked(OutageUnits(first, lost, odds, capacity, _counts(count, size)))


def multi_state(units: Sequence[Sequence[State]], count: ArrayLike | None = None) -> OutageUnits:
    """Units with derated states.

    Args:
        units: the states of each unit; the largest available power is its capacity.
        count: how many identical ones each stands for, shape (units,); None: one.

    Raises:
        PlanningError: for a unit without states, a power or probability that makes no sense, or
            probabilities that do not add up to 1.
    """
    for number, states in enumerate(units):
        if not states:
            raise PlanningError(f"unit {number}: no states; expected at least one")
    capacity = np.array([max(s.available_kw for s in states) for states in units], dtype=float)
    sizes = [len(states) for states in units]
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    there = np.array([s.available_kw for states in units for s in states], dtype=float)
    odds = np.array([s.probability for states in units for s in states], dtype=float)
    if bool(np.any(there < 0.0)):
        raise PlanningError(f"available power {there.min():g} kW; expected 0 or above")
    lost = np.repeat(capacity, sizes) - there
    return _checked(OutageUnits(first, lost, odds, capacity, _counts(count, len(units))))


def joined(parts: Sequence[OutageUnits]) -> OutageUnits:
    """All units of several groups, one after the other."""
    firsts = [np.zeros(1, dtype=np.int64)]
    for part in parts:
        firsts.append(part.first[1:] + firsts[-1][-1])
    return OutageUnits(
        np.concatenate(firsts),
        np.concatenate([np.zeros(0), *(part.lost_kw for part in parts)]),
        np.concatenate([np.zeros(0), *(part.probability for part in parts)]),
        np.concatenate([np.zeros(0), *(part.capacity_kw for part in parts)]),
        np.concatenate([np.zeros(0, dtype=np.int64), *(part.count for part in parts)]),
    )


def grouped(units: OutageUnits) -> OutageUnits:
    """The same units with identical rows counted together; the order may change."""
    keys: dict[bytes, int] = {}
    rows: list[int] = []
    number = np.empty(units.size, dtype=np.int64)
    for row in range(units.size):
        part = slice(int(units.first[row]), int(units.first[row + 1]))
        key = units.lost_kw[part].tobytes() + units.probability[part].tobytes()
        number[row] = keys.setdefault(key, len(rows))
        if number[row] == len(rows):
            rows.append(row)
    found = units.chosen(np.array(rows, dtype=np.int64))
    count = np.zeros(len(rows), dtype=np.int64)
    np.add.at(count, number, units.count)
    return OutageUnits(found.first, found.lost_kw, found.probability, found.capacity_kw, count)


def _counts(count: ArrayLike | None, size: int) -> Ints:
    if count is None:
        return np.ones(size, dtype=np.int64)
    return np.broadcast_to(np.asarray(count, dtype=np.int64), (size,)).copy()


def _checked(units: OutageUnits) -> OutageUnits:
    """The units with probabilities scaled to 1, or the first fault by name."""
    owner = units.owner()
    for what, bad in (
        ("capacity", ~np.isfinite(units.lost_kw) | (units.lost_kw < 0.0)),
        ("probability", ~((units.probability >= 0.0) & (units.probability <= 1.0))),
    ):
        if bool(bad.any()):
            at = int(np.argmax(bad))
            value = units.lost_kw[at] if what == "capacity" else units.probability[at]
            limit = "0 or above" if what == "capacity" else "0 to 1"
            raise PlanningError(f"unit {owner[at]}: {what} {value:g}; expected {limit}")
    sums = np.bincount(owner, units.probability, units.size)
    wrong = np.abs(sums - 1.0) > SUM_SLACK
    if bool(wrong.any()):
        at = int(np.argmax(wrong))
        raise PlanningError(f"unit {at}: states have probability {sums[at]:g}; expected 1 in all")
    if bool(np.any(units.count < 0)):
        raise PlanningError(f"count {units.count.min()} of a unit; expected 0 or above")
    probability = units.probability / sums[owner]
    return OutageUnits(units.first, units.lost_kw, probability, units.capacity_kw, units.count)
