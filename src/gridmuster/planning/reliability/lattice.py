"""Outages in whole steps: the step all capacities share, and rounding with a known direction.

Where capacities are multiples of one step the lattice is exact. Where they are not, each loss is
rounded, and the direction says what the result proves:

* ``DOWN``: every outage is at most the true one, so that odds and energy are lower bounds.
* ``UP``: every outage is at least the true one, so that they are upper bounds.
* ``SPLIT``: a loss between two steps is shared between them so that its mean is kept. The sum then
  is the true one plus noise of mean zero, larger in convex order (Shaked and Shanthikumar,
  Stochastic Orders, section 3.A): expected energy is an upper bound, and both figures err in the
  second order of the step only. As a mixture of ``DOWN`` and ``UP`` it lies between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from gridmuster.planning.reliability.outages import Floats, Ints, OutageUnits

#: A loss this close to a multiple of the step, as a share of the largest loss, is one.
WHOLE = 1e-9
#: Decimals of a common step that are looked for.
DECIMALS = 6
#: Largest denominator of a step that is no decimal, like a third of a kW.
DENOMINATOR = 1000
#: Distinct losses up to which fractions are looked for.
FEW = 200


class Rounding(Enum):
    """Which way a loss between two steps goes."""

    DOWN = "down"
    SPLIT = "split"
    UP = "up"


@dataclass(frozen=True, slots=True)
class LatticeUnits:
    """Units whose losses are whole steps; states of unit ``i`` are ``first[i]:first[i + 1]``.

    Args:
        step_kw: the step, kW.
        first: where each unit's states begin, and the end, shape (units + 1,).
        lost: steps lost in each state, shape (states,).
        probability: of each state, shape (states,).
        count: how many such units, shape (units,).
    """

    step_kw: float
    first: Ints
    lost: Ints
    probability: Floats
    count: Ints

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.count)

    def owner(self) -> Ints:
        """The unit of each state, shape (states,)."""
        return np.repeat(np.arange(self.size), np.diff(self.first))

    def most(self) -> Ints:
        """Largest loss of one unit that may happen, steps, shape (units,)."""
        return self._extreme(np.maximum, 0)

    def least(self) -> Ints:
        """Smallest loss of one unit that may happen, steps, shape (units,)."""
        return self._extreme(np.minimum, np.iinfo(np.int64).max)

    def _extreme(self, which: np.ufunc, impossible: int) -> Ints:
        if not self.size:
            return np.zeros(0, dtype=np.int64)
        possible = np.where(self.probability > 0.0, self.lost, impossible)
        return np.asarray(which.reduceat(possible, self.first[:-1]), dtype=np.int64)


def common_step(values: Floats) -> float | None:
    """The largest step of which all values are multiples, or None if none is found.

    Looks for decimals first, then for fractions of small denominators.

    Args:
        values: losses, kW; zeros do not count.
    """
    known = np.unique(np.abs(values))
    known = known[known > 0.0]
    if not len(known):
        return 1.0
    slack = WHOLE * float(known[-1])
    for decimals in range(DECIMALS + 1):
        scale = 10.0**decimals
        whole = np.rint(known * scale)
        if float(whole[-1]) < 2.0**53 and bool(np.all(np.abs(known * scale - whole) <= slack)):
            divisor = int(np.gcd.reduce(whole.astype(np.int64)))
            return divisor / scale if divisor else None
    return _fraction_step(known, slack) if len(known) <= FEW else None


def _fraction_step(known: Floats, slack: float) -> float | None:
    parts = [Fraction(float(value)).limit_denominator(DENOMINATOR) for value in known]
    if any(abs(float(p) - v) > slack for p, v in zip(parts, known, strict=True)):
        return None
    below = lcm(*(part.denominator for part in parts))
    above = gcd(*(part.numerator * (below // part.denominator) for part in parts))
    return above / below if above else None


def on_lattice(units: OutageUnits, step_kw: float, rounding: Rounding) -> LatticeUnits:
    """The units with losses in whole steps.

    Args:
        units: the units.
        step_kw: the step, kW.
        rounding: where a loss between two steps goes.
    """
    steps = units.lost_kw / step_kw
    nearest = np.rint(steps)
    slack = np.maximum(WHOLE * float(units.lost_kw.max(initial=0.0)) / step_kw, 1e-9 * nearest)
    whole = np.abs(steps - nearest) <= np.minimum(slack, 0.25)
    low = np.where(whole, nearest, np.floor(steps)).astype(np.int64)
    if rounding is Rounding.DOWN:
        return LatticeUnits(step_kw, units.first, low, units.probability, units.count)
    if rounding is Rounding.UP:
        high = low + ~whole
        return LatticeUnits(step_kw, units.first, high, units.probability, units.count)
    share = np.where(whole, 0.0, steps - low)
    sizes = np.where(whole, 1, 2)
    first = np.concatenate([[0], np.cumsum(sizes)])[units.first]
    at = np.repeat(np.arange(len(low)), sizes)
    upper = np.concatenate([[False], at[1:] == at[:-1]]) if len(at) else np.zeros(0, dtype=bool)
    odds = units.probability[at] * np.where(upper, share[at], 1.0 - share[at])
    return LatticeUnits(step_kw, first, low[at] + upper, odds, units.count)
